"""The check: the connection, and the permission to read each kind. All its requests run at once."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing

from connector_core.discovery.connector_errors import connector_errors
from connector_core.errors import ConnectorCoreError, ForbiddenError, RejectedCredentialsError
from connector_core.messages import message
from connector_core.outcomes import CheckReport, Forecast, Probe
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import AnyConnector, Declaration


async def check(
    connector: AnyConnector, declarations: Iterable[Declaration], forecast: Callable[[], Forecast]
) -> CheckReport:
    """Raise what ``connector.check`` raises; report a kind that cannot be read with its remedy."""
    probes = [asyncio.create_task(_probe(connector, declaration)) for declaration in declarations]
    try:
        with connector_errors(connector):
            account = await connector.check()
        return CheckReport(account, tuple(await asyncio.gather(*probes)), forecast())
    finally:
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


async def _probe(connector: AnyConnector, declaration: Declaration) -> Probe:
    """Probe a kind by its first page."""
    try:
        with connector_errors(connector):
            async with aclosing(getattr(connector, declaration.method)()) as pages:
                page = await anext(pages, None)
    except ForbiddenError as error:
        return Probe(declaration, error.message, declaration.permission)
    except RejectedCredentialsError:
        # connector.check() judges the token; where that passes, the provider forbids one resource like that.
        refused = Reason(Code.RESOURCE_REFUSED, provider=connector.manifest.title)
        return Probe(declaration, message(refused), declaration.permission)
    except ConnectorCoreError as error:
        return Probe(declaration, error.message, error.hint)
    rows = page.rows if page else ()
    came = {name for entity in rows for name in entity.model_fields_set}
    unread = tuple(name for name in declaration.provides if rows and name not in came)
    remedy = declaration.permission if unread else ""
    return Probe(declaration, unread=unread, remedy=remedy, announced=page.announced if page else None)

"""The check: the connection, and whether each kind may be read. All its requests run at once."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing

from connector_core.discovery.faults import mapped, refusal
from connector_core.errors import ConnectorCoreError, ForbiddenError, RejectedCredentialsError
from connector_core.outcomes import CheckReport, Forecast, Probe
from connector_core.sdk.connector import AnyConnector, Declaration


async def check(
    connector: AnyConnector, declarations: Iterable[Declaration], forecast: Callable[[], Forecast]
) -> CheckReport:
    """Raises what ``connector.check`` raises; a kind that cannot be read is a probe with its remedy."""
    probes = [asyncio.create_task(_probe(connector, declaration)) for declaration in declarations]
    try:
        with mapped(connector):
            account = await connector.check()
        return CheckReport(account, tuple(await asyncio.gather(*probes)), forecast())
    finally:
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


async def _probe(connector: AnyConnector, declaration: Declaration) -> Probe:
    """A kind's probe is its first page."""
    try:
        with mapped(connector):
            async with aclosing(getattr(connector, declaration.method)()) as pages:
                page = await anext(pages, None)
    except ForbiddenError as error:
        return Probe(declaration, error.message, declaration.permission)
    except RejectedCredentialsError:
        # connector.check() judges the token; where that passes, this is how one resource is forbidden.
        return Probe(declaration, refusal(connector), declaration.permission)
    except ConnectorCoreError as error:
        return Probe(declaration, error.message, error.hint)
    rows = page.rows if page else ()
    came = {name for entity in rows for name in entity.model_fields_set}
    unread = tuple(name for name in declaration.provides if rows and name not in came)
    remedy = declaration.permission if unread else ""
    return Probe(declaration, unread=unread, remedy=remedy, announced=page.announced if page else None)

"""The check: the connection, and the permission to read each kind. All its requests run at once."""

import asyncio
from collections.abc import Callable, Iterable

from connector_core.discovery.connector_errors import account_of, next_page, pages_of
from connector_core.errors import (
    ConnectorCoreError,
    ForbiddenError,
    ProviderError,
    RejectedCredentialsError,
    UnavailableError,
)
from connector_core.messages import RUN_AGAIN, message
from connector_core.outcomes import CheckReport, Forecast, Probe
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Account, AnyConnector, Declaration


async def check_account(connector: AnyConnector, seconds: float) -> Account:
    """Return the account that ``connector.check`` finds. UnavailableError if that takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await account_of(connector)
    except TimeoutError:
        raise UnavailableError(
            f"{connector.manifest.title} did not answer the check within {seconds:g} s",
            call=None,
            hint="Try again later. The limits are [host] check_timeout and run_timeout in plugins.toml.",
        ) from None


async def check(
    connector: AnyConnector,
    declarations: Iterable[Declaration],
    forecast: Callable[[], Forecast],
    *,
    seconds: float,
) -> CheckReport:
    """Raise what ``connector.check`` raises; report a kind that cannot be read with its remedy.

    After so many ``seconds`` the check has failed; so has the probe of a kind.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    probes = [asyncio.create_task(_probe(connector, declaration, deadline)) for declaration in declarations]
    try:
        account = await check_account(connector, seconds)
        return CheckReport(account, tuple(await asyncio.gather(*probes)), forecast())
    finally:
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


def refuse_unreadable(report: CheckReport) -> None:
    """Raise ForbiddenError if no kind at all may be read."""
    if any(probe.ok for probe in report.probes):
        return
    first = report.probes[0]
    raise ForbiddenError(
        f"The connection works, but nothing may be read: {first.problem}",
        call=None,  # There was a request for each kind.
        hint=first.remedy,
        said=first.said,
    )


async def _probe(connector: AnyConnector, declaration: Declaration, deadline: float) -> Probe:
    """Probe a kind by its first page."""
    try:
        async with asyncio.timeout_at(deadline), pages_of(connector, declaration.method) as pages:
            page = await next_page(connector, pages)
    except TimeoutError:
        return Probe(declaration, f"{connector.manifest.title} did not answer in time", RUN_AGAIN)
    except ForbiddenError as error:
        return Probe(declaration, error.message, declaration.permission, said=error.said)
    except RejectedCredentialsError:
        # connector.check() judges the token; where that passes, the provider forbids one resource like that.
        refused = Reason(Code.RESOURCE_REFUSED, provider=connector.manifest.title)
        return Probe(declaration, message(refused), declaration.permission)
    except ConnectorCoreError as error:
        said = error.said if isinstance(error, ProviderError) else ""
        return Probe(declaration, error.message, error.hint, said=said)
    rows = page.rows if page else ()
    came = {name for entity in rows for name in entity.model_fields_set}
    unread = tuple(name for name in declaration.provides if rows and name not in came)
    remedy = declaration.permission if unread else ""
    return Probe(declaration, unread=unread, remedy=remedy, announced=page.announced if page else None)

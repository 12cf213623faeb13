"""Integrations: ``connect``, ``integrations``, ``check`` and ``remove``."""

from collections.abc import Coroutine
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from connector_core.cli.encoding import plain, print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import Fields, fill
from connector_core.cli.loop import run_async
from connector_core.cli.output import console, table
from connector_core.cli.plan import how_to_decide
from connector_core.cli.questions import confirm
from connector_core.cli.schedule import as_json, in_short
from connector_core.cli.sign_in import sign_in
from connector_core.host import Host
from connector_core.messages import counted
from connector_core.outcomes import CheckReport, Verdict
from connector_core.phrases import ago, costs, days_since, token_age
from connector_core.store import Integration


def connect(
    connector: str,
    /,
    *,
    name: str | None = None,
    change_tenant: Annotated[bool, Parameter(negative="")] = False,
    no_browser: Annotated[bool, Parameter(negative="")] = False,
    redirect_port: int = 0,
    flags: Flags = DEFAULT,
    **fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
) -> Coroutine[Any, Any, int]:
    """Add an integration: ask for its fields, check them at the provider, then save them.

    For an existing name the credentials are replaced, once they have been checked; the data is kept.

    Args:
        connector: Its name in `discover list`.
        name: A name for the integration, such as acme. On a terminal it is asked for, if it is missing.
        change_tenant: Let the name stand for another company from now on. Its first run holds every change.
        no_browser: Only print the address at which a user has to sign in.
        redirect_port: The port of this machine that the browser is sent back to, if the provider knows only one.
        fields: The connector's fields: see `discover show`. Secrets: --FIELD-file FILE, or DISCOVER_FIELD.
    """
    host = flags.host()
    host.store.require_folder()
    chosen, filled = fill(host.registry.connector(connector), name, fields)
    return _connect(
        *(host, connector, chosen, filled, flags),
        change_tenant=change_tenant,
        browser=not no_browser,
        port=redirect_port,
    )


async def _connect(
    host: Host,
    connector: str,
    name: str,
    filled: Fields,
    flags: Flags,
    *,
    change_tenant: bool,
    browser: bool,
    port: int,
) -> int:
    async with host:
        known = any(one.name == name for one in await host.integrations())
        tokens = await sign_in(host, connector, name, filled, browser=browser, port=port)
        report = await host.connect(connector, name, filled, tokens=tokens, change_tenant=change_tenant)
    if flags.json:
        print_json({"integration": name, "replaced": known, **_check(report)})
        return 0
    _print_check(report)
    out = console()
    done = "is reconnected; its data is kept" if known else "is connected"
    out.print(f"{name} ({plain(report.account.name)}) {done}.", style="green")
    out.print(f"Next: {flags.command(f'run {name}')}", soft_wrap=True)
    return 0


async def integrations(*, flags: Flags = DEFAULT) -> int:
    """List the integrations: connector, last run, its verdict, waiting plan, stored rows, age of the credentials."""
    async with flags.host() as host:
        found = [await _integration(host, one) for one in await host.integrations()]
        schedules = {one["name"]: await host.schedules.get(one["name"]) for one in found}
    if flags.json:
        print_json({"integrations": [{**one, "schedule": as_json(schedules[one["name"]])} for one in found]})
        return 0
    rows = [
        (
            one["name"],
            one["connector"],
            one["account"],
            ago(one["last_run"]) if one["last_run"] else "never",
            _standing(one),
            tuple(f"{number:,} {kind}" for kind, number in one["stored"].items()),
            one["token"],
            in_short(schedules[one["name"]]),
        )
        for one in found
    ]
    headings = ("Name", "Connector", "Account", "Last run", "Verdict", "Stored", "Token", "Schedule")
    add = flags.command("connect namely --name acme")
    empty = f"There is no integration in {host.store.described}. Add one: {add}"
    out = console()
    out.print(table(headings, rows, optional=("Schedule",)) if rows else empty, soft_wrap=not rows)
    if waiting := [one["name"] for one in found if one["waiting"]]:
        out.print("\n" + "\n".join(how_to_decide(name, flags) for name in waiting), soft_wrap=True)
    return 0


async def check(name: str, /, *, flags: Flags = DEFAULT) -> int:
    """Check the connection and the permission to read each kind, and say what to grant where one is missing.

    Args:
        name: The integration.
    """
    async with flags.host() as host:
        report = await host.check(name)
    if flags.json:
        print_json({"integration": name, **_check(report)})
    else:
        _print_check(report)
    return 0 if report.ok else 1


def remove(
    name: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT
) -> Coroutine[Any, Any, int]:
    """Remove an integration with its secrets, its data and its history.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    stored = run_async(_describe_stored(name, flags))
    confirm(f"Remove {name}, its secrets and its data ({stored})?", yes=yes)
    return _remove(name, flags)


async def _describe_stored(name: str, flags: Flags) -> str:
    async with flags.host() as host:
        if await host.is_removed(name):
            return "removed before; traces may be left in the store's files"
        stored = await _stored(host, name)
    return ", ".join(f"{number:,} {kind}" for kind, number in stored.items()) or "no entities"


async def _remove(name: str, flags: Flags) -> int:
    async with flags.host() as host:
        await host.remove(name)
    if flags.json:
        print_json({"removed": name})
    else:
        console().print(f"{name} has been removed.")
    return 0


async def _integration(host: Host, one: Integration) -> dict[str, Any]:
    last, held = next(iter(await host.history(one.name, 1)), None), await host.held(one.name)
    # The plan that waits may be of an earlier run.
    waiting = bool(last and held and held.run_id == last.run.id)
    connector = host.registry.connectors.get(one.connector)
    lifetime = connector.manifest.token_lifetime if connector else None
    return {
        "name": one.name,
        "connector": one.connector,
        "account": one.account.name,
        "connected_at": one.created_at,
        "last_run": last.run.started_at if last else None,
        "verdict": last.describe(running=await host.is_running(one.name), waiting=waiting) if last else None,
        "waiting": {"run": held.run_id, "changes": held.changes} if held else None,
        "stored": await _stored(host, one.name),
        "token_age_days": days_since(one.credentials_at),
        "token": token_age(one.credentials_at, lifetime),
    }


def _standing(one: dict[str, Any]) -> tuple[str, ...]:
    """Return the verdict of the last run, and the plan that waits, which may be of an earlier one."""
    lines = [] if one["verdict"] in {None, Verdict.PLAN_WAITING} else [one["verdict"]]
    if one["waiting"]:
        lines.append(f"{Verdict.PLAN_WAITING} ({counted(one['waiting']['changes'], 'change')})")
    return tuple(lines)


async def _stored(host: Host, name: str) -> dict[str, int]:
    return {f"{kind.lower()}s": number for kind, number in (await host.count_entities(name)).items()}


def _check(report: CheckReport) -> dict[str, Any]:
    return {
        "account": report.account.name,
        "ok": report.ok,
        "forecast": report.forecast,
        "kinds": [
            {
                "kind": probe.declaration.kind.plural,
                "ok": probe.ok,
                "problem": probe.problem,
                "remedy": probe.remedy,
                "fields_not_visible": probe.unread,
                "announced": probe.announced,
            }
            for probe in report.probes
        ],
    }


def _print_check(report: CheckReport) -> None:
    out = console()
    rows = []
    for probe in report.probes:
        state = Text("may be read", style="green") if probe.ok else Text("may not be read", style="red")
        hidden = f"not visible: {', '.join(probe.unread)}" if probe.unread else ""
        problem = (probe.problem, f"The provider says: {probe.said}") if probe.said else probe.problem
        rows.append((probe.declaration.kind.plural, state, problem or hidden, probe.remedy))
    out.print(f"Account: {plain(report.account.name)}")
    if report.forecast.requests:
        out.print(f"A full scan takes {costs(report.forecast)}.")
    out.print()
    out.print(table(("Kind", "Permission", "Problem", "What to do"), rows, optional=("Problem", "What to do")))
    out.print()

"""What is configured: ``connect``, ``integrations``, ``check`` and ``remove``."""

from collections.abc import Coroutine
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import Fields, confirm, fill
from connector_core.cli.output import ago, console, costs, plain, print_json, table
from connector_core.host import Host
from connector_core.outcomes import CheckReport
from connector_core.store import Integration


def connect(
    connector: str,
    /,
    *,
    name: str,
    flags: Flags = DEFAULT,
    **fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
) -> Coroutine[Any, Any, int]:
    """Adds an integration: asks for its fields, checks them at the provider, then saves them.

    On an existing name it replaces the credentials, once they are checked, and keeps the data.

    Args:
        connector: As `discover list` names it.
        name: What to call the integration, such as acme.
        fields: The connector's fields, as `discover show CONNECTOR` lists them. A secret is read from
            a file (--FIELD-file, - for standard input) or from DISCOVER_FIELD, never from a flag's value.
    """
    host = flags.host()
    # Asked here, before there is an event loop: Ctrl-C at a question must end it.
    return _connect(host, connector, name, fill(host.registry.connector(connector).credentials_type, fields), flags)


async def _connect(host: Host, connector: str, name: str, filled: Fields, flags: Flags) -> int:
    async with host:
        known = any(one.name == name for one in host.integrations())
        report = await host.connect(connector, name, filled)
    if flags.json:
        print_json({"integration": name, "replaced": known, **_check(report)})
        return 0
    _print_check(report)
    out = console()
    done = "has new credentials; its data is kept" if known else "is connected"
    out.print(f"{name} ({plain(report.account.name)}) {done}.", style="green")
    out.print(f"Next: discover run {name}")
    return 0


def integrations(*, flags: Flags = DEFAULT) -> int:
    """What is configured: connector, last run and its verdict, counts, age of the token."""
    with closing(flags.host()) as host:
        rows = [_integration(host, one) for one in host.integrations()]
    if flags.json:
        print_json({"integrations": rows})
        return 0
    out = console()
    if not rows:
        out.print("No integration yet. Add one: discover connect namely --name acme")
        return 0
    headings = ("Name", "Connector", "Account", "Last run", "Verdict", "Stored", "Token")
    out.print(
        table(
            headings,
            [
                (
                    row["name"],
                    row["connector"],
                    row["account"],
                    ago(row["last_run"]) if row["last_run"] else "never",
                    row["verdict"] or "",
                    ", ".join(f"{number:,} {kind}" for kind, number in row["stored"].items()),
                    row["token"],
                )
                for row in rows
            ],
        )
    )
    return 0


async def check(name: str, /, *, flags: Flags = DEFAULT) -> int:
    """The connection and each kind's permission, with what to grant where when one is missing.

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
    """Removes an integration, its secrets, its data and its history.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    with closing(flags.host()) as host:
        host.store.integrations.get(name)
        stored = ", ".join(f"{number:,} {kind}" for kind, number in _stored(host, name).items()) or "no entities"
    confirm(f"Remove {name}, its secrets and its data ({stored})?", yes=yes)
    return _remove(name, flags)


async def _remove(name: str, flags: Flags) -> int:
    async with flags.host() as host:
        await host.remove(name)
    if flags.json:
        print_json({"removed": name})
    else:
        console().print(f"{name} is removed.")
    return 0


def _integration(host: Host, one: Integration) -> dict[str, Any]:
    runs = host.history(one.name, 1)
    last = runs[0] if runs else None
    verdict = last.standing(running=host.store.is_locked(one.name)) if last else None
    found = host.registry.connectors.get(one.connector)
    lifetime = found.manifest.token_lifetime if found else None
    age = (datetime.now(UTC) - one.credentials_at).days
    left = f", {lifetime.days - age} left" if lifetime else ""
    return {
        "name": one.name,
        "connector": one.connector,
        "account": one.account.name,
        "connected_at": one.created_at,
        "last_run": last.run.started_at if last else None,
        "verdict": verdict,
        "stored": _stored(host, one.name),
        "token_age_days": age,
        "token": f"{age} days old{left}",
    }


def _stored(host: Host, name: str) -> dict[str, int]:
    return {f"{kind.lower()}s": number for kind, number in host.store.entities.counts(name).items()}


def _check(report: CheckReport) -> dict[str, Any]:
    return {
        "account": report.account.name,
        "ok": report.ok,
        "forecast": asdict(report.forecast),
        "kinds": [
            {
                "kind": probe.declaration.kind.plural,
                "ok": probe.ok,
                "problem": probe.problem,
                "remedy": probe.remedy,
                "fields_not_visible": list(probe.unread),
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
        rows.append((probe.declaration.kind.plural, state, probe.problem or hidden, probe.remedy))
    out.print(f"Account: {plain(report.account.name)}")
    if report.forecast.requests:
        out.print(f"A full scan takes {costs(report.forecast)}.")
    out.print(table(("Kind", "Permission", "Problem", "What to do"), rows))

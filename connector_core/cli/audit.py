"""The audit log: ``audit``."""

from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.audit import AuditEntry
from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.history import MOST
from connector_core.cli.output import console, table
from connector_core.phrases import ago


async def audit(
    name: str | None = None,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST))] = 50,
    flags: Flags = DEFAULT,
) -> int:
    """List who did what, and when: connections, runs, decisions on plans, removals.

    Args:
        name: Only what concerns this integration, which may have been removed.
        limit: How many entries, the newest first.
    """
    async with flags.host() as host:
        entries = await host.audit.entries(name, limit=limit)
        if name is not None and not entries:
            # Of an integration there is an entry at least, unless it is older than the audit log.
            await host.history(name, 1)
    if flags.json:
        print_json({"entries": [_as_json(one) for one in entries]})
    else:
        rows = [_row(one) for one in entries]
        headings = ("When", "Who", "What", "Integration", "Run", "Details")
        optional = ("Integration", "Run", "Details")
        console().print(table(headings, rows, optional=optional) if rows else "The audit log is empty.")
    return 0


def _row(one: AuditEntry) -> tuple[str | tuple[str, ...], ...]:
    return (
        (f"{one.at:%Y-%m-%d %H:%M:%S} UTC", ago(one.at)),
        one.actor,
        one.action.replace("_", " "),
        one.integration or "",
        (one.run_id or "")[:8],
        tuple(f"{key.replace('_', ' ')}: {_shown(value)}" for key, value in one.details.items()),
    )


def _shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _as_json(one: AuditEntry) -> dict[str, Any]:
    return {
        "number": one.number,
        "at": one.at,
        "actor": one.actor,
        "action": one.action,
        "integration": one.integration,
        "run": one.run_id,
        "details": dict(one.details),
    }

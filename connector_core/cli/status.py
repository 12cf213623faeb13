"""The state of integrations, kind by kind: ``status``."""

from typing import Any

from rich.text import Text

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.phrases import ago
from connector_core.status import IntegrationStatus, KindStatus


async def status(name: str | None = None, /, *, flags: Flags = DEFAULT) -> int:
    """Show how integrations stand, kind by kind: last reading, age of the last complete one, what to do.

    The exit code is 1 if a kind was not read as requested, or something is to be done.

    Args:
        name: Only this integration.
    """
    async with flags.host() as host:
        found = [await host.status(name)] if name else await host.statuses()
    if flags.json:
        print_json({"integrations": [_as_json(one) for one in found]})
    elif found:
        headings = ("Name", "Kind", "Last reading", "Last complete", "Stored", "Held", "Cause and what to do")
        rows = [_row(one, kind, flags) for one in found for kind in one.kinds]
        console().print(table(headings, rows, right=("Stored", "Held"), optional=("Cause and what to do",)))
    else:
        add = flags.command("connect namely --name acme")
        console().print(f"There is no integration in {host.store.described}. Add one: {add}", soft_wrap=True)
    return 0 if all(one.good for one in found) else 1


def _row(one: IntegrationStatus, kind: KindStatus, flags: Flags) -> tuple[object, ...]:
    if one.is_running:
        standing = Text("running", style="cyan")
    elif kind.standing is None:
        standing = Text("not read yet", style="yellow")
    else:
        standing = Text(kind.standing, style="red" if not kind.standing.good else "yellow" if kind.cause else "green")
    return (
        one.name,
        kind.kind,
        standing,
        ago(kind.last_complete_at) if kind.last_complete_at else "never",
        f"{kind.stored:,}",
        f"{kind.held:,}" if kind.held else "",
        tuple(text for text in (kind.cause, flags.hint(kind.remedy)) if text),
    )


def _as_json(one: IntegrationStatus) -> dict[str, Any]:
    last = one.last_run
    return {
        "name": one.name,
        "connector": one.integration.connector,
        "account": one.integration.account.name,
        "credentials_at": one.integration.credentials_at,
        "last_run": {
            "id": last.run.id,
            "started_at": last.run.started_at,
            "finished_at": last.finished_at,
            "verdict": last.verdict,
            "error": last.error,
        }
        if last
        else None,
        "running": one.is_running,
        "waiting": {"run": one.held.run_id, "changes": one.held.changes} if one.held else None,
        "good": one.good,
        "cause": one.cause,
        "remedy": one.remedy,
        "kinds": [
            {
                "kind": kind.kind,
                "standing": kind.standing,
                "read_at": kind.read_at,
                "last_complete_at": kind.last_complete_at,
                "stored": kind.stored,
                "held": kind.held,
                "cause": kind.cause,
                "remedy": kind.remedy,
                "certificate": kind.certificate,
            }
            for kind in one.kinds
        ],
    }

"""Past runs: ``history``."""

from collections import Counter
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.cli.encoding import print_json, stream_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.cli.plan import NOUNS, print_plan
from connector_core.cli.report import rows_read
from connector_core.host import Host
from connector_core.messages import PROOFS, counted, message
from connector_core.outcomes import Certificate, Operation, State
from connector_core.phrases import ago
from connector_core.store import RunSummary

MOST = 10_000


async def history(
    name: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST))] = 20,
    run: str | None = None,
    flags: Flags = DEFAULT,
) -> int:
    """List the runs of an integration, with their certificates and changes.

    Args:
        name: The integration.
        limit: How many runs, the newest first.
        run: Show the changes of this run, by the beginning of its id.
    """
    async with flags.host() as host:
        if run is not None:
            await _print_changes(host, name, run, flags)
        elif flags.json:
            runs = [await _as_json(host, one) for one in await host.history(name, limit)]
            print_json({"integration": name, "runs": runs})
        else:
            rows = [await _row(host, one) for one in await host.history(name, limit)]
            headings = ("Run", "Started", "Product", "Verdict", "Certificates", "Changes")
            empty = f"{name} has not run yet. Run it: {flags.command(f'run {name}')}"
            console().print(table(headings, rows, optional=("Changes",)) if rows else empty)
    return 0


async def _row(host: Host, one: RunSummary) -> tuple[str | tuple[str, ...], ...]:
    changes = await _count_changes(host, one.run.id)
    return (
        one.run.id[:8],
        (f"{one.run.started_at:%Y-%m-%d %H:%M:%S} UTC", ago(one.run.started_at)),
        one.run.product or "all",
        await _outcome(host, one, changes),
        tuple(line for certificate in one.certificates for line in _lines(certificate)),
        tuple(f"{counted(number, NOUNS[operation])} {state}" for (operation, state), number in changes.items()),
    )


async def _outcome(host: Host, one: RunSummary, changes: Counter[tuple[Operation, State]]) -> str:
    """Return what has become of a run, in a word or two."""
    waits = any(state is State.HELD for _, state in changes)
    return one.describe(running=await host.is_running(one.run.integration), waiting=waits)


def _lines(certificate: Certificate) -> tuple[str, ...]:
    reasons = [f"- {message(reason)}" for reason in (*certificate.reasons, *certificate.notes)]
    proof = PROOFS[certificate.proof]
    how = f" ({proof})" if proof else ""
    return (f"{certificate.kind} {certificate.standing}{how}, {rows_read(certificate)}", *reasons)


async def _as_json(host: Host, one: RunSummary) -> dict[str, Any]:
    changes = await _count_changes(host, one.run.id)
    return {
        **_summary(one),
        "outcome": await _outcome(host, one, changes),
        "changes": {f"{operation} {state}": number for (operation, state), number in changes.items()},
    }


def _summary(one: RunSummary) -> dict[str, Any]:
    return {
        "id": one.run.id,
        "started_at": one.run.started_at,
        "finished_at": one.finished_at,
        "product": one.run.product or None,
        "verdict": one.verdict,
        "error": one.error,
        "requests": one.requests,
        "extent": one.extent,
        "certificates": one.certificates,
    }


async def _count_changes(host: Host, run_id: str) -> Counter[tuple[Operation, State]]:
    """Return the number of a run's changes by operation and state, over all kinds."""
    found: Counter[tuple[Operation, State]] = Counter()
    for (_, operation, state), number in (await host.count_changes(run_id)).items():
        found[operation, state] += number
    return found


async def _print_changes(host: Host, name: str, beginning: str, flags: Flags) -> None:
    """Print the changes of one past run."""
    one = await host.run_summary(name, beginning)
    if flags.json:
        await stream_json(_summary(one), "changes", host.changes(one.run.id))
    else:
        await print_plan(host, one.run.id)

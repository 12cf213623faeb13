"""Discoveries: ``run``."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from cyclopts import Parameter

from connector_core.cli.encoding import encode, plain, write_json
from connector_core.cli.ending import RunInterruptedError, ending_of
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import error_console
from connector_core.cli.progress import progress
from connector_core.cli.report import print_report
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.outcomes import Change, Operation, Report
from connector_core.sdk.entities import Product

NO_CREATES = {Operation.CREATE: 0}


async def run(
    name: str | None = None,
    /,
    *,
    product: Product | None = None,
    kind: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    plan: Annotated[bool, Parameter(negative="")] = False,
    delta: Annotated[bool, Parameter(negative="")] = False,
    accept: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Run a discovery: check, read, verify, plan, and apply what is safe.

    Args:
        name: The integration.
        product: Only the kinds that serve this product: EAM or SMP.
        kind: Only this kind, such as employees. May be given more than once.
        plan: Stop before applying, and hold the plan.
        delta: Read only what has changed, if possible. The report says what was read, and why.
        accept: A field that has emptied intentionally, such as job_title: its stored values may go.
        all_: Run every integration, several at once.
    """
    if (name is None) is not all_:
        raise SettingsError("Name one integration, or give --all.", hint="discover integrations lists them.")
    try:
        async with flags.host() as host:
            names = [one.name for one in await host.integrations()] if name is None else [name]
            if not names:
                raise SettingsError(
                    f"There is no integration in {host.store.described}.",
                    hint="Add one: discover connect namely --name acme",
                )
            with progress(flags, several=all_) as show:
                run_one = partial(
                    host.run, product=product, kinds=kind, apply=not plan, delta=delta, accept=accept, progress=show
                )
                outcomes = await _run_each(names, run_one, host.settings.host.runs_at_once)
            # Printed after the progress bars are gone.
            await _print_outcomes(host, outcomes, flags, several=all_)
    except asyncio.CancelledError:
        raise RunInterruptedError from None
    return max(one.exit_code for one in outcomes)


@dataclass(frozen=True)
class _Outcome:
    """The result of one integration's run: a report or an error."""

    integration: str
    report: Report | None = None
    error: Exception | SystemExit | None = None

    @property
    def exit_code(self) -> int:
        if self.error:
            return ending_of(self.error).exit_code
        return 0 if self.report and self.report.verdict.good else 1


async def _run_each(names: Sequence[str], run_one: Callable[[str], Awaitable[Report]], at_once: int) -> list[_Outcome]:
    """Run integrations, several at once. One that fails in any way does not keep the others from running."""
    gate = asyncio.Semaphore(at_once)

    async def outcome(integration: str) -> _Outcome:
        async with gate:
            try:
                return _Outcome(integration, report=await run_one(integration))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it is shown, and the others go on
                return _Outcome(integration, error=error)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(integration)) for integration in names]
    return [task.result() for task in tasks]


async def _print_outcomes(host: Host, outcomes: Sequence[_Outcome], flags: Flags, *, several: bool) -> None:
    if not several and outcomes[0].error:
        raise outcomes[0].error
    if flags.json:
        await _print_json(host, outcomes, several=several)
        return
    for one in outcomes:
        if one.report:
            await print_report(host, one.report, flags)
        elif one.error:
            ending = ending_of(one.error)
            said = f"{one.integration}: {ending.message} {flags.hint(ending.hint)}"
            error_console().print(plain(said.strip()), style="bold red")


async def _print_json(host: Host, outcomes: Sequence[_Outcome], *, several: bool) -> None:
    # Written as they come: a plan may have a change for each of very many rows.
    sys.stdout.write('{"runs": [' if several else "")
    for place, one in enumerate(outcomes):
        sys.stdout.write(", " if place else "")
        if one.report:
            await write_json(_as_json(one.report), "changes", _changes(host, one.report))
        else:
            failed = ending_of(one.error).as_json() if one.error else {}
            sys.stdout.write(encode({"integration": one.integration, **failed}))
    sys.stdout.write("]}\n" if several else "\n")


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "run": report.run.id,
        "integration": report.run.integration,
        "product": report.run.product or None,
        "verdict": report.verdict,
        "extent": report.extent,
        "applied": report.applied,
        "kinds": [{"kind": one.kind, "certificate": one.certificate, "plan": one.plan} for one in report.kinds],
        "traffic": report.traffic,
        "started_at": report.run.started_at,
        "finished_at": report.finished_at,
    }


async def _changes(host: Host, report: Report) -> AsyncIterator[Change]:
    """Yield updates and removals. Creates are counted in the plan: a first run has one for each row."""
    async for change in host.changes(report.run.id, limits=NO_CREATES):
        yield report.named(change)

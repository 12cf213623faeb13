"""Runs and plans: ``run``, ``apply``, ``discard`` and ``history``."""

import sys
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import to_builtins
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import confirm
from connector_core.cli.output import ago, console, costs, count, error_console, error_json, print_json, table
from connector_core.cli.plans import print_plan, print_report
from connector_core.discovery.reader import ProgressCallback
from connector_core.entities import Product
from connector_core.errors import ConnectorCoreError, SettingsError
from connector_core.host import Host
from connector_core.outcomes import Certificate, Progress, Report, State
from connector_core.store import RunSummary
from connector_core.store.plans import Held


async def run(
    name: str | None = None,
    /,
    *,
    product: Product | None = None,
    kind: tuple[str, ...] = (),
    plan: Annotated[bool, Parameter(negative="")] = False,
    delta: Annotated[bool, Parameter(negative="")] = False,
    accept: tuple[str, ...] = (),
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Checks, reads, certifies, plans, and applies what is safe.

    Args:
        name: The integration.
        product: Only the kinds that serve this product: EAM or SMP.
        kind: Only this kind, such as employees. May be given more than once.
        plan: Stop before applying, and hold the plan.
        delta: Read only what has changed since the last run. Nobody is removed, and where only a full scan will
            do, it is one; the report says which, and why.
        accept: A field that has emptied for good reason, such as job_title: its stored values may go.
        all_: Run every integration, one after the other.
    """
    if (name is None) is not all_:
        raise SettingsError("Name one integration, or give --all.", hint="discover integrations lists them.")
    async with flags.host() as host:
        names = [one.name for one in host.integrations()] if name is None else [name]
        if not names:
            raise SettingsError("There is no integration yet.", hint="Add one: discover connect namely --name acme")
        reports: list[dict[str, Any]] = []
        codes = []
        for one in names:
            try:
                with _progress(flags) as progress:
                    report = await host.run(
                        one, product=product, kinds=kind, apply=not plan, delta=delta, accept=accept, progress=progress
                    )
            except ConnectorCoreError as error:
                # One integration's failure does not keep the others from running.
                if not all_:
                    raise
                codes.append(error.exit_code)
                reports.append({"integration": one, "error": error_json(error.code, error.message, error.hint)})
                if not flags.json:
                    error_console().print(f"{one}: {error.message} {error.hint}", style="bold red")
                continue
            codes.append(0 if report.verdict.good else 1)
            if flags.json:
                reports.append(_report(host, report))
            else:
                print_report(host, report)
    if flags.json:
        print_json({"runs": reports} if all_ else reports[0])
    return max(codes)


def apply(
    name: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT
) -> Coroutine[Any, Any, int]:
    """Applies a held plan, after showing it.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    return _apply(name, _confirmed(name, flags, question="Apply", yes=yes), flags)


async def _apply(name: str, held: Held, flags: Flags) -> int:
    async with flags.host() as host:
        applied = await host.apply(name, held.run_id)
    if flags.json:
        print_json({"integration": name, "applied": applied.applied, "stale": applied.stale})
    else:
        stale = f"; {count(applied.stale, 'change')} overtaken by what is stored now" if applied.stale else ""
        console().print(f"{count(applied.applied, 'change')} applied{stale}.", style="green")
    return 0


def discard(
    name: str, /, *, yes: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT
) -> Coroutine[Any, Any, int]:
    """Drops a held plan, after showing it. The next run plans again from what it reads.

    Args:
        name: The integration.
        yes: Do not ask.
    """
    return _discard(name, _confirmed(name, flags, question="Discard", yes=yes), flags)


async def _discard(name: str, held: Held, flags: Flags) -> int:
    async with flags.host() as host:
        dropped = await host.discard(name, held.run_id)
    if flags.json:
        print_json({"integration": name, "discarded": dropped})
    else:
        console().print(f"{count(dropped, 'change')} discarded.")
    return 0


def history(
    name: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 20,
    run: str | None = None,
    flags: Flags = DEFAULT,
) -> int:
    """The runs of an integration, their certificates and their changes.

    Args:
        name: The integration.
        limit: How many runs, the newest first.
        run: Show the changes of this run, by the beginning of its id.
    """
    with closing(flags.host()) as host:
        if run is not None:
            return _print_changes(host, name, run, flags)
        runs = host.history(name, limit)
        if flags.json:
            print_json({"integration": name, "runs": [_summary(host, one) for one in runs]})
            return 0
        rows = [_row(host, one) for one in runs]
    headings = ("Run", "Started", "", "Product", "Verdict", "Certificates", "Changes", "Why")
    out = console()
    out.print(table(headings, rows) if rows else f"{name} has not run yet. Run it: discover run {name}")
    return 0


def _row(host: Host, one: RunSummary) -> tuple[str, ...]:
    return (
        one.run.id[:8],
        f"{one.run.started_at:%Y-%m-%d %H:%M:%S} UTC",
        ago(one.run.started_at),
        one.run.product or "all",
        one.standing(running=host.store.is_locked(one.run.integration)),
        "; ".join(map(_standing, one.certificates)),
        ", ".join(f"{number:,} {what}" for what, number in _counts(host, one.run.id).items()),
        "; ".join(reason for certificate in one.certificates for reason in certificate.reasons),
    )


def _standing(certificate: Certificate) -> str:
    announced = "?" if certificate.announced is None else f"{certificate.announced:,}"
    return f"{certificate.kind} {certificate.standing}, {certificate.seen:,} of {announced}"


def _print_changes(host: Host, name: str, beginning: str, flags: Flags) -> int:
    """The changes of one past run."""
    found = [one for one in host.history(name, 10_000) if one.run.id.startswith(beginning)]
    if len(found) != 1:
        raise SettingsError(
            f"{len(found)} runs of {name} begin with {beginning!r}.", hint=f"discover history {name} lists them."
        )
    if flags.json:
        print_json({**_summary(host, found[0]), "changes": [to_builtins(one) for one in host.changes(found[0].run.id)]})
    else:
        print_plan(host, found[0].run.id)
    return 0


def _confirmed(name: str, flags: Flags, *, question: str, yes: bool) -> Held:
    """The held plan, shown and agreed to, before there is an event loop: Ctrl-C at a question must end it."""
    with closing(flags.host()) as host:
        held = host.held_plan(name)
        if not flags.json:
            print_plan(host, held.run_id, State.HELD)
    confirm(f"{question} {count(held.changes, 'change')}?", yes=yes)
    return held


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def _progress(flags: Flags) -> Iterator[ProgressCallback]:
    """A forecast and a bar for each kind on a terminal; nothing elsewhere, where the log says it."""
    if flags.json or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn(),
        TextColumn("left:"), TimeRemainingColumn(),
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=error_console(), transient=True) as bars:

        def show(told: Progress) -> None:
            if told.kind not in tasks:
                tasks[told.kind] = bars.add_task(told.kind, total=told.announced)
                if told.forecast.requests:
                    bars.console.print(f"{told.kind}: {told.announced:,} announced; {costs(told.forecast)} to come.")
            bars.update(tasks[told.kind], completed=told.seen, total=told.announced)

        yield show


def _counts(host: Host, run_id: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, operation, state), number in host.store.plans.counts(run_id).items():
        found[f"{operation} {state}"] = found.get(f"{operation} {state}", 0) + number
    return found


def _summary(host: Host, one: RunSummary) -> dict[str, Any]:
    return {
        "id": one.run.id,
        "started_at": one.run.started_at,
        "finished_at": one.finished_at,
        "product": one.run.product or None,
        "verdict": one.verdict,
        "error": one.error,
        "requests": one.requests,
        "certificates": [asdict(certificate) for certificate in one.certificates],
        "changes": _counts(host, one.run.id),
    }


def _report(host: Host, report: Report) -> dict[str, Any]:
    return {
        "run": report.run.id,
        "integration": report.run.integration,
        "product": report.run.product or None,
        "verdict": report.verdict,
        "extent": asdict(report.extent),
        "applied": report.applied,
        "certificates": [asdict(one) for one in report.certificates],
        "plan": [asdict(one) for one in report.plans],
        "changes": [to_builtins(change) for change in host.changes(report.run.id)],
        "traffic": asdict(report.traffic),
        "started_at": report.run.started_at,
        "finished_at": report.finished_at,
    }

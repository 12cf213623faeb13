"""Runs and plans: ``run``, ``apply``, ``discard`` and ``history``."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import to_builtins

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import confirm
from connector_core.cli.output import ago, console, count, error_console, error_json, print_json, table
from connector_core.cli.plans import print_plan, print_report
from connector_core.cli.progress import progress
from connector_core.errors import ConnectorCoreError, SettingsError
from connector_core.host import Host
from connector_core.outcomes import Certificate, Report, State
from connector_core.sdk.entities import Product
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
        all_: Run every integration, some at once.
    """
    if (name is None) is not all_:
        raise SettingsError("Name one integration, or give --all.", hint="discover integrations lists them.")
    async with flags.host() as host:
        names = [one.name for one in host.integrations()] if name is None else [name]
        if not names:
            raise SettingsError("There is no integration yet.", hint="Add one: discover connect namely --name acme")
        with progress(flags, several=all_) as told:
            how = partial(
                host.run, product=product, kinds=kind, apply=not plan, delta=delta, accept=accept, progress=told
            )
            ended = await _run_each(names, how, host.settings.host.runs_at_once)
        if not all_ and ended[0].error:
            raise ended[0].error
        # Not before the bars are gone.
        for one in ended:
            one.show(host, flags)
    if flags.json:
        print_json({"runs": [one.told for one in ended]} if all_ else ended[0].told)
    return max(one.code for one in ended)


@dataclass
class _Ended:
    """How one integration's run ended: with a report, or with an error."""

    integration: str
    report: Report | None = None
    error: ConnectorCoreError | None = None
    told: dict[str, Any] = field(default_factory=dict)
    """For --json."""

    @property
    def code(self) -> int:
        if self.error:
            return self.error.exit_code
        return 0 if self.report and self.report.verdict.good else 1

    def show(self, host: Host, flags: Flags) -> None:
        if flags.json and self.report:
            self.told = _report(host, self.report)
        elif self.report:
            print_report(host, self.report)
        elif self.error:
            error = self.error
            self.told = {"integration": self.integration, "error": error_json(error.code, error.message, error.hint)}
            if not flags.json:
                error_console().print(f"{self.integration}: {error.message} {error.hint}", style="bold red")


async def _run_each(names: list[str], run: Callable[[str], Awaitable[Report]], at_once: int) -> list[_Ended]:
    """Some at once. One integration's failure does not keep the others from running."""
    gate = asyncio.Semaphore(at_once)

    async def one(integration: str) -> _Ended:
        async with gate:
            try:
                return _Ended(integration, await run(integration))
            except ConnectorCoreError as error:
                return _Ended(integration, error=error)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(integration)) for integration in names]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


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
        "extent": one.extent,
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

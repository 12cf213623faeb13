"""A run's report, for people: counts first, then a reason per line, the plan, and what to do next."""

from collections.abc import Iterator
from itertools import chain

from rich.table import Table
from rich.text import Text

from connector_core.beginnings import Proof
from connector_core.cli.encoding import plain
from connector_core.cli.flags import Flags
from connector_core.cli.output import console, table
from connector_core.cli.plan import Totals, how_to_decide, print_plan
from connector_core.data_profile import DataProfile
from connector_core.host import Host
from connector_core.messages import PROOFS, action, began, counted, message, remedy
from connector_core.outcomes import Certificate, KindPlan, KindReport, Operation, Report, Verdict
from connector_core.phrases import without

_COLOURS = {
    Verdict.COMPLETE: "green",
    Verdict.HELD: "yellow",
    Verdict.PLAN_WAITING: "yellow",
    Verdict.DEFERRED: "yellow",
    Verdict.INCOMPLETE: "red",
    Verdict.CAUGHT_UP: "green",
}


async def print_report(host: Host, report: Report, flags: Flags) -> None:
    """Print a run's report with its plan, and the commands that come next."""
    out = console()
    out.print(_heading(report))
    if report.extent.why:
        out.print(plain(f"{'Delta' if report.extent.delta else 'Full scan'}: {message(report.extent.why)}."))
    out.print()
    out.print(_kinds(report))
    out.print()
    notes = [note for one in report.kinds for note in _notes(one)]
    for note in notes:
        out.print(note)
    if notes:
        out.print()
    if await print_plan(host, report.run.id, totals=_totals(report), names=report.removed):
        out.print()
    for line in _next_steps(report, flags):
        out.print(line, soft_wrap=True)


def _heading(report: Report) -> Text:
    seconds = (report.finished_at - report.run.started_at).total_seconds()
    traffic = report.traffic
    line = Text(f"{report.run.integration}: ")
    line.append(report.verdict, style=f"bold {_COLOURS[report.verdict]}")
    line.append(f"   {seconds:.1f} s, {counted(traffic.requests, 'request')}")
    if traffic.retries or traffic.throttled:
        line.append(f", {traffic.retries:,} retried, {traffic.throttled:,} throttled")
    if traffic.quota:
        line.append(f", {traffic.quota:.0%} of the quota")
    if traffic.waited >= 1:
        line.append(f", {traffic.waited:.0f} s waiting for it")
    return line


def _kinds(report: Report) -> Table:
    rows = []
    for one in report.kinds:
        certificate, plan = one.certificate, one.plan
        standing = Text(certificate.standing, style="green" if certificate.standing.good else "red")
        numbers = (certificate.found, plan.creates, plan.updates, plan.removes, plan.held)
        rows.append((one.kind, standing, rows_read(certificate), *(f"{number:,}" for number in numbers)))
    verbs = ("Created", "Updated", "Removed") if report.applied else ("Create", "Update", "Remove")
    counts = ("Found", *verbs, "Held")
    return table(("Kind", "Certificate", "Rows read", *counts), rows, right=("Rows read", *counts))


def rows_read(certificate: Certificate) -> str:
    """Return the rows read and announced: ``59 of 60``."""
    announced = "?" if certificate.announced is None else f"{certificate.announced:,}"
    return f"{certificate.seen:,} of {announced}"


def _notes(one: KindReport) -> Iterator[Text]:
    """Yield everything that is to be said of a kind, a line each."""
    certificate, plan = one.certificate, one.plan
    said = chain(_of_certificate(certificate), _of_profile(certificate.profile), _of_plan(plan))
    for line, style in chain(said, _to_do(certificate)):
        yield Text(plain(f"{one.kind}: {line}"), style=style)


def _of_certificate(certificate: Certificate) -> Iterator[tuple[str, str]]:
    if said := began(certificate):
        yield f"{said}.", ""
    if certificate.proof is Proof.DECLINED:
        yield f"Complete, {PROOFS[certificate.proof]}.", "yellow"
    for reason in certificate.reasons:
        yield f"{message(reason)}.", "red"
    for note in certificate.notes:
        yield f"{message(note)}.", ""


def _of_profile(profile: DataProfile) -> Iterator[tuple[str, str]]:
    if profile.emptied:
        fields = ", ".join(f"{name} ({gone:,} of {size:,})" for name, (gone, size) in profile.emptied.items())
        intended = "If this is intended rather than a lost permission, rerun with --accept FIELD."
        yield f"Fields came empty where values are stored: {fields}. The values are kept. {intended}", "yellow"
    if profile.emptied_rows:
        came, lost = counted(profile.emptied_rows, "row"), ", ".join(profile.emptied_example)
        intended = "If this is intended rather than a lost permission, rerun with --accept FIELD for each."
        yield f"{came} came nearly empty; one lost {lost} at once. The values are kept. {intended}", "yellow"
    if profile.absent:
        yield f"{without(profile.absent)}.", ""
    if profile.without_email:
        yield f"{counted(profile.without_email, 'row')} without an e-mail.", ""
    if profile.sharing_email:
        yield f"{counted(profile.sharing_email, 'row')} with the e-mail of another row.", ""
    for field, ids in profile.dangling.items():
        yield f"{field} points to {counted(ids, 'unknown id')}.", ""


def _to_do(certificate: Certificate) -> Iterator[tuple[str, str]]:
    if to_do := remedy(certificate):
        yield f"What to do: {to_do}", ""


def _of_plan(plan: KindPlan) -> Iterator[tuple[str, str]]:
    for reason in plan.held_because:
        yield f"Held: {message(reason)}. {action(reason)}", "yellow"
    if plan.unconfirmed:
        rows = counted(plan.unconfirmed, "row")
        yield f"{rows} missing, but not proven gone: kept until another complete scan lacks them.", ""


def _totals(report: Report) -> Totals:
    """Return how many changes a run's plan has."""
    return {
        (one.kind, operation): number
        for one in report.kinds
        for operation, number in (
            (Operation.CREATE, one.plan.creates),
            (Operation.UPDATE, one.plan.updates),
            (Operation.REMOVE, one.plan.removes),
        )
    }


def _next_steps(report: Report, flags: Flags) -> list[str]:
    name = report.run.integration
    if any(one.plan.held for one in report.kinds):
        return [how_to_decide(name, flags)]
    if report.verdict.good:
        return [f"Next: {flags.command(f'entities {name} {report.kinds[0].kind.lower()}s')}"]
    kinds = " or ".join(one.kind for one in report.kinds if not (one.certificate.complete or one.plan.removes))
    kept = [f"Rows that were read are stored; no {kinds} was removed."] if kinds else []
    if report.verdict is Verdict.DEFERRED:
        return [*kept, f"Next: {flags.command(f'run {name}')}   (after the wait)"]
    check, run = flags.command(f"check {name}"), flags.command(f"run {name}")
    return [*kept, f"Next: {check}   (fix the cause, then: {run})"]

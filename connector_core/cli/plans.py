"""How a report and a plan are shown: counts first, then a reason per line, then what to type next."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from rich.text import Text

from connector_core.cli.output import console, count, plain, table
from connector_core.host import Host
from connector_core.outcomes import Certificate, Change, Operation, Report, State, Verdict

SHOWN = {Operation.CREATE: 5, Operation.UPDATE: 20, Operation.REMOVE: 50}
"""Lines per operation; --json has them all."""
_SIGNS = {
    Operation.CREATE: Text("+", style="green"),
    Operation.UPDATE: Text("~", style="yellow"),
    Operation.REMOVE: Text("-", style="red"),
}
_COLOURS = {
    Verdict.COMPLETE: "green",
    Verdict.HELD: "yellow",
    Verdict.DEFERRED: "yellow",
    Verdict.INCOMPLETE: "red",
    Verdict.CAUGHT_UP: "green",
}


def print_report(host: Host, report: Report) -> None:
    out = console()
    seconds = (report.finished_at - report.run.started_at).total_seconds()
    traffic = report.traffic
    line = Text(f"{report.run.integration}: ")
    line.append(report.verdict, style=f"bold {_COLOURS[report.verdict]}")
    line.append(f"   {seconds:.1f} s, {count(traffic.requests, 'request')}")
    if traffic.retries or traffic.throttled:
        line.append(f", {traffic.retries} retried, {traffic.throttled} throttled")
    if traffic.quota:
        line.append(f", {traffic.quota:.0%} of the quota")
    if traffic.waited >= 1:
        line.append(f", {traffic.waited:.0f} s waited for it")
    out.print(line)
    if report.extent.why:
        said = str(report.extent)
        out.print(f"{said[:1].upper()}{said[1:]}.")
    rows = []
    for certificate, plan in zip(report.certificates, report.plans, strict=True):
        announced = "?" if certificate.announced is None else f"{certificate.announced:,}"
        good = certificate.complete or certificate.caught_up
        state = Text(certificate.standing, style="green" if good else "red")
        numbers = (certificate.found, plan.creates, plan.updates, plan.removes, plan.held)
        rows.append((certificate.kind, state, f"{certificate.seen:,} of {announced}", *(f"{n:,}" for n in numbers)))
    verbs = ("Created", "Updated", "Removed") if report.applied else ("Create", "Update", "Remove")
    out.print(table(("Kind", "Certificate", "Rows read", "Found", *verbs, "Held"), rows))
    for certificate in report.certificates:
        _print_notes(certificate)
    for plan in report.plans:
        if plan.held_because:
            out.print(f"{plan.kind}: losses are held: {plan.held_because}.", style="yellow")
        if plan.unconfirmed:
            said = f"{count(plan.unconfirmed, 'row')} missing, not yet proven gone: kept until a second scan"
            out.print(f"{plan.kind}: {said}.")
    print_plan(host, report.run.id, names=report.removed)
    _print_next(report)


def _print_notes(certificate: Certificate) -> None:
    out = console()
    if certificate.began:
        out.print(f"{certificate.kind}: {certificate.began}.")
    for reason in certificate.reasons:
        out.print(f"{certificate.kind}: incomplete: {plain(reason)}.", style="red")
    if certificate.remedy:
        out.print(f"{certificate.kind}: {plain(certificate.remedy)}")
    for field, (before, now) in certificate.drifted.items():
        said = f"{field} was filled for {before:.0%} and is now for {now:.0%}; stored values stay"
        out.print(
            f"{certificate.kind}: {said}. If that is true, and no lost permission: --accept {field}.", style="yellow"
        )
    for field, rows in certificate.unread.items():
        out.print(f"{certificate.kind}: {field} did not come for {count(rows, 'row')}; stored values stay.")
    for note, rows in certificate.notes.items():
        out.print(f"{certificate.kind}: {rows:,} {note}.")
    for field, ids in certificate.dangling.items():
        out.print(f"{certificate.kind}: {field} points to {count(ids, 'id')} that nobody has.")


def print_plan(
    host: Host, run_id: str, state: State | None = None, *, names: Mapping[str, str] = MappingProxyType({})
) -> None:
    """A line per change, with its reason. ``names`` are those of entities that are stored no more."""
    changes = sorted(
        host.changes(run_id, state, limits=SHOWN),
        key=lambda one: (one.kind, list(Operation).index(one.operation)),
    )
    rows = [_line(change, names) for change in changes]
    more = []
    for (kind, operation), number in sorted(_totals(host, run_id, state).items()):
        if number > SHOWN[operation]:
            more.append(f"and {number - SHOWN[operation]:,} more to {operation} of {kind}")
    out = console()
    if rows:
        out.print(table(("", "Kind", "Who or what", "Reason", "State"), rows))
    for line in more:
        out.print(f"… {line}")


def _totals(host: Host, run_id: str, state: State | None) -> Counter[tuple[str, Operation]]:
    totals: Counter[tuple[str, Operation]] = Counter()
    for (kind, operation, stands), number in host.store.plans.counts(run_id).items():
        if state in {None, stands}:
            totals[kind, Operation(operation)] += number
    return totals


def _line(change: Change, names: Mapping[str, str]) -> tuple[object, ...]:
    return (
        _SIGNS[change.operation],
        change.kind,
        change.label or names.get(change.source_id) or change.source_id,
        change.reason + (f": {_few(change.fields)}" if change.fields else ""),
        change.state,
    )


def _few(fields: tuple[str, ...]) -> str:
    shown = ", ".join(name.removesuffix("_source_id").removesuffix("_source_ids") for name in fields[:3])
    return f"{shown}, …" if len(fields) > 3 else shown


def _print_next(report: Report) -> None:
    name = report.run.integration
    out = console()
    if any(plan.held for plan in report.plans):
        out.print(f"Next: discover apply {name}   (or: discover discard {name})")
    elif report.verdict.good:
        out.print(f"Next: discover entities {name} {report.certificates[0].kind.lower()}s")
    else:
        unread = ", ".join(one.kind for one in report.certificates if not one.complete)
        said = f"What was read is stored, and nothing of {unread} was removed. " if unread else ""
        out.print(f"{said}Next: discover check {name}, mend the cause, then discover run {name}.")

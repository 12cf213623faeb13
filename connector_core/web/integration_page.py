"""An integration as its page shows it: its state, each kind's, what is wrong, and what comes next. Plain functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connector_core.messages import PROOFS, counted
from connector_core.outcomes import Certificate, Standing, Verdict
from connector_core.phrases import UNITS, ago, without
from connector_core.schedules import Schedule
from connector_core.scheduling import LiveRun
from connector_core.settings import ScheduleSettings
from connector_core.status import IntegrationStatus, KindStatus
from connector_core.store import RunSummary
from connector_core.web.rendering import field_in_words

_OLD = timedelta(days=7)
"""The age from which on the last complete reading of a kind is called old."""
INTERRUPTED = "interrupted"
_GOOD = frozenset({Verdict.COMPLETE.value, Verdict.CAUGHT_UP.value, "plan decided"})

_READ = frozenset({Verdict.INCOMPLETE.value, Verdict.DEFERRED.value})
"""Verdicts that count as failures of a schedule, although something was read."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A state in a few words, and its tone: good, note, bad or calm."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the last run, and what to do: sentences."""

    cause: str
    details: str
    remedy: str
    tone: str
    """``problem`` for a failure, ``notice`` for an end that an operator, or a stop of the service, has caused."""


def state_of(status: IntegrationStatus, schedule: Schedule, trouble: Trouble | None, *, is_running: bool) -> Mark:
    """Return the state of an integration: what needs an operator most comes first."""
    run = status.last_run
    if is_running:
        return Mark("running", "calm")
    if schedule.quarantined_at:
        return Mark("quarantined", "bad")
    if trouble and trouble.tone == "problem":
        return Mark("failed", "bad")
    if status.held:
        return Mark("plan waits", "note")
    if run is None:
        return Mark("never run", "calm")
    word = run.describe(running=False, waiting=False)
    good = status.good and word in _GOOD and not any(one.cause for one in status.kinds)
    if schedule.paused_at:
        return Mark(f"paused, {word}", "note")
    return Mark(word, "good" if good else "note")


def mark_of(kind: KindStatus) -> Mark:
    """Return the state of one kind, with its age: a word such as complete says too little."""
    certificate, read_at = kind.certificate, kind.read_at
    if certificate is None or read_at is None:
        return Mark("not read yet", "calm")
    text = f"{certificate.standing}, {ago(read_at)}"
    if certificate.standing is Standing.INCOMPLETE:
        return Mark(text, "bad" if kind.last_complete_at is None else "note")
    return Mark(text, "good" if kind.good and not kind.cause and not is_old(kind) else "note")


def is_old(kind: KindStatus) -> bool:
    """Return True if the last complete reading of a kind lies more than a week back."""
    return kind.last_complete_at is None or datetime.now(UTC) - kind.last_complete_at > _OLD


def age_of(kind: KindStatus) -> str:
    """Return what the age of a kind's last complete reading means for its stored rows; empty where it is young."""
    if kind.certificate is None:
        return ""
    if kind.last_complete_at is None:
        return "No reading was ever complete, so rows that are gone at the provider stay stored."
    if is_old(kind):
        return "Rows that have gone at the provider since then are still stored."
    if kind.certificate.standing is Standing.CAUGHT_UP:
        return "The last reading was of changes only: removals are found by the next full scan."
    return ""


def rows_of(certificate: Certificate) -> str:
    """Return how many rows were read, and of how many: ``60 of 60``."""
    if not certificate.seen and not certificate.announced:
        return "none"
    if certificate.announced is None:
        return f"{certificate.seen:,}, of a number that was not announced"
    return f"{certificate.seen:,} of {certificate.announced:,}"


def proof_of(certificate: Certificate) -> str:
    """Return the proof that no row was missed; empty where there is none."""
    return PROOFS[certificate.proof]


def without_fields(absent: Mapping[str, int]) -> str:
    """Return which fields did not come, by the words of the page, as a sentence without a full stop."""
    return without(absent, field_in_words)


def doubted_fields(kind: KindStatus) -> tuple[str, ...]:
    """Return the fields of a kind that came empty, and are not believed until an operator accepts it."""
    profile = kind.certificate.profile if kind.certificate else None
    return tuple(dict.fromkeys([*profile.emptied, *profile.emptied_example])) if profile else ()


def trouble_of(status: IntegrationStatus, schedule: Schedule, last: LiveRun | None) -> Trouble | None:
    """Return what was wrong with the last run, or None. ``last`` is the one that this engine has run last."""
    run, problem = status.last_run, last.problem if last and last.ended else None
    if last and problem and (run is None or last.started_at >= run.run.started_at):
        # The engine knows the error itself, also of a run that did not get far enough to be in the store.
        tone = "notice" if problem.code == INTERRUPTED else "problem"
        same = run is not None and last.run_id == run.run.id
        # What follows an interruption is the engine's to say: the store's words would say it twice.
        remedies = dict.fromkeys([problem.hint, status.remedy if same and problem.code != INTERRUPTED else ""])
        return Trouble(problem.message, "", " ".join(filter(None, remedies)), tone)
    if not status.cause or run is None:
        return None
    noted = schedule.problem if schedule.noted_run == run.run.id else ""
    tone = "problem" if run.error and run.error != INTERRUPTED else "notice"
    return Trouble(f"{status.cause}.", noted, status.remedy, tone)


def what_follows(schedule: Schedule, settings: ScheduleSettings, last: RunSummary | None = None) -> str:
    """Return what happens after failures: the next attempts, and what ends the waits. Empty without failures.

    A ``last`` run that has read something is not called failed.
    """
    if not schedule.failures:
        return ""
    read = last.verdict if last and last.verdict in _READ else ""
    one = f"The last run was {read}." if read else "The last run has failed."
    failed = one if schedule.failures == 1 else f"{schedule.failures:,} runs in a row have not succeeded."
    if not schedule.cron:
        return f"{failed} Nothing is tried again by itself: there is no schedule."
    if schedule.paused_at:
        return f"{failed} Nothing is tried again by itself while the schedule is paused."
    longest = span(settings.longest_wait)
    if schedule.quarantined_at:
        return (
            f"{failed} In quarantine it is tried every {longest}. Run it to try at once: a run that succeeds "
            "ends the quarantine, and the schedule goes on."
        )
    longest_wait = f"1 {longest}" if longest.isalpha() else longest
    left = settings.quarantine_after - schedule.failures
    return (
        f"{failed} It is tried again later than planned, and each wait is twice the one before, up to {longest_wait}. "
        f"After {counted(left, 'more failure')} it is quarantined. A run that succeeds ends the waits."
    )


def span(seconds: float) -> str:
    """Return a time span in the largest unit that fits it evenly: ``24 hours``, ``90 minutes``."""
    for unit, length in UNITS:
        if seconds >= length and seconds % length == 0:
            number = round(seconds / length)
            return unit if number == 1 else f"{number:,} {unit}s"
    return counted(round(seconds), "second")


def ahead(moment: datetime) -> str:
    """Return how far ahead a moment is: ``in 25 minutes``."""
    seconds = (moment - datetime.now(UTC)).total_seconds()
    for unit, length in UNITS:
        # Half a minute short of an hour is an hour.
        if seconds >= length - 30:
            return f"in {counted(round(seconds / length), unit)}"
    return "now" if seconds < 1 else "in a moment"


def in_full(moment: datetime) -> str:
    """Return a time of a schedule in words: ``Monday, 30 November 2026, 06:00 CET``."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M %Z}"


def took(run: RunSummary) -> str:
    """Return how long a run took, in words; empty while it goes on."""
    if run.finished_at is None:
        return ""
    seconds = (run.finished_at - run.run.started_at).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def tone_of(word: str) -> str:
    """Return the tone of a run's outcome, as ``RunSummary.describe`` names it."""
    if word.startswith("failed"):
        return "bad"
    if word == "running":
        return "calm"
    return "good" if word in _GOOD else "note"

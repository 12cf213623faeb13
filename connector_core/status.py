"""The state of an integration, kind by kind: its last reading, how old the last complete one is, and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector_core.data_profile import DataProfile
from connector_core.failures import failure_of
from connector_core.messages import action, counted, message, remedy
from connector_core.outcomes import Certificate, Standing
from connector_core.phrases import without
from connector_core.plugins import Registry
from connector_core.store import Held, Integration, LastReading, RunSummary, Store, StoredStatus, Waiting

_AT_ONCE = 100
"""Integrations of one trip to the store."""
_INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class KindStatus:
    """The state of one kind of an integration."""

    kind: str
    """``Employee``."""
    certificate: Certificate | None
    """The certificate of the last reading by a run that came to its end."""
    read_at: datetime | None
    """The beginning of that reading."""
    last_complete_at: datetime | None
    """The beginning of the last complete reading, whatever came after it."""
    stored: int
    held: int
    """Changes that wait for a decision."""
    cause: str
    """The reason why something is to be done, or which fields did not come, as a sentence without a full stop."""
    remedy: str
    """The action to take; empty if there is none."""
    absent: Mapping[str, int] = field(default_factory=dict)
    """The fields that did not come, and for how many rows. Empty where there is another cause."""

    @property
    def standing(self) -> Standing | None:
        """The verdict on the last reading; None before the first."""
        return self.certificate.standing if self.certificate else None

    @property
    def good(self) -> bool:
        """True if the last reading had every row, and there is nothing to do. Fields may not have come."""
        # Credentials may leave out a field on purpose: that is shown as a cause, and is no daily alarm.
        return self.standing is not None and self.standing.good and (not self.cause or bool(self.absent))


@dataclass(frozen=True, slots=True)
class IntegrationStatus:
    """The state of an integration."""

    integration: Integration
    kinds: tuple[KindStatus, ...]
    last_run: RunSummary | None
    is_running: bool
    """A run is under way."""
    held: Held | None
    """The plan that waits."""
    cause: str
    """The reason why the last run has failed, as a sentence without a full stop; empty if it has not."""
    remedy: str
    """The action to take; empty if there is none."""

    @property
    def name(self) -> str:
        return self.integration.name

    @property
    def good(self) -> bool:
        """True if every kind was read, and there is nothing to do."""
        return bool(self.kinds) and not self.cause and all(one.good for one in self.kinds)


async def statuses(store: Store, registry: Registry, integrations: Sequence[Integration]) -> list[IntegrationStatus]:
    """Return the state of these integrations, with all kinds that their connectors declare."""
    found = []
    for start in range(0, len(integrations), _AT_ONCE):
        some = integrations[start : start + _AT_ONCE]
        stored = await store.statuses.find([one.name for one in some])
        for one in some:
            connector, state = registry.connectors.get(one.connector), stored[one.name]
            declared = tuple(connector.declarations) if connector else ()
            # A run that is under way is the last one, and has no end: of the others no lock is tried.
            has_no_end = state.last_run is not None and state.last_run.finished_at is None
            is_running = has_no_end and await store.locks.is_held(one.name)
            found.append(_status(one, state, declared, is_running=is_running))
    return found


def _status(
    integration: Integration,
    stored: StoredStatus,
    declared: Iterable[str],
    *,
    is_running: bool,
) -> IntegrationStatus:
    cause, to_do = ("", "") if is_running else _failure(integration, stored.last_run)
    failed = stored.last_run.run.kinds if cause and stored.last_run else ()
    kinds = dict.fromkeys([*declared, *sorted({*stored.readings, *stored.stored})])
    return IntegrationStatus(
        integration=integration,
        kinds=tuple(
            [
                _kind(
                    integration.name,
                    kind,
                    stored.readings.get(kind),
                    stored.stored.get(kind, 0),
                    stored.waiting.get(kind),
                    (cause, to_do) if kind in failed else ("", ""),
                )
                for kind in kinds
            ]
        ),
        last_run=stored.last_run,
        is_running=is_running,
        held=stored.held,
        cause=cause,
        remedy=to_do,
    )


def _kind(
    name: str, kind: str, reading: LastReading | None, rows: int, waiting: Waiting | None, failure: tuple[str, str]
) -> KindStatus:
    certificate = reading.certificate if reading else None
    cause, to_do = failure
    if not cause and certificate and not certificate.standing.good:
        cause, to_do = _incomplete(certificate)
    if not cause and waiting:
        cause, to_do = _held(name, waiting)
    if not cause and certificate and certificate.profile.doubted:
        cause, to_do = _doubted(certificate.profile)
    absent = certificate.profile.absent if certificate and not cause else {}
    if certificate and absent:
        cause, to_do = without(absent), certificate.remedy
    return KindStatus(
        kind=kind,
        certificate=certificate,
        read_at=reading.read_at if reading else None,
        last_complete_at=reading.complete_at if reading else None,
        stored=rows,
        held=waiting.changes if waiting else 0,
        cause=cause,
        remedy=to_do,
        absent=absent,
    )


def _failure(integration: Integration, last: RunSummary | None) -> tuple[str, str]:
    """Return why the last run has no verdict, and what to do; empty texts if it has one, or there is none."""
    if last is None or last.verdict:
        return "", ""
    said = failure_of(last.error or _INTERRUPTED)
    return said.text, said.action.format(integration=integration.name, connector=integration.connector)


def _incomplete(certificate: Certificate) -> tuple[str, str]:
    reasons = [message(one) for one in certificate.reasons]
    return ". ".join(reasons) or f"The last reading is {certificate.standing}", remedy(certificate)


def _held(name: str, waiting: Waiting) -> tuple[str, str]:
    changes, wait = counted(waiting.changes, "change"), "waits" if waiting.changes == 1 else "wait"
    why = "; ".join(map(message, waiting.because))
    actions = dict.fromkeys([*map(action, waiting.because), f"Apply or discard the plan: discover apply {name}"])
    return f"{changes} {wait} for a decision{f': {why}' if why else ''}", " ".join(filter(None, actions))


def _doubted(profile: DataProfile) -> tuple[str, str]:
    """Return what is not believed of a reading, and what to do."""
    fields = ", ".join(profile.emptied or profile.emptied_example)
    came = counted(profile.emptied_rows, "row") if not profile.emptied else "Fields"
    return (
        f"{came} came empty where values are stored, which are kept: {fields}",
        "If this is intended rather than a lost permission, run again with --accept FIELD.",
    )

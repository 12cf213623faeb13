"""A delta: what has changed since the last run, the newest first. When it will do, and when it must not be believed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from connector_core.discovery.reading import Reading, utc
from connector_core.outcomes import Certificate, Extent, KindPlan, Run
from connector_core.sdk.connector import Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.settings import DeltaSettings
from connector_core.store import Scan, Store


@dataclass(slots=True)
class Catchup:
    """Follows a listing in the order of change, down to where nothing is new."""

    since: datetime
    """Rows that were changed before are stored already."""
    done: bool = False
    problem: str = ""
    _oldest: datetime | None = None
    _seen: set[str] = field(default_factory=set)

    def reached(self, page: Page[Entity]) -> bool:
        """Whether nothing new lies behind this page, or nobody can tell."""
        for entity in page.rows:
            moment: datetime | None = getattr(entity, "updated_at", None)
            # What is saved meanwhile goes to the top, and pushes the last rows of a page onto the next.
            if moment is None or entity.source_id in self._seen:
                continue
            self._seen.add(entity.source_id)
            if self._oldest is not None and utc(moment) > self._oldest:
                self.problem = "the listing did not come in the order of change"
                return True
            self._oldest = utc(moment)
        if page.rows and self._oldest is None:
            self.problem = "no row tells when it was changed"
            return True
        self.done = page.place.last or (self._oldest is not None and self._oldest < self.since)
        return self.done


def extent(store: Store, integration: str, declarations: Sequence[Declaration], settings: DeltaSettings) -> Extent:
    """Whether a delta will do, as far as can be told before the check; and why."""
    listed = [one for one in declarations if one.changes]
    if not listed:
        return Extent(why="nothing that is asked for can be listed by its changes")
    oldest = None
    # Only a full scan can tell whether what is held, removals above all, still holds.
    if any(store.plans.is_held(integration, one.kind.__name__) for one in declarations):
        return Extent(why="changes are held")
    for one in listed:
        scan = store.scans.find(integration, one.kind.__name__)
        if (why := _unfit(scan, settings)) or scan is None:
            return Extent(why=why)
        oldest = min(oldest or scan.full_at, scan.watermark or scan.full_at)
    return Extent(delta=True, why=f"what has changed since {oldest:%Y-%m-%d %H:%M:%S} UTC")


def _unfit(scan: Scan | None, settings: DeltaSettings) -> str:
    if scan is None:
        return "no full scan has been applied whole yet"
    if scan.due:
        return scan.due
    if scan.watermark is None:
        return "no row tells when it was changed"
    age = datetime.now(UTC) - scan.full_at
    if age > timedelta(days=settings.full_after):
        return f"the last one is {age.days} days old"
    return ""


def catchup(scan: Scan, settings: DeltaSettings) -> Catchup:
    """From the watermark, with the overlap."""
    return Catchup((scan.watermark or scan.full_at) - timedelta(seconds=settings.overlap))


@dataclass(frozen=True, slots=True)
class Doubts:
    """Why a delta has not caught up: reasons to try again, or, where it cannot see enough, for a full scan."""

    reasons: tuple[str, ...] = ()
    due: str = ""


def doubts(reading: Reading, follower: Catchup, scan: Scan, known: int, provider: str, kept: Collection[str]) -> Doubts:
    """What there is to doubt; nothing when it has caught up.

    Args:
        reading: What it read.
        follower: How it followed the listing.
        scan: What it started from.
        known: Entities that are stored, or created by its plan.
        provider: Its title.
        kept: Fields that did not come for a row that has them stored.
    """
    found = [*reading.problems, *reading.unused]
    if missed := sorted(set(kept) - scan.unread):
        found.append(f"{', '.join(missed)} did not come for all, and is asked for again")
    if reading.promised and reading.announced is None:
        found.append(f"{provider} never announced the total it promises")
    due = follower.problem
    if not (found or due):
        if follower.done:
            due = _unseen(reading, scan, known, provider)
        else:
            found.append("the reader stopped before it had caught up")
    return Doubts((*found, *([f"{due}: a full scan is due"] if due else ())), due)


def _unseen(reading: Reading, scan: Scan, known: int, provider: str) -> str:
    """Signs of what a delta cannot see."""
    total, expected = reading.announced, known + scan.others
    if total is not None and total != expected:
        return f"{provider} announced {total} rows and {expected} are known"
    if reading.fell:
        return "the total fell while it was read"
    if appeared := sorted(scan.unread & reading.filled.keys()):
        return f"{', '.join(appeared)} came, and in the last full scan did not"
    return ""


def record(
    store: Store,
    run: Run,
    reading: Reading,
    certificate: Certificate,
    plan: KindPlan,
    *,
    read_with: str,
    kept: Collection[str],
    due: str,
) -> None:
    """Remembers how far a kind has been read, once all of it is applied. Else the next delta starts where this did."""
    absent = {name for name, rows in reading.unread.items() if rows == reading.entities}
    whole = not (plan.held or plan.unconfirmed or certificate.drifted or set(kept) - absent)
    before = store.scans.find(run.integration, reading.kind)
    # Not later than the run: a date in the future would hide every change until then.
    newest = min(utc(reading.newest), run.started_at) if reading.newest else None
    if certificate.complete and whole:
        others = certificate.seen - certificate.found
        scan = Scan(read_with, run.started_at, newest, others, frozenset(absent))
        store.scans.record(run.integration, reading.kind, scan)
    elif before and certificate.caught_up and not (plan.held or certificate.drifted):
        later = max((one for one in (before.watermark, newest) if one), default=None)
        store.scans.record(run.integration, reading.kind, replace(before, watermark=later))
    elif before and due:
        store.scans.record(run.integration, reading.kind, replace(before, due=due))

"""A delta reads what has changed since the last run: when that is possible, and what one by change times proves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from connector_core.beginnings import Began
from connector_core.discovery.profile import Profile, utc
from connector_core.discovery.tally import Tally
from connector_core.discovery.token_delta import token_unfit
from connector_core.outcomes import Certificate, Extent, KindPlan, Standing
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Declaration
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page, TotalSource
from connector_core.settings import DeltaSettings
from connector_core.store import LastScan

NEEDS_FULL_SCAN = frozenset(
    {
        Code.ORDER_BROKEN,
        Code.CHANGE_TIMES_MISSING,
        Code.ROWS_UNKNOWN,
        Code.TOTAL_FELL,
        Code.FIELDS_APPEARED,
        Code.TOKEN_MISSING,
    }
)
"""Problems that a delta cannot repair by reading once more."""


@dataclass(slots=True)
class ChangeCursor:
    """Follows a listing in the order of change, down to where nothing is new."""

    since: datetime
    """Rows that were changed before are stored already."""
    done: bool = False
    problem: Reason | None = None
    _oldest: datetime | None = None
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def behind(cls, scan: LastScan, settings: DeltaSettings) -> "ChangeCursor":
        """Start at the watermark, with the overlap."""
        return cls((scan.watermark or scan.full_at) - timedelta(seconds=settings.overlap))

    def reached(self, page: Page[Entity]) -> bool:
        """Return True if nothing new lies behind this page, or the order does not tell."""
        for entity in page.rows:
            moment: datetime | None = getattr(entity, "updated_at", None)
            # A row that is saved meanwhile goes to the top, and pushes the last rows of a page onto the next.
            if moment is None or entity.source_id in self._seen:
                continue
            self._seen.add(entity.source_id)
            if self._oldest is not None and utc(moment) > self._oldest:
                self.problem = Reason(Code.ORDER_BROKEN)
                return True
            self._oldest = utc(moment)
        if page.rows and self._oldest is None:
            self.problem = Reason(Code.CHANGE_TIMES_MISSING)
            return True
        self.done = page.place.last or (self._oldest is not None and self._oldest < self.since)
        return self.done


def choose_extent(
    declarations: Sequence[Declaration],
    scans: Mapping[str, LastScan],
    settings: DeltaSettings,
    *,
    resume_key: str,
    changes_held: bool,
) -> Extent:
    """Decide between a delta and a full scan.

    Args:
        declarations: The kinds to read.
        scans: The last full scan of each kind that has one.
        settings: After how long a full scan is due.
        resume_key: What this run reads with.
        changes_held: Changes of one of the kinds wait for an operator. Only a full scan tells if they still hold.
    """
    listed = {one.kind.__name__: one for one in declarations if one.delta}
    if not listed:
        return Extent(why=Reason(Code.NOT_LISTED_BY_CHANGE))
    if changes_held:
        return Extent(why=Reason(Code.CHANGES_HELD))
    if not all(kind in scans for kind in listed):
        return Extent(why=Reason(Code.NO_FULL_SCAN))
    for kind, scan in scans.items():
        if why := _unfit(listed[kind], scan, settings, resume_key):
            return Extent(why=why)
    oldest = min(_read_up_to(listed[kind], scan) for kind, scan in scans.items())
    return Extent(delta=True, why=Reason(Code.CHANGED_SINCE, since=f"{oldest:%Y-%m-%d %H:%M:%S} UTC"))


def _read_up_to(declaration: Declaration, scan: LastScan) -> datetime:
    """Return the moment up to which every change is stored."""
    return (scan.token_at if declaration.changes_since else scan.watermark) or scan.full_at


def _unfit(declaration: Declaration, scan: LastScan, settings: DeltaSettings, resume_key: str) -> Reason | None:
    if scan.due:
        return scan.due
    if declaration.changes and scan.watermark is None:
        return Reason(Code.CHANGE_TIMES_MISSING)
    moment, newest = datetime.now(UTC), max(scan.full_at, _read_up_to(declaration, scan))
    if newest > moment:
        # A clock was wrong: nothing that changed before that moment would be read, and no full scan be due.
        return Reason(Code.SCAN_IN_FUTURE, moment=f"{newest:%Y-%m-%d %H:%M:%S} UTC")
    age = moment - scan.full_at
    if age > timedelta(days=settings.full_after):
        return Reason(Code.FULL_SCAN_OLD, days=age.days)
    if scan.resume_key != resume_key:
        return Reason(Code.ACCESS_CHANGED)
    return token_unfit(scan, declaration.token_lifetime, moment) if declaration.changes_since else None


def delta_problems(
    tally: Tally,
    profile: Profile,
    cursor: ChangeCursor,
    scan: LastScan,
    *,
    known: int,
    kept: Collection[str],
    failed: bool,
    provider: str,
) -> list[Reason]:
    """Return why a delta has not caught up; nothing when it has.

    Args:
        tally: What it counted.
        profile: What its rows held.
        cursor: How it followed the listing.
        scan: What it started from.
        known: Entities that are stored, or created by its plan.
        kept: Fields that did not come for a row that has them stored.
        failed: The reading ended early, or rows were rejected: that is said elsewhere.
        provider: Its title.
    """
    found: list[Reason] = []
    if missed := sorted(set(kept) - scan.unread):
        found.append(Reason(Code.FIELDS_MISSING, fields=tuple(missed)))
    if tally.total_source is TotalSource.LISTING and tally.announced is None:
        found.append(Reason(Code.TOTAL_MISSING, provider=provider))
    if cursor.problem:
        return [*found, cursor.problem]
    if found or failed:
        return found
    if not cursor.done:
        return [Reason(Code.CHANGES_ENDED_EARLY)]
    return _unseen(tally, profile, scan, known, provider)


def _unseen(tally: Tally, profile: Profile, scan: LastScan, known: int, provider: str) -> list[Reason]:
    """Return signs of changes that a delta cannot see."""
    total, expected = tally.announced, known + scan.others
    if total is not None and total != expected:
        return [Reason(Code.ROWS_UNKNOWN, provider=provider, announced=total, known=expected)]
    if tally.total_fell:
        return [Reason(Code.TOTAL_FELL)]
    if appeared := sorted(scan.unread & profile.shares().keys()):
        return [Reason(Code.FIELDS_APPEARED, fields=tuple(appeared))]
    return []


def next_scan(
    before: LastScan | None,
    this: LastScan,
    profile: Profile,
    certificate: Certificate,
    plan: KindPlan,
    *,
    is_delta: bool,
    kept: Collection[str],
) -> LastScan | None:
    """Return what the next delta starts from, once all of the kind is applied; None where that has not changed.

    ``this`` tells when this run began, what it reads with, and the token that its reading has brought.
    """
    absent = {name for name, rows in profile.unread.items() if rows == profile.rows}
    # Not later than the run: a date in the future would hide every change until then.
    newest = min(utc(profile.newest), this.full_at) if profile.newest else None
    applied = not (plan.held or certificate.profile.doubted)
    resynced = certificate.began is Began.RESYNCED
    if certificate.complete and not resynced and applied and not (plan.unconfirmed or set(kept) - absent):
        others = certificate.seen - certificate.found
        return replace(this, watermark=newest, others=others, unread=frozenset(absent))
    if before is None:
        return None
    # A resync removes nothing, so the full scan that does is due when it was.
    if applied and (certificate.standing is Standing.CAUGHT_UP or (certificate.complete and resynced)):
        watermark = max((one for one in (before.watermark, newest) if one), default=None)
        return replace(before, watermark=watermark, token=this.token, token_at=this.token_at)
    # What a full scan lacks, the next full scan may bring: only a delta makes one due.
    due = next((reason for reason in certificate.reasons if is_delta and reason.code in NEEDS_FULL_SCAN), None)
    return replace(before, due=due) if due else None

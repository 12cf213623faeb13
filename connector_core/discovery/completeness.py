"""Completeness of a reading: its counters and evidence become coded reasons, and these a certificate."""

from connector_core.beginnings import Proof
from connector_core.data_profile import DataProfile
from connector_core.discovery.delta import delta_problems
from connector_core.discovery.drift import emptied_fields, rows_emptied
from connector_core.discovery.results import Evidence, ReadResult
from connector_core.discovery.tally import Tally
from connector_core.discovery.token_delta import TokenCursor, token_problems
from connector_core.outcomes import Certificate, Standing
from connector_core.reasons import Code, Reason
from connector_core.sdk.page import TotalSource
from connector_core.settings import DriftSettings
from connector_core.store.comparison import Comparison

_DEFERRALS = frozenset({Code.DEFERRED, Code.THROTTLED})


def verify(evidence: Evidence, drift: DriftSettings, *, accepted: frozenset[str], provider: str) -> Certificate:
    """Return the certificate of one kind.

    Args:
        evidence: Everything that was read and asked.
        drift: When a field or a row that emptied is not believed.
        accepted: Fields whose emptying the operator has accepted.
        provider: Its title.
    """
    result, tally, profile = evidence.result, evidence.result.tally, evidence.result.profile
    differences = evidence.differences
    emptied = emptied_fields(evidence.cleared, drift, result.declaration.kind, accepted)
    rows_stay = rows_emptied(differences.nearly_empty, evidence.emptied_before, evidence.comparison.stored, drift)
    kept = differences.kept(emptied, rows_stay=rows_stay)
    unread = {} if result.partial else kept | profile.unread
    never_came = any(unread.get(name) == profile.rows for name in profile.unread)
    if result.delta:
        reasons = _delta_reasons(evidence, frozenset(kept), provider)
    else:
        reasons = [*incompleteness(result, evidence.comparison, provider), *_not_listed(evidence, provider)]
    return Certificate(
        kind=result.kind,
        standing=_standing(reasons, is_delta=result.delta is not None),
        seen=tally.seen,
        announced=tally.announced,
        found=tally.entities,
        pages=tally.pages,
        reasons=tuple(reasons),
        notes=_notes(evidence, provider),
        rejected=tuple(tally.rejected),
        began=result.began,
        first_page=result.first_page,
        proof=_proof(result, reasons),
        origin=tally.origin,
        remedy=_remedy(reasons) or (result.declaration.permission if emptied or rows_stay or never_came else ""),
        profile=DataProfile(
            filled=profile.shares(),
            unread=dict(sorted(unread.items())),
            emptied=emptied,
            emptied_rows=differences.nearly_empty if rows_stay else 0,
            emptied_example=differences.example if rows_stay else (),
            dangling=evidence.dangling,
            without_email=profile.without_email,
            sharing_email=profile.sharing_email,
        ),
    )


def incompleteness(result: ReadResult, comparison: Comparison, provider: str) -> list[Reason]:
    """Return why a full reading is not complete, as far as its own counters tell; empty when it is."""
    tally = result.tally
    found = _stopped(result)
    if comparison.staged < tally.entities - tally.repeated_rows:
        found.append(Reason(Code.ROWS_MERGED, rows=tally.entities - comparison.staged))
    if comparison.stored and not tally.entities and not found:
        found.append(Reason(Code.LISTING_EMPTY, stored=comparison.stored))
    if not tally.ended and not found:
        found.append(Reason(Code.ENDED_EARLY))
    if tally.total_fell:
        found.append(Reason(Code.TOTAL_FELL))
    if tally.repeated_rows:
        found.append(Reason(Code.ROWS_REPEATED, rows=tally.repeated_rows))
    found += [*rejections(tally), *_total(tally, provider)]
    # The other reasons say more of the same.
    return found or _unproven(tally)


def _unproven(tally: Tally) -> list[Reason]:
    """Return why nothing vouches for the rows of a reading whose counters are not amiss."""
    if tally.rows_unaccounted:
        return [Reason(Code.ROWS_UNACCOUNTED)]
    # With a total, a second pass may be declined: the certificate says so.
    return [Reason(Code.COMPLETENESS_UNPROVEN)] if tally.announced is None and tally.proof is Proof.NONE else []


def _proof(result: ReadResult, reasons: list[Reason]) -> Proof:
    """Return how it was proven that no row moved past the reader; NONE where the reading is not complete."""
    if reasons or result.delta:
        return Proof.NONE
    return Proof.DECLINED if result.tally.proof is Proof.NONE else result.tally.proof


def _stopped(result: ReadResult) -> list[Reason]:
    """Return why the reading did not go on to the end, if something stopped it."""
    page = result.tally.repeated_page
    return [*result.problems, *([] if page is None else [Reason(Code.PAGE_REPEATED, page=page)])]


def rejections(tally: Tally) -> list[Reason]:
    """Return what is said of rejected rows, if there are any."""
    if not tally.rejected:
        return []
    first = tally.rejected[0]
    example = f"{first.source_id or 'a row without an id'}: {f'{first.field} {first.problem}'.strip()}"
    return [Reason(Code.ROWS_REJECTED, rows=len(tally.rejected), example=example)]


def _notes(evidence: Evidence, provider: str) -> tuple[Reason, ...]:
    tally, notes = evidence.result.tally, []
    if tally.repaired:
        notes.append(Reason(Code.TEXTS_INVALID, places=tally.repaired, provider=provider))
    if tally.announced is not None and tally.differs and _outweighed(tally):
        notes.append(Reason(Code.COUNT_OUTWEIGHED, provider=provider, counted=tally.announced, read=tally.seen))
    for place, rows in sorted(tally.unreadable.items()):
        notes.append(Reason(Code.VALUES_UNREADABLE, field=place, rows=rows, provider=provider))
    if evidence.result.delta and evidence.present:
        notes.append(Reason(Code.STILL_THERE, rows=len(evidence.present), provider=provider))
    return tuple(notes)


def _total(tally: Tally, provider: str) -> list[Reason]:
    expected = tally.total_source is TotalSource.EXPECTED_IDS
    if tally.counted:
        return _count(tally, provider)
    if tally.announced is None:
        if not tally.ended or tally.total_source is TotalSource.NONE:
            return []
        return [Reason(Code.EXPECTED_IDS_MISSING) if expected else Reason(Code.TOTAL_MISSING, provider=provider)]
    if not tally.differs:
        return []
    if expected:
        return [Reason(Code.EXPECTED_IDS_DIFFER, read=tally.seen, expected=tally.announced, provider=provider)]
    return [Reason(Code.TOTAL_DIFFERS, read=tally.seen, announced=tally.announced, provider=provider)]


def _count(tally: Tally, provider: str) -> list[Reason]:
    """Return what another response's count says against a reading."""
    if tally.agrees or _outweighed(tally):
        return []
    if tally.announced is None:
        return [Reason(Code.COUNT_MISSING)] if tally.ended else []
    return [Reason(Code.COUNT_DIFFERS, read=tally.seen, counted=tally.announced, provider=provider)]


def _outweighed(tally: Tally) -> bool:
    """Return True if the proof of a reading counts for more than a count that is missing, or lags."""
    lags = tally.announced is None or tally.total_source is TotalSource.ESTIMATE
    return tally.counted and lags and tally.proof in {Proof.READ_TWICE, Proof.CREATION_TIMES}


def _not_listed(evidence: Evidence, provider: str) -> list[Reason]:
    present = len(evidence.present)
    return [Reason(Code.ROWS_NOT_LISTED, rows=present, provider=provider)] if present else []


def _delta_reasons(evidence: Evidence, kept: frozenset[str], provider: str) -> list[Reason]:
    result, comparison = evidence.result, evidence.comparison
    if result.delta is None:
        return []
    failed = [*_stopped(result), *rejections(result.tally)]
    cursor, scan = result.delta.cursor, result.delta.scan
    if isinstance(cursor, TokenCursor):
        return failed + token_problems(cursor, failed=bool(failed))
    known = comparison.stored + comparison.creates
    return failed + delta_problems(
        result.tally, result.profile, cursor, scan, known=known, kept=kept, failed=bool(failed), provider=provider
    )


def _standing(reasons: list[Reason], *, is_delta: bool) -> Standing:
    if any(reason.code in _DEFERRALS for reason in reasons):
        return Standing.DEFERRED
    if reasons:
        return Standing.INCOMPLETE
    return Standing.CAUGHT_UP if is_delta else Standing.COMPLETE


def _remedy(reasons: list[Reason]) -> str:
    return next((str(reason["remedy"]) for reason in reasons if reason.parameters.get("remedy")), "")

"""Plain data for tests of the judgements: rows, pages, readings and the evidence about them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_core import Certificate, Department, Employee, Entity, Page, PlaceInListing, Standing, TotalSource
from connector_core.discovery.changes import KindChanges, Testimony
from connector_core.discovery.delta import ChangeCursor
from connector_core.discovery.drift import DifferenceCounts
from connector_core.discovery.profile import Profile
from connector_core.discovery.results import DeltaStart, Evidence, ReadResult
from connector_core.discovery.tally import Tally
from connector_core.outcomes import KindPlan
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Declaration
from connector_core.sdk.page import Beginning
from connector_core.store import LastScan, Reading, StoredKind
from connector_core.store.comparison import Comparison, Difference, Loss, Missing
from connector_core.store.planned import Removal

TITLE = "Example HR"
"""The provider's."""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = StoredKind("acme", "Employee")
# By these names, since pytest takes a class named Testimony for tests.
GONE, PRESENT, SILENT = Testimony.GONE, Testimony.PRESENT, Testimony.SILENT


def declaration(kind: type[Entity] = Employee, *, provides: tuple[str, ...] = (), **more: Any) -> Declaration:
    return Declaration(kind, frozenset(), "People", "", "Grant it", provides, "employees", **more)


def person(source_id: str, **fields: Any) -> Employee:
    return Employee(source_id=source_id, **fields)


def changed(source_id: str, days: float | None) -> Employee:
    """Return a person who was changed so many days after noon."""
    return person(source_id, updated_at=None if days is None else NOON + days * timedelta(days=1))


def page(
    *rows: str | Entity,
    number: int = 1,
    last: bool = False,
    total: int | None = None,
    source: TotalSource = TotalSource.NONE,
    total_fell: bool = False,
    one_response: bool = True,
    first_total: int | None = None,
    chained: bool = False,
    keeps_place: bool = False,
    **more: Any,
) -> Page[Any]:
    """Return a page of these people, or of people with these ids."""
    made = tuple(person(one) if isinstance(one, str) else one for one in rows)
    place = PlaceInListing(
        "/people",
        number,
        last,
        total_fell,
        one_response,
        Beginning(first_total, 1.0),
        chained=chained,
        keeps_place=keeps_place,
    )
    ids = tuple(one.source_id for one in made)
    return Page(made, ids, announced=total, total_source=source, place=place, **more)


def tally(*pages: Page[Any]) -> Tally:
    """Return the counters of a reading that brought these pages."""
    counted = Tally()
    for one in pages:
        counted.add(one)
    return counted


def complete_tally(*ids: str) -> Tally:
    return tally(page(*ids, last=True, total=len(ids), source=TotalSource.LISTING))


def profile(*entities: Entity, provides: tuple[str, ...] = ()) -> Profile:
    kind = type(entities[0]) if entities else Employee
    counted = Profile(declaration(kind, provides=provides))
    counted.add(entities)
    return counted


def read_result(counted: Tally | None = None, held: Profile | None = None, **more: Any) -> ReadResult:
    return ReadResult(
        declaration(), Reading(1, "run", PEOPLE), counted or complete_tally("a"), held or profile(), rule="", **more
    )


def compared(staged: int = 1, stored: int = 0, **more: Any) -> Comparison:
    values = {"active": stored, "creates": 0, "accepted_key": "key", **more}
    return Comparison(staged=staged, stored=stored, **values)


def differing(*differences: Difference, kind: type[Entity] = Employee) -> DifferenceCounts:
    """Return the counts of these differences."""
    counts = DifferenceCounts(kind)
    counts.add(differences)
    return counts


def evidence(
    result: ReadResult | None = None, comparison: Comparison | None = None, *differences: Difference, **more: Any
) -> Evidence:
    return Evidence(result or read_result(), "key", comparison or compared(), differing(*differences), **more)


def difference(stored: dict[str, Any] | str, read: dict[str, Any] | str, source_id: str = "a") -> Difference:
    """Return a difference between two bodies. Text is taken as it is spelled."""
    bodies = [one if isinstance(one, str) else json.dumps({"source_id": source_id, **one}) for one in (stored, read)]
    return Difference(source_id, bodies[0], bodies[1], digest=b"read", base_digest=b"stored")


def missing(source_id: str, **more: Any) -> Missing:
    values: dict[str, Any] = {"other_kind": False, "missed_before": False, "active": True, **more}
    return Missing(source_id, base_digest=b"stored", **values)


def lost(*ids: str, loss: Loss = Loss.ACTIVE) -> KindChanges:
    """Return a plan that removes these rows."""
    return KindChanges(removals=tuple(Removal(one, Reason(Code.NOT_FOUND), loss, b"") for one in ids))


def turned(*ids: str, loss: Loss = Loss.ACTIVE) -> KindChanges:
    """Return a plan that updates these rows."""
    return KindChanges(len(ids), frozenset(ids if loss else ()))


def last_scan(**more: Any) -> LastScan:
    values = {"resume_key": "key", "full_at": NOON, "watermark": NOON, "others": 0, "unread": frozenset[str](), **more}
    return LastScan(**values)


def delta_start(cursor: ChangeCursor | None = None, **scan: Any) -> DeltaStart:
    return DeltaStart(last_scan(**scan), cursor or ChangeCursor(NOON, done=True))


def certificate(standing: Standing = Standing.COMPLETE, kind: str = "Employee", **more: Any) -> Certificate:
    return Certificate(kind, standing, **{"seen": 1, "announced": 1, "found": 1, "pages": 1, **more})


def kind_plan(kind: str = "Employee", **more: Any) -> KindPlan:
    return KindPlan(kind, **{"creates": 0, "updates": 0, "removes": 0, "held": 0, **more})


def codes(reasons: Iterable[Reason]) -> list[Code]:
    return [one.code for one in reasons]


def department(source_id: str, **fields: Any) -> Department:
    return Department(source_id=source_id, **{"name": source_id, **fields})

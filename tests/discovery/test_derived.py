"""Derived kinds: entities that another listing's rows mention."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import TITLE, compared, read_result, tally
from connector_core import (
    Code,
    Department,
    Page,
    PageNumber,
    PlaceInListing,
    Product,
    Reason,
    RowRejectedError,
    Verdict,
    discovers,
)
from connector_core.discovery.completeness import incompleteness
from planted.example import Example, People, Person
from planted.simulator import ExampleSimulator
from world import first_run

pytestmark = pytest.mark.jumping


def teams(person: Person) -> Iterator[Department]:
    if person.name == "unknown":
        raise RowRejectedError("team", "did not come")
    for name in str(person.name).split():
        yield Department(source_id=name, name=name)


def page(*names: str, number: int = 1, last: bool = False, **more: Any) -> Page[Person]:
    """Return a page of people, each named after their teams."""
    rows = tuple(Person(id=f"{number}-{place}", name=name, active=True) for place, name in enumerate(names))
    place = PlaceInListing(listing="/people", number=number, last=last)
    return Page(rows, tuple(row.id for row in rows), place=place, **more)


def reasons(*pages: Page[Person], staged: int) -> list[Reason]:
    counted = tally(*(one.derive(teams) for one in pages))
    return incompleteness(read_result(counted), compared(staged), TITLE)


def test_an_entity_that_many_rows_mention_is_derived_once() -> None:
    assert page("sales legal", "sales", "").derive(teams).ids == ("sales", "legal")


def test_completeness_is_judged_by_the_rows() -> None:
    assert reasons(page("sales", "sales", announced=3), page("ops", number=2, announced=3, last=True), staged=2) == []
    assert reasons(page("sales", "sales", announced=3, last=True), staged=1) == [
        Reason(Code.TOTAL_DIFFERS, read=2, announced=3, provider=TITLE)
    ]
    twice = reasons(page("sales", announced=1), page("sales", "ops", announced=1, last=True), staged=2)
    assert Reason(Code.ROWS_REPEATED, rows=1) in twice


def test_a_row_that_cannot_be_derived_from_makes_the_reading_incomplete() -> None:
    assert reasons(page("sales", "unknown", announced=2, last=True), staged=1) == [
        Reason(Code.ROWS_REJECTED, rows=1, example="1-1: team did not come")
    ]


def test_rows_that_were_skipped_before_are_counted_too() -> None:
    first = page("sales", "", announced=2, last=True).map(lambda one: one if one.name else None)
    assert first.derive(teams).listed == ("1-0", "1-1")


def test_a_tombstone_of_a_row_is_none_of_what_was_derived_from_rows() -> None:
    assert page("sales", removed=("sales",)).derive(teams).removed == ()


def test_a_derived_reading_cannot_be_resumed() -> None:
    assert page("sales").derive(teams).place.listing == ""


def team_by_id(person: Person) -> list[Department]:
    """Two teams for everyone: ids that end with an even digit, and the others."""
    name = "even" if person.id[-1] in "02468" else "odd"
    return [Department(source_id=name, name=name)]


class WithTeams(Example):
    """Discovers teams besides the people."""

    @discovers(Department, products={Product.SMP}, resource="People", description="Teams.", derived=True)
    async def teams(self) -> AsyncIterator[Page[Department]]:
        async for page in self.api.pages("/people", People, paging=PageNumber(size=25)):
            yield page.derive(team_by_id)


async def test_an_entity_that_many_pages_mention_is_stored_and_counted_once(tmp_path: Path) -> None:
    report = await first_run(WithTeams, ExampleSimulator(60, 1), tmp_path / "people.sqlite")
    assert report.verdict is Verdict.COMPLETE
    found = report["Department"].certificate
    assert (found.seen, found.announced, found.found, found.pages) == (60, 60, 2, 4)
    assert report["Department"].plan.creates == 2

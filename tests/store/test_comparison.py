"""A reading beside what is stored: counts, differences, missing rows, losses, filled fields and links."""

from datetime import UTC, datetime, timedelta

import pytest

from book import Book, turned
from builders import PEOPLE, department, person
from connector_core import Status
from connector_core.store import StoredKind
from connector_core.store.comparison import Loss, LostBefore

DEPARTMENTS = StoredKind("acme", "Department")
ACTIVE, INACTIVE = Status.ACTIVE, Status.INACTIVE


async def test_the_last_of_two_rows_with_one_id_counts(book: Book) -> None:
    first, last = person("a", display_name="Zoe", status=ACTIVE), person("a", display_name="Ada", status=INACTIVE)
    # Whichever of the two has the greater digest, and although true is greater than false.
    for before, after in ((first, last), (last, first)):
        _, reading = await book.read(before, person("b"), after)
        assert (await book.store.comparisons.compare(reading, 7)).staged == 2
        body, active = book.ask(
            "SELECT b.body, l.active FROM latest l JOIN bodies b ON b.n = l.n "
            f"WHERE l.reading = {reading.id} AND l.source_id = 'a'"
        )[0]
        assert body == after.body().decode()
        assert bool(active) is after.is_active()


async def test_a_reading_is_counted_beside_what_is_stored(book: Book) -> None:
    stored = [person("a", status=ACTIVE), person("b", status=INACTIVE), person("c"), person("d", status=ACTIVE)]
    await book.applied(*stored)
    _, reading = await book.read(
        person("a", status=ACTIVE), person("b", status=ACTIVE), person("e", status=ACTIVE), skipped=("x",)
    )
    found = await book.store.comparisons.compare(reading, 7)
    assert (found.staged, found.stored, found.active, found.creates) == (3, 4, 2, 1)
    assert [one.source_id for one in found.differences] == ["b"]
    assert found.differences[0].stored == stored[1].body().decode()
    assert found.accepted_key == "key"
    assert found.lost_before == {}


async def test_activity_is_a_column_and_not_a_matter_of_spelling(book: Book) -> None:
    await book.applied(person("a", status=ACTIVE), person("b", status=INACTIVE))
    # As another encoder might spell it.
    book.ask("""UPDATE bodies SET body = replace(replace(body, ':', ' : '), '"active"', '"\\u0061ctive"')""")
    assert not [one for one in await book.bodies() if '"status":"active"' in one]
    _, reading = await book.read(person("c", status=ACTIVE))
    assert (await book.store.comparisons.compare(reading, 7)).active == 1
    missing = await book.store.comparisons.missing(reading, "key")
    assert {one.source_id: one.active for one in missing} == {"a": True, "b": False}


async def test_losses_within_the_window_are_remembered_and_older_ones_are_not(book: Book) -> None:
    people = [person(one, status=ACTIVE) for one in ("a", "b", "c", "d")]
    await book.applied(*people)
    await book.applied(turned(people[0], INACTIVE), *people[1:])
    await book.applied(turned(people[0], INACTIVE), people[1], people[2], removed=("d",))
    run = await book.applied(turned(people[0], INACTIVE), people[1], removed=("c",), loss=Loss.OTHER)
    long_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat(timespec="milliseconds")
    book.ask(f"UPDATE changes SET decided_at = '{long_ago}' WHERE run_id = '{run.id}'")
    _, reading = await book.read(people[1])
    assert (await book.store.comparisons.compare(reading, 7)).lost_before == {
        "a": LostBefore(Loss.ACTIVE, removed=False),
        "d": LostBefore(Loss.ACTIVE, removed=True),
    }
    assert (await book.store.comparisons.compare(reading, 9)).lost_before["c"] == LostBefore(Loss.OTHER, removed=True)


async def test_missing_rows_tell_if_they_were_read_as_another_kind_or_missed_before(book: Book) -> None:
    await book.applied(*(person(one) for one in ("a", "b", "c")))
    run, reading = await book.read(person("a"))
    await book.plan(run, reading)
    await book.finish(run, {"Employee": ("b",)})
    _, reading = await book.read(person("a"), skipped=("c",))
    same = {one.source_id: one for one in await book.store.comparisons.missing(reading, "key")}
    assert {key: (one.other_kind, one.missed_before) for key, one in same.items()} == {
        "b": (False, True),
        "c": (True, False),
    }
    # A scan that was read with another token is no first witness.
    other = await book.store.comparisons.missing(reading, "another key")
    assert not any(one.missed_before for one in other)


async def test_a_row_that_is_read_or_known_to_exist_is_not_missed_any_more(book: Book) -> None:
    await book.applied(person("a"), person("b"), person("c"))
    run, reading = await book.read(person("x"))
    await book.plan(run, reading)
    await book.finish(run, {"Employee": ("a", "b", "c")})
    await book.store.entities.note_present(PEOPLE, ["b"])
    _, reading = await book.read(person("a"))
    _, reading = await book.read(person("x"))
    missed = [one.source_id for one in await book.store.comparisons.missing(reading, "key") if one.missed_before]
    assert missed == ["c"]


@pytest.mark.parametrize(
    ("values", "share"),
    [
        (["Lead", "Lead"], 1.0),
        (["Lead", None], 0.5),
        ([None, None], 0.0),
    ],
)
async def test_a_stored_field_is_filled_where_it_holds_a_value(
    book: Book, values: list[str | None], share: float
) -> None:
    people = [person(f"p{number}", job_title=one) for number, one in enumerate(values)]
    await book.applied(*people, person("never read"))
    _, reading = await book.read(*people)
    shares = book.store.comparisons.filled_shares
    assert await shares(reading, ["job_title"], read_only=True) == {"job_title": share}
    assert await shares(reading, ["job_title"], read_only=False) == {"job_title": share * 2 / 3}
    assert await shares(reading, [], read_only=False) == {}


async def test_empty_lists_false_and_absent_fields_are_not_filled(book: Book) -> None:
    await book.applied(person("a", department_source_ids=()), person("b", department_source_ids=("x",)))
    _, reading = await book.read(person("a"))
    found = await book.store.comparisons.filled_shares(
        reading, ["department_source_ids", "email", "status"], read_only=False
    )
    assert found == {"department_source_ids": 0.5, "email": 0.0, "status": 0.0}
    await book.applied(department("d", active=False), department("e", active=True))
    _, reading = await book.read(department("d"))
    assert await book.store.comparisons.filled_shares(reading, ["active"], read_only=False) == {"active": 0.5}


async def test_unknown_links_are_neither_stored_nor_read(book: Book) -> None:
    count = book.store.comparisons.count_unknown
    assert await count(DEPARTMENTS, None, {"stored"}) is None
    await book.applied(department("stored"))
    _, reading = await book.read(department("read"), skipped=("another kind",))
    assert await count(DEPARTMENTS, reading, {"stored", "read"}) == 0
    assert await count(DEPARTMENTS, reading, {"stored", "another kind", "nowhere"}) == 2
    assert await count(DEPARTMENTS, None, {"stored", "read"}) == 1
    assert await count(DEPARTMENTS, None, {"'; DROP TABLE bodies", '"'}) == 2

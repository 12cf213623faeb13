"""A reading beside what is stored: counts, differences, missing rows, losses, filled fields and links."""

from datetime import UTC, datetime, timedelta

import pytest

from builders import PEOPLE, department, person
from connector_core import Status
from connector_core.store import StoredKind
from connector_core.store.comparison import Loss, LostBefore
from run_steps import RunSteps, turned

DEPARTMENTS = StoredKind("acme", "Department")
ACTIVE, INACTIVE = Status.ACTIVE, Status.INACTIVE


async def test_the_last_of_two_rows_with_one_id_counts(steps: RunSteps) -> None:
    first, last = person("a", display_name="Zoe", status=ACTIVE), person("a", display_name="Ada", status=INACTIVE)
    # Whichever of the two has the greater digest, and although true is greater than false.
    for before, after in ((first, last), (last, first)):
        _, reading = await steps.read(before, person("b"), after)
        assert (await steps.store.comparisons.compare(reading, 7)).staged == 2
        body, active = steps.ask(
            "SELECT b.body, l.active FROM latest l JOIN bodies b ON b.n = l.n "
            f"WHERE l.reading = {reading.id} AND l.source_id = 'a'"
        )[0]
        assert body == after.body().decode()
        assert bool(active) is after.is_active()


async def test_a_reading_is_counted_beside_what_is_stored(steps: RunSteps) -> None:
    stored = [person("a", status=ACTIVE), person("b", status=INACTIVE), person("c"), person("d", status=ACTIVE)]
    await steps.applied(*stored)
    _, reading = await steps.read(
        person("a", status=ACTIVE), person("b", status=ACTIVE), person("e", status=ACTIVE), skipped=("x",)
    )
    found = await steps.store.comparisons.compare(reading, 7)
    assert (found.staged, found.stored, found.active, found.creates) == (3, 4, 2, 1)
    assert [one.source_id for one in found.differences] == ["b"]
    assert found.differences[0].stored == stored[1].body().decode()
    assert found.accepted_key == "key"
    assert found.lost_before == {}


async def test_activity_is_a_column_and_not_a_matter_of_spelling(steps: RunSteps) -> None:
    await steps.applied(person("a", status=ACTIVE), person("b", status=INACTIVE))
    # As another encoder might spell it.
    steps.ask("""UPDATE bodies SET body = replace(replace(body, ':', ' : '), '"active"', '"\\u0061ctive"')""")
    assert not [one for one in await steps.bodies() if '"status":"active"' in one]
    _, reading = await steps.read(person("c", status=ACTIVE))
    assert (await steps.store.comparisons.compare(reading, 7)).active == 1
    missing = await steps.store.comparisons.missing(reading, "key", datetime.now(UTC))
    assert {one.source_id: one.active for one in missing} == {"a": True, "b": False}


async def test_losses_within_the_window_are_remembered_and_older_ones_are_not(steps: RunSteps) -> None:
    people = [person(one, status=ACTIVE) for one in ("a", "b", "c", "d")]
    await steps.applied(*people)
    await steps.applied(turned(people[0], INACTIVE), *people[1:])
    await steps.applied(turned(people[0], INACTIVE), people[1], people[2], removed=("d",))
    run = await steps.applied(turned(people[0], INACTIVE), people[1], removed=("c",), loss=Loss.OTHER)
    long_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat(timespec="milliseconds")
    steps.ask(f"UPDATE changes SET decided_at = '{long_ago}' WHERE run_id = '{run.id}'")
    _, reading = await steps.read(people[1])
    assert (await steps.store.comparisons.compare(reading, 7)).lost_before == {
        "a": LostBefore(Loss.ACTIVE, removed=False),
        "d": LostBefore(Loss.ACTIVE, removed=True),
    }
    assert (await steps.store.comparisons.compare(reading, 9)).lost_before["c"] == LostBefore(Loss.OTHER, removed=True)


async def test_missing_rows_tell_if_they_were_read_as_another_kind_or_missed_before(steps: RunSteps) -> None:
    await steps.applied(*(person(one) for one in ("a", "b", "c")))
    run, reading = await steps.read(person("a"))
    await steps.plan(run, reading)
    await steps.finish(run, {"Employee": ("b",)})
    _, reading = await steps.read(person("a"), skipped=("c",))
    same = {one.source_id: one for one in await steps.store.comparisons.missing(reading, "key", datetime.now(UTC))}
    assert {key: (one.other_kind, one.missed_before) for key, one in same.items()} == {
        "b": (False, True),
        "c": (True, False),
    }
    # A scan that was read with another token is no first witness.
    other = await steps.store.comparisons.missing(reading, "another key", datetime.now(UTC))
    assert not any(one.missed_before for one in other)


async def test_a_row_that_is_read_or_known_to_exist_is_not_missed_any_more(steps: RunSteps) -> None:
    await steps.applied(person("a"), person("b"), person("c"))
    run, reading = await steps.read(person("x"))
    await steps.plan(run, reading)
    await steps.finish(run, {"Employee": ("a", "b", "c")})
    await steps.store.entities.note_present(PEOPLE, ["b"])
    _, reading = await steps.read(person("a"))
    _, reading = await steps.read(person("x"))
    missed = [
        one.source_id
        for one in await steps.store.comparisons.missing(reading, "key", datetime.now(UTC))
        if one.missed_before
    ]
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
    steps: RunSteps, values: list[str | None], share: float
) -> None:
    people = [person(f"p{number}", job_title=one) for number, one in enumerate(values)]
    await steps.applied(*people, person("never read"))
    _, reading = await steps.read(*people)
    shares = steps.store.comparisons.filled_shares
    assert await shares(reading, ["job_title"], read_only=True) == {"job_title": share}
    assert await shares(reading, ["job_title"], read_only=False) == {"job_title": share * 2 / 3}
    assert await shares(reading, [], read_only=False) == {}


async def test_empty_lists_false_and_absent_fields_are_not_filled(steps: RunSteps) -> None:
    await steps.applied(person("a", department_source_ids=()), person("b", department_source_ids=("x",)))
    _, reading = await steps.read(person("a"))
    found = await steps.store.comparisons.filled_shares(
        reading, ["department_source_ids", "email", "status"], read_only=False
    )
    assert found == {"department_source_ids": 0.5, "email": 0.0, "status": 0.0}
    await steps.applied(department("d", active=False), department("e", active=True))
    _, reading = await steps.read(department("d"))
    assert await steps.store.comparisons.filled_shares(reading, ["active"], read_only=False) == {"active": 0.5}


async def test_unknown_links_are_neither_stored_nor_read(steps: RunSteps) -> None:
    count = steps.store.comparisons.count_unknown
    assert await count(DEPARTMENTS, None, {"stored"}) is None
    await steps.applied(department("stored"))
    _, reading = await steps.read(department("read"), skipped=("another kind",))
    assert await count(DEPARTMENTS, reading, {"stored", "read"}) == 0
    assert await count(DEPARTMENTS, reading, {"stored", "another kind", "nowhere"}) == 2
    assert await count(DEPARTMENTS, None, {"stored", "read"}) == 1
    assert await count(DEPARTMENTS, None, {"'; DROP TABLE bodies", '"'}) == 2

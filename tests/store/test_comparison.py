"""A reading beside what is stored: counts, differences, missing rows, losses, filled fields and links."""

from datetime import UTC, datetime, timedelta

from builders import PEOPLE, department, person
from connector_core import Status
from connector_core.store import StoredKind
from connector_core.store.comparison import Loss, LostBefore
from connector_core.store.planned import Hold
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
    assert found.differing == 1
    assert found.accepted_key == "key"
    assert found.lost_before == {}


async def test_differences_come_by_id_in_batches(steps: RunSteps) -> None:
    stored = [person(f"p{number:04}", job_title="Engineer") for number in range(2_500)]
    await steps.applied(*stored)
    read = [one.model_copy(update={"job_title": "Lead"}) if place % 2 else one for place, one in enumerate(stored)]
    _, reading = await steps.read(*read, person("new"))
    batches = [batch async for batch in steps.store.comparisons.differences(reading)]
    assert len(batches) > 1
    found = [(one.source_id, one.stored, one.read) for batch in batches for one in batch]
    assert found == [
        (old.source_id, old.body().decode(), new.body().decode())
        for old, new in zip(stored, read, strict=True)
        if old != new
    ]
    assert (await steps.store.comparisons.compare(reading, 7)).differing == len(found) == 1_250


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


async def test_stored_values_are_counted_in_the_rows_that_were_read_again(steps: RunSteps) -> None:
    count = steps.store.comparisons.count_values
    await steps.applied(person("a", job_title="Lead"), person("b", job_title=None), person("never read", job_title="X"))
    # Whatever came this time; a row of another kind was not read.
    _, reading = await steps.read(person("a"), person("b", job_title="Y"), person("c", job_title="Z"))
    assert await count(reading, {"job_title": "", "email": ""}) == {"job_title": (1, 2), "email": (0, 0)}
    assert await count(reading, {}) == {}
    _, reading = await steps.read(person("b"), skipped=("a",))
    assert await count(reading, {"job_title": ""}) == {"job_title": (0, 2)}
    _, reading = await steps.read(department("d"))
    assert await count(reading, {"name": ""}) == {"name": (0, 0)}


async def test_empty_lists_false_unknown_and_absent_fields_are_no_values(steps: RunSteps) -> None:
    people = [
        person("a", department_source_ids=(), status=Status.UNKNOWN, job_title="unknown"),
        person("b", department_source_ids=("x",), status=ACTIVE),
    ]
    await steps.applied(*people)
    _, reading = await steps.read(*people)
    fields = {"department_source_ids": "", "email": "", "status": "unknown", "job_title": ""}
    found = await steps.store.comparisons.count_values(reading, fields)
    assert found == {name: (number, number) for name, number in zip(fields, (1, 0, 1, 1), strict=True)}
    await steps.applied(department("d", active=False), department("e", active=True))
    _, reading = await steps.read(department("d"), department("e"))
    assert await steps.store.comparisons.count_values(reading, {"active": ""}) == {"active": (1, 1)}


async def test_values_cleared_within_the_window_are_remembered_and_older_ones_are_not(steps: RunSteps) -> None:
    before = steps.store.comparisons.cleared_before
    await steps.applied(*[person(one, job_title="Lead", email="x@acme.example") for one in "abc"])
    await steps.applied(person("a", job_title=None, email=None), person("b", job_title=None))
    both = {("email", "job_title"): 1, ("job_title",): 1}
    assert await before(PEOPLE, 7) == both
    # Held is not cleared.
    run, reading = await steps.read(person("c", job_title=None))
    await steps.plan(run, reading, hold=Hold.EVERYTHING)
    await steps.finish(run)
    assert await before(PEOPLE, 7) == both
    week_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat(timespec="milliseconds")
    steps.ask(f"UPDATE changes SET decided_at = '{week_ago}' WHERE source_id = 'a'")
    assert await before(PEOPLE, 7) == {("job_title",): 1}
    assert await before(PEOPLE, 9) == both
    assert await before(DEPARTMENTS, 9) == {}


async def test_unknown_links_are_neither_stored_nor_read(steps: RunSteps) -> None:
    count = steps.store.comparisons.count_unknown
    assert await count(DEPARTMENTS, None, {"stored"}) is None
    await steps.applied(department("stored"))
    _, reading = await steps.read(department("read"), skipped=("another kind",))
    assert await count(DEPARTMENTS, reading, {"stored", "read"}) == 0
    assert await count(DEPARTMENTS, reading, {"stored", "another kind", "nowhere"}) == 2
    assert await count(DEPARTMENTS, None, {"stored", "read"}) == 1
    assert await count(DEPARTMENTS, None, {"'; DROP TABLE bodies", '"'}) == 2

"""Directories: what they find is what a search through all entities finds, and they follow what is stored."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_core import Department, Employee, SettingsError, Status, StoreError, UnknownIntegrationError, WorkerType
from connector_core.directory import Branch, Directories, Directory
from connector_core.directory.rows import NOTHING, decode_department, in_order, merged, person_decoder
from connector_core.directory.rows import Department as DepartmentRow
from connector_core.host import Host
from connector_core.settings import HostSettings, Settings
from connector_core.store import Store
from connector_core.views import View, folded
from run_steps import RunSteps
from world import Start

NAMES = ("Anna", "anna", "Änna", "Björn", "Łukasz", "Zoë", "Anna Maria", "O'Brien", "王", "STRAẞE")
IDS = ("d1", "d2", "d3", "d4", "d5", "gone")
SEARCHES = ("", "a", "ANNA", "anna 1", "ł", "strasse", "lead", "zoë lead", "x@", "王", "nobody", "anna anna")


def body(entity: Employee | Department) -> str:
    return entity.body().decode()


def directory_of(people: Iterable[Employee], departments: Iterable[Department] = ()) -> Directory:
    """A directory of these entities."""
    decode = person_decoder()
    found = [decode(one.source_id, 1, "run", body(one)) for one in people]
    units = [decode_department(one.source_id, 1, "run", body(one)) for one in departments]
    rows = in_order(NOTHING, ids(found), found), in_order(NOTHING, ids(units), units)
    return Directory(1, datetime.now(UTC), *rows)


def ids(rows: Iterable[object]) -> list[str]:
    return [str(getattr(one, "source_id")) for one in rows]  # noqa: B009 - of rows and entities alike


def everybody(directory: Directory, *, limit: int = 50, **filters: object) -> list[str]:
    """The ids of all parts of a list, one after the other."""
    found = list[str]()
    after: str | None = None
    while True:
        part = directory.people(after=after, limit=limit, **filters)  # type: ignore[arg-type] # any of them
        found += ids(part.rows)
        if part.next is None:
            assert len(found) == part.total
            return found
        after = part.next


# ---- what is found


def name_of(one: Employee) -> str:
    both = " ".join(name for name in (one.first_name, one.last_name) if name)
    return one.display_name or both or one.email or one.source_id


def own(one: Employee) -> set[str]:
    return {*one.department_source_ids, *filter(None, [one.primary_department_source_id])}


def below(departments: Sequence[Department], top: str) -> set[str]:
    """The ids of a department and of all below it, where there is no loop."""
    found, size = {top}, 0
    while len(found) > size:
        size = len(found)
        found |= {one.source_id for one in departments if one.parent_source_id in found}
    return found


persons = st.builds(
    Employee,
    source_id=st.uuids().map(str),
    display_name=st.none() | st.sampled_from(NAMES),
    first_name=st.none() | st.sampled_from(NAMES),
    last_name=st.none() | st.sampled_from(NAMES),
    email=st.none() | st.sampled_from(("x@acme.example", "Anna@acme.example")),
    other_work_emails=st.sampled_from(((), ("x@y.example",))),
    employee_number=st.none() | st.sampled_from(("1", "12", "A-1")),
    job_title=st.none() | st.sampled_from(("Lead", "Leiterin", "Chief of Staff")),
    status=st.sampled_from(Status),
    worker_type=st.sampled_from(WorkerType),
    department_source_ids=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    primary_department_source_id=st.none() | st.sampled_from(IDS),
)
UNITS = [
    Department(source_id="d1", name="Sales"),
    Department(source_id="d2", name="Sales north", parent_source_id="d1"),
    Department(source_id="d3", name="Sales south", parent_source_id="d1"),
    Department(source_id="d4", name="Bergen", parent_source_id="d2"),
    Department(source_id="d5", name="Finance", parent_source_id="gone"),
]


@settings(deadline=None)
@given(
    people=st.lists(persons, max_size=30, unique_by=lambda one: one.source_id),
    search=st.sampled_from(SEARCHES),
    status=st.none() | st.sampled_from(Status),
    worker_type=st.none() | st.sampled_from(WorkerType),
    department=st.none() | st.sampled_from(("", *IDS)),
    deep=st.booleans(),
    limit=st.integers(1, 7),
)
def test_it_finds_what_a_look_at_every_person_finds(
    *,
    people: list[Employee],
    search: str,
    status: Status | None,
    worker_type: WorkerType | None,
    department: str | None,
    deep: bool,
    limit: int,
) -> None:
    meets = View(Employee, {}).filter(search=search)
    stored = {one.source_id for one in UNITS}

    def is_in(one: Employee) -> bool:
        if department is None:
            return True
        if not department:
            return not own(one) & stored
        return bool(own(one) & (below(UNITS, department) if deep and department in stored else {department}))

    expected = sorted(
        [
            one
            for one in people
            if meets(one) and status in {None, one.status} and worker_type in {None, one.worker_type} and is_in(one)
        ],
        key=lambda one: (folded(name_of(one)), one.source_id),
    )
    filters = {"status": status, "worker_type": worker_type, "department": department, "below": deep}
    directory = directory_of(people, UNITS)
    assert everybody(directory, limit=limit, search=search, **filters) == ids(expected)
    # Asked again, it is the same.
    assert everybody(directory, limit=limit, search=search, **filters) == ids(expected)


@settings(deadline=None, max_examples=40)
@given(people=st.lists(persons, max_size=30, unique_by=lambda one: one.source_id))
def test_each_person_counts_once_in_a_department_and_once_in_those_above_it(people: list[Employee]) -> None:
    directory = directory_of(people, UNITS)
    for unit in UNITS:
        branch = directory.department(unit.source_id)
        assert branch
        everywhere = [one for one in people if own(one) & below(UNITS, unit.source_id)]
        directly = [one for one in people if unit.source_id in own(one)]
        assert (branch.people, branch.people + branch.people_below) == (len(directly), len(everywhere))
    assert directory.without_department == sum(not own(one) & {unit.source_id for unit in UNITS} for one in people)


@settings(deadline=None)
@given(
    rows=st.dictionaries(st.text(st.characters(min_codepoint=97, max_codepoint=99), min_size=1, max_size=4), st.none()),
    data=st.data(),
)
def test_lists_that_are_sorted_are_merged_into_one_that_is(rows: dict[str, None], data: st.DataObject) -> None:
    found = [decode_department(one, 1, "run", f'{{"name": "{one}"}}') for one in sorted(rows)]
    lists: list[list[object]] = [[], [], []]
    for one in found:
        lists[data.draw(st.integers(0, 2))].append(one)
    assert merged(lists) == found  # type: ignore[type-var] # rows, as they come from above


def units_of(names_by_id: dict[str, str]) -> list[DepartmentRow]:
    return [decode_department(one, 1, "run", f'{{"name": "{name}"}}') for one, name in names_by_id.items()]


states = st.dictionaries(st.sampled_from([f"d{number}" for number in range(12)]), st.sampled_from(("A", "B", "C")))


@settings(deadline=None)
@given(before=states, after=states, many=st.sampled_from((0, 0, 0, 600)))
def test_a_state_that_follows_another_is_sorted_like_one_that_is_read_at_once(
    before: dict[str, str], after: dict[str, str], many: int
) -> None:
    # More than a few changes are sorted another way.
    after |= {f"x{number}": f"D{number % 7}" for number in range(many)}
    earlier = in_order(NOTHING, list(before), units_of(before))
    changed = units_of({one: name for one, name in after.items() if before.get(one) != name})
    found = in_order(earlier, list(after), changed)
    assert [one.source_id for one in found.sorted] == sorted(after, key=lambda one: (after[one].lower(), one))
    assert found.known == {one.source_id: one for one in found.sorted}
    assert [one.source_id for one in earlier.sorted] == sorted(before, key=lambda one: (before[one].lower(), one))


def test_a_row_has_the_names_of_department_and_manager_and_ids_where_they_are_not_stored() -> None:
    people = [
        Employee(source_id="1", display_name="Ada", manager_source_id="2", department_source_ids=("d1", "gone")),
        Employee(source_id="2", first_name="Grace", last_name="Hopper", manager_source_id="gone"),
        Employee(
            source_id="3", email="x@acme.example", department_source_ids=("d2",), primary_department_source_id="d1"
        ),
        Employee(source_id="4"),
    ]
    directory = directory_of(people, UNITS)
    ada, grace, third, fourth = (directory.person(one) for one in "1234")
    assert ada
    assert grace
    assert third
    assert fourth
    assert (ada.departments, ada.manager) == ((("d1", "Sales"), ("gone", "gone")), ("2", "Grace Hopper"))
    assert (grace.name, grace.manager) == ("Grace Hopper", ("gone", "gone"))
    assert (third.name, third.departments) == ("x@acme.example", (("d1", "Sales"), ("d2", "Sales north")))
    assert (fourth.name, fourth.status, fourth.manager) == ("4", Status.UNKNOWN, None)
    assert directory.person("5") is None
    # An id is no name: a search does not find it.
    assert directory.people("4").total == 0


# ---- managers and departments


def manager_of(source_id: str, manager: str | None) -> Employee:
    return Employee(source_id=source_id, display_name=f"Person {source_id}", manager_source_id=manager)


def test_a_chain_of_managers_ends_where_one_is_not_stored_or_comes_again() -> None:
    links = {"1": "2", "2": "3", "3": None, "4": "gone", "5": "5", "6": "7", "7": "8", "8": "6"}
    directory = directory_of(manager_of(one, manager) for one, manager in links.items())
    assert ids(directory.chain("1")) == ["2", "3"]
    assert ids(directory.chain("4")) == []
    assert ids(directory.chain("5")) == []
    assert ids(directory.chain("6")) == ["7", "8"]
    assert directory.chain("nobody") == ()


def test_reports_come_in_parts_sorted_by_name() -> None:
    directory = directory_of([manager_of("boss", None), *[manager_of(f"{number:02}", "boss") for number in range(25)]])
    first = directory.reports("boss", limit=10)
    second = directory.reports("boss", after=first.next, limit=10)
    third = directory.reports("boss", after=second.next, limit=10)
    assert [*ids(first.rows), *ids(second.rows), *ids(third.rows)] == [f"{number:02}" for number in range(25)]
    assert (first.total, third.next) == (25, None)
    assert directory.reports("nobody").rows == ()


def names(branches: Iterable[Branch]) -> list[str]:
    return [one.name for one in branches]


def test_departments_are_a_tree_from_those_without_a_stored_parent() -> None:
    directory = directory_of([], UNITS)
    assert names(directory.branches()) == ["Finance", "Sales"]
    assert names(directory.branches("d1")) == ["Sales north", "Sales south"]
    assert [one.branches for one in directory.branches()] == [0, 2]
    assert names(directory.path("d4")) == ["Sales", "Sales north", "Bergen"]
    assert (directory.path("gone"), directory.department("gone"), directory.branches("gone")) == ((), None, ())


def test_a_loop_of_departments_is_opened_and_all_of_it_is_shown() -> None:
    parents = {"a": "c", "b": "a", "c": "b", "d": "d", "e": "c"}
    units = [Department(source_id=one, name=one.upper(), parent_source_id=parent) for one, parent in parents.items()]
    people = [Employee(source_id=one, department_source_ids=(one,)) for one in parents]
    directory = directory_of(people, units)
    assert names(directory.branches()) == ["A", "D"]
    assert names(directory.path("e")) == ["A", "B", "C", "E"]
    assert [one.people + one.people_below for one in directory.branches()] == [4, 1]
    assert everybody(directory, department="b", below=True) == ["b", "c", "e"]


# ---- places in a list


def test_a_list_goes_on_behind_a_person_who_has_left_meanwhile() -> None:
    people = [Employee(source_id=str(number), display_name=f"Person {number}") for number in range(6)]
    first = directory_of(people).people(limit=3)
    later = directory_of([one for one in people if one.source_id != "2"])
    assert ids(later.people(after=first.next).rows) == ["3", "4", "5"]


@pytest.mark.parametrize("place", ["!", "Y", "w_8", "\N{SNOWMAN}"])
def test_what_is_no_place_in_a_list_is_an_error(place: str) -> None:
    with pytest.raises(SettingsError, match="is not a place in a list") as caught:
        directory_of([]).people(after=place)
    assert place not in caught.value.message, "a place holds a name, and an error may be logged"


# ---- in memory


@pytest.fixture
async def directories(steps: RunSteps) -> AsyncIterator[Directories]:
    async with aclosing(Directories(steps.store)) as opened:
        yield opened


async def get(directories: Directories, name: str = "acme") -> Directory:
    return await directories.get(await directories._store.integrations.get(name))


def person(source_id: str, name: str = "", **fields: object) -> Employee:
    return Employee(source_id=source_id, display_name=name or f"Person {source_id}", **fields)  # type: ignore[arg-type] # any


async def test_it_follows_what_is_applied_and_what_is_put_back(steps: RunSteps, directories: Directories) -> None:
    steps.undoable = True
    empty = await get(directories)
    assert empty.people().total == 0
    await steps.applied(person("1"), person("2"), person("3"))
    first = await get(directories)
    assert ids(first.people().rows) == ["1", "2", "3"]
    await steps.applied(person("1"), person("2", "Aaron"), person("4"), removed=("3",))
    second = await get(directories)
    assert ids(second.people().rows) == ["2", "1", "4"]
    undoable = await steps.store.undo.last("acme", 7)
    assert undoable
    await steps.store.undo.put_back("acme", undoable)
    third = await get(directories)
    assert ids(third.people().rows) == ["1", "2", "3"]
    assert [one.as_of for one in (empty, first, second, third)] == sorted(
        {one.as_of for one in (empty, first, second, third)}
    )
    # What was handed out before has not changed.
    assert ids(first.people().rows) == ["1", "2", "3"]
    assert ids(second.people().rows) == ["2", "1", "4"]


async def test_without_a_change_it_is_the_same_object(steps: RunSteps, directories: Directories) -> None:
    await steps.applied(person("1"))
    first = await get(directories)
    await steps.store.integrations.save(
        "beta", "example", {}, b"", (await steps.store.integrations.get("acme")).account
    )
    assert await get(directories) is first
    await steps.applied(person("1"))
    assert await get(directories) is first
    # Departments that change leave all people as they are.
    run, reading = await steps.start("Department")
    await steps.stage(reading, Department(source_id="d1", name="Sales"))
    await steps.store.staging.index_latest_rows(reading)
    await steps.plan(run, reading)
    await steps.apply(run, reading)
    later = await get(directories)
    assert later.as_of > first.as_of
    assert later.all_people is first.all_people
    assert names(later.branches()) == ["Sales"]


async def test_after_a_small_change_only_that_row_is_read_again(steps: RunSteps, directories: Directories) -> None:
    people = [person(f"{number:05}") for number in range(4_500)]
    await steps.applied(*people)
    first = await get(directories)
    people[77] = person("00077", "Changed")
    await steps.applied(*people)
    second = await get(directories)
    before, after = first.all_people.known, second.all_people.known
    assert [one for one in after if after[one] is not before[one]] == ["00077"]
    assert second.people("changed").total == 1


async def test_many_who_ask_at_once_read_it_once(steps: RunSteps, directories: Directories) -> None:
    await steps.applied(person("1"))
    found = await asyncio.gather(*[get(directories) for _ in range(20)])
    assert len({id(one) for one in found}) == 1


async def test_while_a_newer_state_is_read_the_older_one_is_shown(steps: RunSteps) -> None:
    async with aclosing(Directories(steps.store, patience=0.05)) as directories:
        await steps.applied(person("1"))
        first = await get(directories)
        go_on = threading.Event()
        directories._thread.submit(go_on.wait, 10)
        await steps.applied(person("1"), person("2"))
        async with asyncio.timeout(2):
            assert await get(directories) is first
        go_on.set()
        while (found := await get(directories)) is first:  # noqa: ASYNC110 - what is awaited is the cache
            await asyncio.sleep(0.01)
        assert found.people().total == 2


async def test_a_state_that_changes_while_it_is_read_is_read_again(steps: RunSteps, directories: Directories) -> None:
    await steps.applied(person("1"))
    go_on = threading.Event()
    directories._thread.submit(go_on.wait, 10)
    reading = asyncio.create_task(get(directories))
    await asyncio.sleep(0.05)
    await steps.applied(person("1", "Changed"), person("2"))
    go_on.set()
    found = await reading
    assert [one.name for one in found.people().rows] == ["Changed", "Person 2"]
    assert found.as_of == await steps.store.snapshots.revision("acme")


async def test_the_one_that_was_asked_for_longest_ago_goes_first(steps: RunSteps) -> None:
    account = (await steps.store.integrations.get("acme")).account
    async with aclosing(Directories(steps.store, rows=5)) as directories:
        await steps.applied(person("1"), person("2"), person("3"))
        acme = await get(directories)
        for name in ("beta", "gamma"):
            await steps.store.integrations.save(name, "example", {}, b"", account)
            steps.ask(
                "INSERT INTO entities (integration, kind, source_id, n, digest, run_id) "
                f"SELECT '{name}', kind, source_id, n, digest, run_id FROM entities WHERE integration = 'acme' "
                "AND source_id <> '3'"
            )
        beta = await get(directories, "beta")
        assert await get(directories) is acme
        gamma = await get(directories, "gamma")
        assert (await get(directories), await get(directories, "gamma")) == (acme, gamma)
        assert await get(directories, "beta") is not beta


async def test_a_damaged_row_is_an_error_each_time(steps: RunSteps, directories: Directories) -> None:
    await steps.applied(person("1"))
    steps.ask("UPDATE bodies SET body = 'canary'")
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged") as caught:
            await get(directories)
        assert "canary" not in str(caught.value)


async def test_several_event_loops_ask_one_cache(steps: RunSteps, directories: Directories) -> None:
    await steps.applied(person("1"))
    found = [await asyncio.to_thread(asyncio.run, get(directories)) for _ in range(2)]
    assert [one.people().total for one in (*found, await get(directories))] == [1, 1, 1]


async def test_a_host_without_a_store_makes_none(steps: RunSteps) -> None:
    store = steps.path.with_name("none.sqlite")
    async with Host(Settings(host=HostSettings(store=store))) as host:
        with pytest.raises(UnknownIntegrationError):
            await host.directory("acme")
    assert not store.exists()


@pytest.mark.jumping
async def test_the_host_gives_a_directory_and_none_of_what_was_removed(namely: Start) -> None:
    place = await namely(scanned=True)
    directory = await place.host.directory("acme")
    people, departments = await place.people(), await place.departments()
    assert set(everybody(directory)) == set(people)
    assert {one.source_id for one in departments.values()} >= {one.source_id for one in directory.branches()}
    await place.host.remove("acme")
    with pytest.raises(UnknownIntegrationError):
        await place.host.directory("acme")
    assert not place.host._directories._kept


# ---- a large organisation


LARGE = 20_000
"""People; docs/performance.md has the figures for 100,000."""


async def test_a_large_directory_is_read_beside_the_event_loop_and_asked_within_a_moment(steps: RunSteps) -> None:
    people = [
        person(
            f"{number * 7_919 % LARGE:05}",
            f"{NAMES[number % len(NAMES)]} {number % 997}",
            email=f"{number}@acme.example",
            department_source_ids=(f"d{number % 400}",),
            manager_source_id=f"{number // 8:05}",
        )
        for number in range(LARGE)
    ]
    await steps.applied(*people)
    loop, gaps, ended = asyncio.get_running_loop(), list[float](), asyncio.Event()

    async def watch() -> None:
        while not ended.is_set():
            began = loop.time()
            await asyncio.sleep(0.001)
            gaps.append(loop.time() - began)

    watching = asyncio.create_task(watch())
    async with aclosing(Directories(Store(steps.path))) as directories:
        began = loop.time()
        directory = await get(directories)
        built = loop.time() - began
        ended.set()
        await watching
        await directories._store.aclose()
    # Bounds for a busy machine: an order of magnitude above what an idle one takes.
    assert built < 5
    assert max(gaps) < 0.5
    began = loop.time()
    assert directory.people("anna 99").total > 0
    assert directory.people(status=Status.UNKNOWN, department="d7").total == LARGE // 400
    assert loop.time() - began < 0.5

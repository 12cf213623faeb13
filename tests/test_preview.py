"""One row, asked for by its id: what the provider says, what is made of it, and that nothing of it is kept."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_core import Call, Department, Employee, Page, SettingsError, Wire, fetches, witnesses
from connector_core.audit import Action
from connector_core.discovery.dependence import leaves, made_of
from connector_core.errors import NotFoundError
from connector_core.explanations import Answer, MappedField, Preview
from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.sdk.tracing import keeping_rows
from connector_core.settings import HostSettings, Settings
from connector_core.testing import environment, serve
from connectors.namely.simulator import Tenant
from planted.example import Example, Person, to_employee
from planted.simulator import ExampleSimulator
from world import Discover, Outcome, Place, Start, StartProvider, tenant_of_its_own

pytestmark = pytest.mark.jumping


def by_field(preview: Preview) -> dict[str, MappedField]:
    return {one.field: one for one in preview.mapping}


def stored(place: Place) -> list[Any]:
    """Return all rows of all tables but the audit log."""
    tables = [name for (name,) in place.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    kept = [name for name in tables if name not in {"audit", "sqlite_sequence"}]
    return [(name, place.query(f"SELECT * FROM {name}")) for name in kept]


# ---- what it shows


async def test_it_shows_the_request_the_row_the_mapping_and_the_changes(namely: Start) -> None:
    place = await namely(60, scanned=True)
    person = place.tenant.people[20]
    person.title = "Keeper of the Keys"
    found = await place.host.preview("acme", Employee, person.id)
    assert (found.answer, found.created, found.exit_code, found.problems) == (Answer.FOUND, False, 0, ())
    assert found.requests[0] == Call("GET", f"/profiles/{person.id}")
    assert found.rule == "connectors.namely.mapping.to_employee"
    assert found.declared["job_title.title"] == "Keeper of the Keys"
    assert found.declared["office.country_id"] == person.country
    assert not {"ssn", "salary", "dob", "home"} & {key.partition(".")[0] for key in found.declared}
    fields = by_field(found)
    assert fields["job_title"].value == "Keeper of the Keys"
    assert fields["job_title"].made_of == ("job_title.title",)
    assert fields["status"].made_of == ("user_status",)
    assert fields["country_code"].made_of == ("office.country_id",)
    (change,) = found.changes
    assert (change.field, change.new) == ("job_title", "Keeper of the Keys")
    assert change.old == (await place.people())[person.id].job_title


async def test_a_value_is_said_to_be_made_of_what_it_was_made_of_even_where_a_fallback_is_the_same(
    namely: Start,
) -> None:
    place = await namely(30, scanned=True)
    plain, called = place.tenant.people[2], place.tenant.people[3]
    plain.preferred_name, called.preferred_name = "", "Bo"
    shown = [by_field(await place.host.preview("acme", Employee, one.id)) for one in (plain, called)]
    assert [one["display_name"].made_of for one in shown] == [("full_name",), ("last_name", "preferred_name")]


async def test_links_come_with_the_names_of_what_is_stored(namely: Start) -> None:
    place = await namely(60, scanned=True)
    managed = next(one for one in (await place.people()).values() if one.manager_source_id)
    found = by_field(await place.host.preview("acme", Employee, managed.source_id))["manager_source_id"]
    manager = (await place.people())[managed.manager_source_id or ""]
    assert found.names == {manager.source_id: manager.display_name}


async def test_a_row_that_is_not_stored_would_be_created(namely: Start) -> None:
    place = await namely(30, connected=True)
    found = await place.host.preview("acme", Employee, place.tenant.people[4].id)
    assert (found.answer, found.created) == (Answer.FOUND, True)
    assert {one.field for one in found.changes} >= {"display_name", "email", "status"}
    assert all(one.old is None for one in found.changes)


async def test_what_a_preview_says_would_change_is_what_the_next_run_changes(namely: Start) -> None:
    place = await namely(60, scanned=True)
    place.simulator.evolve()
    stored = await place.people()
    previews = [await place.host.preview("acme", Employee, one.id) for one in place.tenant.people]
    report = await place.run("employees")
    changes = {one.source_id: one async for one in place.host.changes(report.run.id) if one.source_id in stored}
    shown = {one.source_id: {change.field for change in one.changes} for one in previews if not one.created}
    assert {one: fields for one, fields in shown.items() if fields} == {
        one: set(change.fields) for one, change in changes.items() if one in shown
    }
    assert [one.source_id for one in previews if one.created] == [
        one.id for one in place.tenant.people if one.id not in stored
    ]


@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "okta", "personio"])
async def test_each_connector_can_be_asked_for_one_employee(provider: StartProvider, name: str) -> None:
    place = await provider(name, 60)
    await place.connect()
    await place.run()
    for source_id, stored in list((await place.people()).items())[::7]:
        found = await place.host.preview("acme", Employee, source_id)
        assert (found.answer, found.changes, found.problems) == (Answer.FOUND, (), ())
        assert {one.field for one in found.mapping} == stored.model_fields_set
        assert all(one.made_of for one in found.mapping if one.value), found.mapping


@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "okta", "personio"])
async def test_a_row_that_the_provider_does_not_have_is_not_there(provider: StartProvider, name: str) -> None:
    place = await provider(name, 20)
    await place.connect()
    for source_id in ("98765432101234567", "me", "0", "a/../b", "?x=1"):
        found = await place.host.preview("acme", Employee, source_id)
        assert (found.answer, found.mapping, found.changes, found.declared) == (Answer.NOT_THERE, (), (), {})


async def test_departments_are_previewed_where_the_provider_can_be_asked_for_one(provider: StartProvider) -> None:
    place = await provider("namely", 40)
    await place.connect()
    await place.run()
    (source_id, stored), *_ = (await place.departments()).items()
    found = await place.host.preview("acme", Department, source_id)
    assert (found.answer, found.changes) == (Answer.FOUND, ())
    assert by_field(found)["name"].value == stored.name
    assert by_field(found)["name"].made_of == ("title",)
    departments = await place.departments()
    office = next(one.id for one in place.simulator.directory.groups if one.id not in departments)
    assert (await place.host.preview("acme", Department, office)).answer is Answer.OTHER_KIND


async def test_a_kind_whose_provider_knows_no_single_row_says_so(provider: StartProvider) -> None:
    place = await provider("bamboohr", 20)
    await place.connect()
    found = await place.host.preview("acme", Department, "100")
    assert (found.answer, found.requests, found.exit_code) == (Answer.NOT_POSSIBLE, (), 2)
    assert [one.message for one in found.problems] == ["BambooHR cannot be asked for a single department."]


async def test_future_values_are_not_previewed_as_the_present(provider: StartProvider) -> None:
    place = await provider("bamboohr", 80)
    await place.connect()
    await place.run()
    transferred = next(one for one in place.simulator.people if one.transfer)
    leaving = next(one for one in place.simulator.people if one.last_day)
    for one in (transferred, leaving):
        assert (await place.host.preview("acme", Employee, str(one.number))).changes == ()
    assert by_field(await place.host.preview("acme", Employee, str(leaving.number)))["end_date"].value == str(
        leaving.last_day
    )


async def test_a_field_that_the_token_may_not_see_is_unread_and_would_not_change(provider: StartProvider) -> None:
    place = await provider("bamboohr", 30)
    await place.connect()
    await place.run()
    place.switch(hidden="jobTitle")
    found = await place.host.preview("acme", Employee, "12")
    assert (found.changes, found.absent) == ((), ("jobTitle",))
    assert "job_title" in [one.field for one in found.unread]


# ---- what it keeps to itself


@pytest.mark.parametrize(("name", "key"), [("hibob", "internal.lifecycleStatus"), ("personio", "attributes.status")])
async def test_a_kind_of_leave_is_shown_to_no_one(provider: StartProvider, name: str, key: str) -> None:
    place = await provider(name, 80)
    await place.connect()
    on_leave = [one for one in place.simulator.present() if one.on_leave]
    for one in on_leave:
        source_id = next(it for it in place.simulator.ids(Employee) if it.endswith(f"{one.number:02}"))
        found = await place.host.preview("acme", Employee, source_id)
        assert [one.removesuffix(".value") for one in found.withheld] == [key]
        assert "leave" not in str(found.declared).lower()
        assert "sabbatical" not in repr(found).lower()
        assert by_field(found)["status"].value == "active"
    assert on_leave


async def test_nothing_is_stored_and_no_value_is_logged_even_of_a_request_that_is_retried(
    namely: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    place = await namely(60, scanned=True)
    place.simulator.evolve()
    before, person = stored(place), place.tenant.people[20]
    capsys.readouterr()
    place.simulator.script("502@1x2:/profiles")
    found = await place.host.preview("acme", Employee, person.id)
    assert found.answer is Answer.FOUND
    # The audit log tells that a row was asked for, and not which.
    entry = (await place.host.audit.entries("acme"))[0]
    assert (entry.action, dict(entry.details)) == (Action.PREVIEWED, {"kind": "Employee"})
    assert stored(place) == before
    logged = "".join(capsys.readouterr())
    assert "retrying" in logged
    assert not [one for one in (person.id, person.email, person.last_name) if one in logged]


async def test_it_needs_no_lock_and_makes_no_run(namely: Start) -> None:
    place = await namely(60, scanned=True)
    runs = await place.host.history("acme")
    async with place.host.store.locks.hold("acme"):
        assert await place.host.is_running("acme")
        assert (await place.host.preview("acme", Employee, place.tenant.people[1].id)).answer is Answer.FOUND
    assert await place.host.history("acme") == runs


async def test_it_goes_on_beside_a_run(namely: Start) -> None:
    place = await namely(120, connected=True)
    run = asyncio.create_task(place.run())
    previews = [await place.host.preview("acme", Employee, one.id) for one in place.tenant.people[:5]]
    assert {one.answer for one in previews} == {Answer.FOUND}
    assert (await run).verdict.good


async def test_pages_keep_their_rows_only_while_they_are_asked_for() -> None:
    page = Page.single([Person(id="p1", name="Ada")])
    assert page.map(to_employee).mapped is None
    with keeping_rows():
        kept = page.map(to_employee)
    assert kept.mapped
    assert kept.mapped.rule == "planted.example.to_employee"
    assert kept == page.map(to_employee)
    assert "Ada" not in repr(kept.mapped)
    assert page.map(to_employee).mapped is None


# ---- what goes wrong


@pytest.mark.parametrize(
    ("fault", "code"),
    [("403", "provider_forbidden"), ("401", "credentials_rejected"), ("html", "provider_protocol")],
)
async def test_a_failure_is_a_problem_with_its_message_and_its_hint(namely: Start, fault: str, code: str) -> None:
    place = await namely(30, connected=True)
    place.simulator.script(f"{fault}@1x9:/profiles")
    found = await place.host.preview("acme", Employee, place.tenant.people[1].id)
    (problem,) = found.problems
    assert (found.answer, problem.code) == (Answer.FAILED, code)
    assert problem.message
    assert found.exit_code == problem.exit_code > 0


async def test_what_a_row_can_do_without_is_a_problem_and_its_fields_are_unread(namely: Start) -> None:
    place = await namely(30, scanned=True)
    place.simulator.script("403@1x9:/groups")
    found = await place.host.preview("acme", Employee, place.tenant.people[1].id)
    assert found.answer is Answer.FOUND
    assert [one.code for one in found.problems] == ["provider_forbidden"]
    assert {"department_source_ids", "location_name"} <= {one.field for one in found.unread}
    assert found.changes == ()


async def test_a_provider_that_does_not_answer_is_given_up_within_seconds(namely: Start) -> None:
    place = await namely(30, connected=True)
    place.simulator.script("stall@1x99:/profiles")
    loop = asyncio.get_running_loop()
    began = loop.time()
    found = await place.host.preview("acme", Employee, place.tenant.people[1].id)
    assert (found.answer, [one.code for one in found.problems]) == (Answer.FAILED, ["provider_unavailable"])
    assert loop.time() - began <= 31


@pytest.mark.parametrize("typed", ["", ".", "..", "a\nb", "x" * 256])
async def test_what_cannot_be_an_id_is_refused_before_any_request(namely: Start, typed: str) -> None:
    place = await namely(20, connected=True)
    before = len(place.simulator.requests)
    with pytest.raises(SettingsError, match="not a valid id"):
        await place.host.preview("acme", Employee, typed)
    assert len(place.simulator.requests) == before


async def test_a_row_that_the_mapping_rejects_is_rejected_with_its_problem(tmp_path: Path) -> None:
    class Strict(Example):
        @fetches(Employee)
        async def person(self, source_id: str) -> Page[Employee] | None:
            person = await self.api.find("/people", source_id, Person)
            return None if person is None else Page.single((person,)).map(refused)

    def refused(person: Person) -> Employee:
        return Employee(source_id=person.id, email=7)  # type: ignore[arg-type]

    found = await preview_of(Strict, tmp_path)
    assert (found.answer, found.exit_code) == (Answer.REJECTED, 1)
    assert [one.message for one in found.problems] == ["The row cannot be used: email string_type."]
    assert found.declared["id"] == found.source_id


async def test_a_connector_without_a_mapping_of_rows_shows_no_row(tmp_path: Path) -> None:
    class Direct(Example):
        @fetches(Employee)
        async def person(self, source_id: str) -> Page[Employee] | None:
            person = await self.api.find("/people", source_id, Person)
            return None if person is None else Page.single((to_employee(person),))

    found = await preview_of(Direct, tmp_path)
    assert (found.answer, found.declared, found.rule) == (Answer.FOUND, {}, "")
    assert {one.made_of for one in found.mapping} == {()}


async def preview_of(connector: type[Example], folder: Path) -> Preview:
    simulator = ExampleSimulator(10, 1)
    async with serve(simulator) as served:
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            settings = Settings(host=HostSettings(store=folder / "store.sqlite", resolve=served.resolve))
            async with Host(settings, registry=registry_of(connector)) as host:
                await host.connect("example", "acme", simulator.credentials)
                return await host.preview("acme", Employee, simulator.people[3]["id"])


# ---- the contract of @fetches


def test_a_fetch_is_the_witness_unless_another_is_marked_or_it_proves_nothing() -> None:
    class Explicit(Example):
        @witnesses(Employee)
        async def has_person(self, source_id: str) -> bool:
            return bool(source_id)

    class NoProof(Example):
        @fetches(Employee, is_witness=False)
        async def person(self, source_id: str) -> Page[Employee] | None:
            raise NotImplementedError(source_id)

    found = [one.declarations["Employee"] for one in (Example, Explicit, NoProof)]
    assert [(one.fetch, one.witness) for one in found] == [
        ("person", "person"),
        ("person", "has_person"),
        ("person", None),
    ]


def test_a_fetch_must_be_a_coroutine_of_a_kind_that_is_discovered_and_the_only_one() -> None:
    with pytest.raises(TypeError, match=r"@fetches\(Employee\): person is not a coroutine function"):

        @fetches(Employee)  # type: ignore[arg-type]
        def person(self: Any, source_id: str) -> None:
            del self, source_id

    with pytest.raises(TypeError, match="marks a method of Department, which it does not discover"):

        class Stray(Example):
            @fetches(Department)
            async def unit(self, source_id: str) -> Page[Department] | None:
                raise NotImplementedError(source_id)

    with pytest.raises(TypeError, match=r"marks two methods with @fetches\(Employee\): another and person"):

        class Twice(Example):
            @fetches(Employee)
            async def another(self, source_id: str) -> Page[Employee] | None:
                raise NotImplementedError(source_id)


async def test_a_404_alone_is_no_row(namely: Start) -> None:
    place = await namely(20, connected=True)
    for fault in ("403", "500", "html", "garbage"):
        place.simulator.script(f"{fault}@1x99:/profiles")
        found = await place.host.preview("acme", Employee, place.tenant.people[1].id)
        assert found.answer is Answer.FAILED, fault
    place.simulator.script("")
    assert (await place.host.preview("acme", Employee, "nobody")).answer is Answer.NOT_THERE
    assert NotFoundError.code == "provider_not_found"


# ---- the keys that a value depends on


class Part(Wire):
    deep: str | None = None


class Whole(Wire):
    withheld = frozenset({"secret"})

    id: str
    part: Part | None = None
    secret: str | None = None
    number: int = 0
    flag: bool = False
    many: list[str] | None = None


def test_leaves_are_the_declared_values_by_their_keys() -> None:
    found = leaves(Whole(id="7", part=Part(deep="x"), secret="s"))
    assert [one.key for one in found] == ["id", "part.deep", "secret", "number", "flag", "many"]
    assert [one.key for one in found if one.withheld] == ["secret"]
    assert leaves(Whole(id="7"))[1].key == "part"


def test_every_sort_of_value_is_found() -> None:
    row = Whole(id="7", part=Part(deep="x"), secret="s", number=2, flag=True, many=["a"])

    def mapping(whole: Whole) -> Employee:
        deep = whole.part.deep if whole.part else None
        return Employee(
            source_id=whole.id,
            first_name=deep,
            last_name=whole.secret,
            employee_number=str(whole.number),
            job_title="yes" if whole.flag else "no",
            location_name=",".join(whole.many or ()),
            email="always@the.same",
        )

    assert made_of(row, mapping, mapping(row)) == {
        "source_id": ("id",),
        "first_name": ("part.deep",),
        "last_name": ("secret",),
        "employee_number": ("number",),
        "job_title": ("flag",),
        "location_name": ("many",),
    }


# ---- on the command line


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover) -> Iterator[Tenant]:
    """A simulated tenant of this test's own, whose people are stored as the integration acme."""
    with tenant_of_its_own(tmp_path, monkeypatch, discover) as tenant:
        yield tenant


def test_preview_prints_each_step_for_people_and_for_programs(tenant: Tenant, discover: Discover) -> None:
    person = tenant.people[3]
    person.title = "Keeper of the Keys"
    shown = discover("preview", "acme", "employees", person.id)
    assert shown.code == 0
    for text in (
        f"Asked: GET /profiles/{person.id}",
        "The provider has it.",
        "Mapped by connectors.namely.mapping.to_employee:",
        "A run would change:",
        "Keeper of the Keys",
        "judged on whole runs",
    ):
        assert text in shown.out
    found = discover("preview", "acme", "employees", person.email, "--json").json()
    assert found["preview"]["source_id"] == person.id
    assert [one["field"] for one in found["preview"]["changes"]] == ["job_title"]
    assert "whole runs" in found["note"]
    assert tenant.token not in json.dumps(found) + shown.out


def test_a_name_of_several_people_lists_their_ids(tenant: Tenant, discover: Discover) -> None:
    one, other = tenant.people[3:5]
    for person in (one, other):
        person.first_name, person.last_name, person.preferred_name = "Ada", "Zimmermann", ""
        tenant._touch(person)
    assert discover("run", "acme").code == 0
    shown = discover("preview", "acme", "employees", "ada zimmermann")
    assert (shown.code, shown.out) == (2, "")
    assert one.id in shown.err
    assert other.id in shown.err


@pytest.mark.usefixtures("tenant")
def test_a_name_that_nobody_has_is_not_sent_to_the_provider(discover: Discover) -> None:
    shown: Outcome = discover("preview", "acme", "employees", "Nobody Atall")
    assert shown.code == 2
    assert "has no employee with the name or e-mail" in shown.err
    assert "discover entities acme employees --search" in shown.err


@pytest.mark.usefixtures("tenant")
def test_an_id_that_the_provider_does_not_have_is_answered(discover: Discover) -> None:
    shown = discover("preview", "acme", "employees", "nobody")
    assert shown.code == 0
    assert "The provider does not have it" in shown.out

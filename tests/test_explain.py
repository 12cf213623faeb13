"""Where the stored values of a row came from; of a row that is gone, when it was last seen and why it was removed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import person
from connector_core import Call, Code, Department, Employee, Operation, Page, Row
from connector_core.discovery.dependence import traced
from connector_core.discovery.explain import explain
from connector_core.discovery.preview import Asked
from connector_core.explanations import Explanation, FieldOrigin, Source
from connector_core.http.parsing import parse_page
from connector_core.sdk.page import Origin, PlaceInListing
from connector_core.sdk.rejection import RowRejectedError
from connector_core.sdk.tracing import keeping_rows
from connector_core.settings import RetentionSettings
from connectors.namely.mapping import to_employee
from connectors.namely.simulator import Tenant
from connectors.namely.wire import Profiles
from planted.example import Example
from run_steps import RunSteps
from world import (
    UNGUARDED,
    Discover,
    Start,
    StartProvider,
    copied_settings,
    tenant_of_its_own,
)

pytestmark = pytest.mark.jumping


def by_field(explanation: Explanation) -> dict[str, FieldOrigin]:
    return {one.field: one for one in explanation.fields}


def source(explanation: Explanation, field: str) -> Source:
    found = by_field(explanation)[field].source
    assert found
    return found


# ---- places


def test_a_row_has_its_place_as_the_provider_sent_it_though_others_are_rejected() -> None:
    body = b'{"profiles": [{"id": "a"}, {"id": 7, "email": {}}, {"oops": 1}, {"id": "d"}, {"id": "e"}], "meta": {}}'
    parsed = parse_page(Call("GET", "/profiles"), Profiles, body)
    page = parsed.at(PlaceInListing(number=3))
    assert (page.ids[0], page.ids[-2:], page.places) == ("a", ("d", "e"), [1, *([2] if "7" in page.ids else []), 4, 5])
    assert page.origin == Origin("GET /profiles", "/profiles")
    assert page.response == 3


def test_the_rule_and_the_keys_of_a_page_are_found_on_the_rows_that_it_has_kept() -> None:
    body = b'{"profiles": [{"id": "a", "email": "a@acme.example"}, {"id": "b", "job_title": {"title": "Lead"}}]}'
    page = parse_page(Call("GET", "/profiles"), Profiles, body).at(PlaceInListing())
    assert traced(page.map(to_employee, None)) == page.origin
    with keeping_rows(1):
        kept = page.map(to_employee, None)
    assert kept.mapped
    assert list(kept.mapped.rows) == ["a"]
    origin = traced(kept)
    assert origin
    assert (origin.pointer, origin.rule) == ("/profiles", "connectors.namely.mapping.to_employee")
    assert origin.keys["email"] == ("email",)
    # The only row with a title was not kept.
    assert "job_title" not in origin.keys


def test_a_mapping_keeps_the_places_of_the_rows_that_it_keeps() -> None:
    rows = tuple(Row(id=one) for one in "abcde")
    page = Page(rows, tuple("abcde"), places=range(1, 6))

    def keeps_some(row: Row) -> Row | None:
        return None if row.id == "b" else row

    def rejects_one(row: Row) -> Row | None:
        if row.id == "d":
            raise RowRejectedError("id", "unfit")
        return keeps_some(row)

    for function, ids, places in ((keeps_some, "acde", [1, 3, 4, 5]), (rejects_one, "ace", [1, 3, 5])):
        mapped = page.map(function)
        assert ("".join(mapped.ids), list(mapped.places or ())) == (ids, places)
    assert page.map(lambda row: row).places == range(1, 6)


def test_a_derived_entity_has_the_place_of_the_row_that_mentions_it_first() -> None:
    rows = tuple(Row(id=one) for one in "abc")
    mentioned = {"a": "x", "b": "y", "c": "x"}
    page = Page(rows, tuple("abc"), places=[1, 4, 5]).derive(lambda row: (person(mentioned[row.id]),))
    assert (page.ids, page.places) == (("x", "y"), [1, 4])


async def test_rows_of_one_long_response_are_numbered_throughout(provider: StartProvider) -> None:
    place = await provider("hibob", 240)
    await place.connect()
    await place.run()
    number = place.simulator.people[230].number
    found = await place.host.explain(
        "acme", Employee, next(it for it in await place.people() if it.endswith(f"{number}"))
    )
    assert (source(found, "email").page, source(found, "email").pointer) == (1, "/employees/230")
    assert source(found, "email").request == "POST /people/search"


async def test_a_page_that_was_divided_is_numbered_as_the_whole(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.simulator.script("504@1x3:/profiles")
    await place.run("employees")
    for index in (0, 49, 60, 119):
        found = await place.host.explain("acme", Employee, place.tenant.people[index].id)
        at = source(found, "email")
        assert (at.page, at.pointer) == (index // 50 + 1, f"/profiles/{index % 50}")


@pytest.mark.parametrize("name", ["namely", "bamboohr", "hibob", "personio"])
async def test_the_pointer_leads_to_the_row_in_the_response(provider: StartProvider, name: str) -> None:
    keys = {"namely": "profiles", "bamboohr": "employees", "hibob": "employees", "personio": "data"}
    place = await provider(name, 120)
    await place.connect()
    await place.run()
    size = {"namely": 50, "personio": 100}.get(name, 1000)
    ids = {str(getattr(one, "number", "")): index for index, one in enumerate(place.simulator.people)}
    for source_id in list(await place.people())[::17]:
        at = source(await place.host.explain("acme", Employee, source_id), "status")
        if name == "namely":
            index = [one.id for one in place.simulator.people].index(source_id)
        else:
            index = ids[source_id if name != "hibob" else str(int(source_id) - 3_100_000_000_000_000_000)]
        assert (at.page, at.pointer) == (index // size + 1, f"/{keys[name]}/{index % size}")


# ---- stored rows


async def test_each_field_has_the_run_that_last_changed_it(namely: Start) -> None:
    place = await namely(60, connected=True)
    first = await place.run()
    someone = place.tenant.people[20]
    someone.title = "Keeper of the Keys"
    place.tenant._touch(someone)
    second = await place.run()
    await place.run()
    found = await place.host.explain("acme", Employee, someone.id)
    assert (found.stored, found.name) == (True, (await place.people())[someone.id].display_name)
    assert source(found, "job_title").run_id == second.run.id
    assert source(found, "job_title").operation is Operation.UPDATE
    assert source(found, "email").run_id == first.run.id
    assert source(found, "email").operation is Operation.CREATE
    assert source(found, "job_title").pointer == source(found, "email").pointer == "/profiles/20"
    assert source(found, "email").at <= source(found, "job_title").at
    assert by_field(found)["job_title"].value == "Keeper of the Keys"


async def test_a_link_comes_with_its_name_and_what_was_not_read_with_the_reason(namely: Start) -> None:
    place = await namely(60, connected=True)
    await place.run("employees")
    managed = next(one for one in (await place.people()).values() if one.manager_source_id)
    found = await place.host.explain("acme", Employee, managed.source_id)
    manager = (await place.people())[managed.manager_source_id or ""]
    assert by_field(found)["manager_source_id"].names == {manager.source_id: manager.display_name}
    assert {one.field: one.why.code for one in found.unread} == {"other_work_emails": Code.FIELD_NOT_PROVIDED}


async def test_a_field_that_did_not_come_is_not_a_field_that_is_not_provided(namely: Start) -> None:
    place = await namely(30, connected=True, owner="limited")
    await place.run("employees")
    found = await place.host.explain("acme", Employee, place.tenant.people[3].id)
    codes = {one.field: one.why.code for one in found.unread}
    assert codes["start_date"] is Code.FIELD_NOT_RECEIVED
    assert codes["other_work_emails"] is Code.FIELD_NOT_PROVIDED


async def test_it_was_last_seen_by_the_last_complete_run_and_not_by_one_that_was_not(namely: Start) -> None:
    place = await namely(120, connected=True)
    first = await place.run()
    second = await place.run()
    place.simulator.script("500@3x99:/profiles")
    third = await place.run()
    assert not third["Employee"].certificate.complete
    place.simulator.script("")
    seen = (await place.host.explain("acme", Employee, place.tenant.people[3].id)).last_seen
    assert seen
    assert (seen.run_id, seen.complete) == (second.run.id, True)
    assert first.run.id != second.run.id


async def test_a_row_that_complete_scans_lack_is_stored_and_missing_since_the_first_of_them(
    provider: StartProvider,
) -> None:
    place = await provider("hibob", 60)
    await place.connect()
    first = await place.run()
    erased = place.simulator.people[30]
    source_id = next(it for it in await place.people() if it.endswith(f"{erased.number:02}"))
    place.simulator.erase(30)
    second = await place.run()
    third = await place.run()
    found = await place.host.explain("acme", Employee, source_id)
    assert found.stored
    assert found.last_seen
    assert found.missing_since
    assert (found.last_seen.run_id, found.missing_since.run_id) == (first.run.id, second.run.id)
    assert third.run.id != second.run.id


async def test_a_row_removed_after_two_scans_was_last_seen_before_the_first_of_them(provider: StartProvider) -> None:
    place = await provider("hibob", 60, losses=UNGUARDED)
    await place.connect()
    first = await place.run()
    erased = place.simulator.people[30]
    source_id = next(it for it in await place.people() if it.endswith(f"{erased.number:02}"))
    place.simulator.erase(30)
    await place.run()
    third = await place.run()
    found = await place.host.explain("acme", Employee, source_id)
    assert not found.stored
    assert found.removal
    assert (found.removal.run_id, found.removal.reason.code) == (third.run.id, Code.ABSENT_TWICE)
    assert found.last_seen
    assert found.last_seen.run_id == first.run.id


async def test_a_row_that_is_gone_has_its_removal_and_what_the_witness_said(namely: Start) -> None:
    place = await namely(60, connected=True, losses=UNGUARDED)
    await place.run()
    second = await place.run()
    gone = place.tenant.people[20]
    place.tenant.delete(gone)
    third = await place.run()
    found = await place.host.explain("acme", Employee, gone.id)
    assert (found.stored, found.known, found.fields) == (False, True, ())
    assert found.removal
    assert (found.removal.run_id, found.removal.reason.code) == (third.run.id, Code.NOT_FOUND)
    assert found.last_seen
    assert (found.last_seen.run_id, found.last_seen.complete) == (second.run.id, True)


async def test_a_removal_that_waits_is_told_and_the_row_was_not_seen_by_the_run_that_lacked_it(namely: Start) -> None:
    place = await namely(60, connected=True)
    first = await place.run()
    gone = place.tenant.people[20]
    place.tenant.delete(gone)
    second = await place.run(apply=False)
    found = await place.host.explain("acme", Employee, gone.id)
    assert found.stored
    assert [(one.operation, one.reason.code, one.run_id) for one in found.waiting] == [
        (Operation.REMOVE, Code.NOT_FOUND, second.run.id)
    ]
    assert found.last_seen
    assert found.last_seen.run_id == first.run.id


async def test_an_id_that_was_never_seen_says_so(namely: Start) -> None:
    place = await namely(30, scanned=True)
    found = await place.host.explain("acme", Employee, "nobody")
    assert (found.stored, found.known, found.removal, found.last_seen) == (False, False, None, None)


async def test_a_row_whose_creation_was_undone_says_so(namely: Start) -> None:
    place = await namely(30, connected=True)
    place.settings = copied_settings(place.settings, retention=RetentionSettings(undo=3))
    place.host.settings = place.settings
    await place.run("employees")
    undoable = await place.host.undoable("acme")
    await place.host.undo("acme", undoable.number)
    found = await place.host.explain("acme", Employee, place.tenant.people[3].id)
    assert (found.stored, found.undone, found.removal) == (False, True, None)


async def test_a_change_that_is_no_longer_kept_leaves_the_origin_unknown(steps: RunSteps) -> None:
    await steps.applied(person("a", email="a@acme.example"))
    steps.ask("DELETE FROM changes")
    found = await explain(Asked("acme", Example.declarations["Employee"], "a"), "Example HR", steps.store)
    assert {one.field: one.source for one in found.fields} == {"source_id": None, "email": None}
    assert found.last_seen


async def test_an_explanation_only_reads(namely: Start) -> None:
    place = await namely(30, scanned=True)
    requests, store = len(place.simulator.requests), place.settings.host.store.read_bytes()
    await place.host.explain("acme", Employee, place.tenant.people[3].id)
    async with place.host.store.locks.hold("acme"):
        await place.host.explain("acme", Department, "nothing")
    assert len(place.simulator.requests) == requests
    assert place.settings.host.store.read_bytes() == store


# ---- on the command line


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover) -> Iterator[Tenant]:
    """A simulated tenant of this test's own, whose people are stored as the integration acme."""
    with tenant_of_its_own(tmp_path, monkeypatch, discover, extra="[host.losses]\nvanished_share = 1") as tenant:
        yield tenant


def test_explain_prints_the_origin_for_people_and_for_programs(tenant: Tenant, discover: Discover) -> None:
    someone = tenant.people[3]
    shown = discover("explain", "acme", "employees", someone.email.upper())
    assert shown.code == 0
    for text in (
        f"employee {someone.id} of acme",
        "read from GET /profiles, page 1, /profiles/3",
        "Last seen",
        "Not read:",
    ):
        assert text in shown.out
    found = discover("explain", "acme", "employees", someone.id, "--json").json()["explanation"]
    assert found["stored"]
    assert {one["source"]["pointer"] for one in found["fields"]} == {"/profiles/3"}
    assert shown.out.count("mapped by connectors.namely.mapping.to_employee") == 1
    assert {one["source"]["rule"] for one in found["fields"]} == {"connectors.namely.mapping.to_employee"}
    made_of = {one["field"]: one["made_of"] for one in found["fields"]}
    assert (made_of["email"], made_of["source_id"]) == (["email"], ["id"])


def test_explain_tells_of_who_is_gone_and_of_who_never_was(tenant: Tenant, discover: Discover) -> None:
    gone = tenant.people[-1]
    tenant.delete(gone)
    assert discover("run", "acme").code == 0
    shown = discover("explain", "acme", "employees", gone.id).out
    assert "Removed" in shown
    assert "absent from a complete scan, and unknown to Namely" in shown
    unknown = discover("explain", "acme", "employees", "nobody")
    assert "No run that is kept has seen it." in unknown.out
    assert unknown.code == 2
    assert discover("explain", "acme", "employees", gone.id).code == 0


def test_the_page_of_a_part_counts_what_was_rejected_in_the_parts_before_it() -> None:
    body = b'{"profiles": [{"id": "a"}, {"oops": 1}]}'
    part = parse_page(Call("GET", "/profiles"), Profiles, body)
    other = replace(part, ids=("c",), rows=part.rows)
    joined = type(part).joined([part, other])
    assert joined.places == [1, 3]

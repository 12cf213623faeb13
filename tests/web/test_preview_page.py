"""One person, step by step, on its page: who is meant, each step, and what is wrong."""

import re

import pytest
from test_directory import directory_of

from connector_core import Department, Employee, SettingsError
from connector_core.audit import Action
from connector_core.directory import PersonRow
from connector_core.web.pages.preview import match
from world import Answer, StartWeb, Web

PATH = "/integrations/acme/preview"
PEOPLE = (
    Employee(source_id="1", display_name="Ada Byron", email="ada@acme.example", job_title="Lead"),
    Employee(source_id="2", display_name="Ada Byron King", email="x.ada@acme.example"),
    Employee(source_id="3", display_name="Łukasz", email="l@acme.example"),
    *[Employee(source_id=f"t{n:02}", display_name=f"Twin {n % 2}") for n in range(12)],
)
UNITS = (
    Department(source_id="d1", name="Sales"),
    Department(source_id="d2", name="Sales north", parent_source_id="d1"),
    Department(source_id="d3", name="Team", parent_source_id="d1"),
    Department(source_id="d4", name="Team", parent_source_id="d2"),
)


async def ask(site: Web, who: str, kind: str = "Employee", **more: str) -> Answer:
    return await site.post(PATH, {"who": who, "kind": kind, **more})


async def some_person(site: Web) -> PersonRow:
    return (await site.host.directory("acme")).people().rows[0]


# ---- who is meant


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1", "1"),
        ("ADA@acme.example", "1"),
        # The whole name of one, though it is a part of another's.
        ("ada byron", "1"),
        ("king", "2"),
        ("lukasz", "3"),
        ("an-id-that-is-not-stored", "an-id-that-is-not-stored"),
    ],
)
def test_a_person_is_meant_by_id_e_mail_or_name(wanted: str, found: str) -> None:
    assert match(directory_of(PEOPLE), "Employee", wanted).source_id == found


@pytest.mark.parametrize("kind", ["Employee", "Department", "Team"])
@pytest.mark.parametrize("wanted", ["zzz nobody", "nobody@acme.example", "zzz\tb"])
def test_what_is_not_stored_and_cannot_be_an_id_is_refused(kind: str, wanted: str) -> None:
    with pytest.raises(SettingsError, match="it cannot be an id") as caught:
        match(directory_of(PEOPLE, UNITS), kind, wanted)
    assert wanted not in caught.value.message + caught.value.hint


async def test_the_provider_is_not_asked_for_a_name_that_was_mistyped(web: StartWeb) -> None:
    site = await web(scanned=True)
    before = len(site.place.simulator.requests)
    page = await ask(site, "zzz nobody")
    assert "the provider was not asked" in page.text
    assert len(site.place.simulator.requests) == before


def test_where_several_may_be_meant_the_first_of_them_are_offered() -> None:
    found = match(directory_of(PEOPLE), "Employee", "ada")
    assert [(one.source_id, one.more) for one in found.candidates] == [
        ("1", "Lead, ada@acme.example"),
        ("2", "x.ada@acme.example"),
    ]
    # Twins are told apart by their ids.
    twins = match(directory_of(PEOPLE), "Employee", "twin")
    assert (len(twins.candidates), twins.total, twins.source_id) == (10, 12, "")
    assert {one.more for one in twins.candidates} <= {f"t{n:02}" for n in range(12)}


def test_a_department_is_meant_by_id_or_name_and_offered_with_those_above_it() -> None:
    directory = directory_of([], UNITS)
    assert [match(directory, "Department", one).source_id for one in ("d2", "sales", "north", "nothing")] == [
        "d2",
        "d1",
        "d2",
        "nothing",
    ]
    found = match(directory, "Department", "team").candidates
    assert sorted(one.more for one in found) == ["Sales", "Sales › Sales north"]  # noqa: RUF001 - it is meant


def test_of_another_kind_only_an_id_is_meant() -> None:
    assert match(directory_of(PEOPLE), "Team", "ada").source_id == "ada"


# ---- the page


async def test_each_step_is_shown_and_nothing_is_stored(web: StartWeb) -> None:
    site = await web(scanned=True)
    someone = await some_person(site)
    before = site.place.query("SELECT count(*), max(n) FROM bodies") + site.place.query("SELECT count(*) FROM runs")
    page = await ask(site, someone.name)
    assert page.status == 200
    assert page.html.startswith("<!doctype html>")
    assert re.findall(r"<h2>([A-Z][a-z ]+)", page.html) == [
        "Request ",
        "Declared fields of the row",
        "Mapping",
        "What would change",
    ]
    assert f"<code>GET /profiles/{someone.source_id}</code>" in page.html
    assert "connectors.namely.mapping.to_employee" in page.text
    assert re.search(r'<th scope="row">Email</th><td>[^<]+</td><td><code>email</code>', page.html)
    assert "Nothing: what is stored is what Namely has." in page.text
    after = site.place.query("SELECT count(*), max(n) FROM bodies") + site.place.query("SELECT count(*) FROM runs")
    assert after == before
    assert f'href="/integrations/acme/people/{someone.source_id}">the stored person' in page.html


async def test_what_a_run_would_change_is_shown_field_by_field(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.evolve()
    report = await site.host.run("acme", apply=False)
    change = next(one for one in (await site.place.changes(report)).values() if one.kind == "Employee" and one.fields)
    page = await ask(site, change.source_id)
    shown = page.html.partition("What would change")[2]
    assert shown.count("<del>") == shown.count("<ins>") == len(change.fields)


async def test_a_person_who_is_not_stored_would_be_created(web: StartWeb) -> None:
    site = await web(connected=True)
    report = await site.host.run("acme", apply=False)
    await site.host.discard("acme", report.run.id)
    new = next(one for one in (await site.place.changes(report)).values() if one.kind == "Employee")
    page = await ask(site, new.source_id)
    assert "The row is not stored: a run would create it with these values." in page.text
    assert "the stored person" not in page.text


async def test_candidates_are_offered_and_one_that_is_clicked_is_asked_for(web: StartWeb) -> None:
    site = await web(people=400, scanned=True)
    page = await site.post(PATH, {"who": "gupta", "kind": "Employee"}, {"HX-Request": "true"})
    assert "<!doctype html>" not in page.html
    offered = re.findall(r'name="who" value="([^"]+)"', page.html)
    assert 1 < len(offered) <= 10
    assert page.text.startswith(f"{(await site.host.directory('acme')).people('gupta').total} stored people match.")
    assert Action.PREVIEWED not in {one.action for one in await site.host.audit.entries("acme")}
    chosen = await ask(site, offered[0], exactly="1")
    assert f"<code>GET /profiles/{offered[0]}</code>" in chosen.html


async def test_a_department_is_asked_for_by_its_name(web: StartWeb) -> None:
    site = await web(scanned=True)
    (department, *_) = (await site.host.directory("acme")).branches()
    page = await ask(site, department.name, "Department")
    assert department.source_id in page.text


async def test_an_id_that_the_provider_does_not_know_is_said_so(web: StartWeb) -> None:
    site = await web(scanned=True)
    page = await ask(site, "nothing-of-the-sort")
    assert "not there" in page.text
    assert "Namely has no row with this id." in page.text


async def test_a_problem_is_shown_with_its_remedy(web: StartWeb) -> None:
    site = await web(scanned=True)
    someone = await some_person(site)
    site.place.simulator.script("403x999:/profiles")
    page = await ask(site, someone.source_id)
    assert page.status == 200
    problem = re.search(r'<div class="problem" role="alert">(.*?)</div>', page.html, re.DOTALL)
    assert problem
    explained = await site.host.preview("acme", Employee, someone.source_id)
    assert explained.problems
    assert all(one.message in page.text and one.hint in page.text for one in explained.problems)


@pytest.mark.parametrize("fields", [{"who": "  "}, {}, {"who": "x", "kind": "Nothing"}, {"who": "..", "exactly": "1"}])
async def test_what_cannot_be_asked_for_is_a_page_and_no_bug(web: StartWeb, fields: dict[str, str]) -> None:
    site = await web(scanned=True)
    page = await site.post(PATH, fields)
    assert page.status == 200
    assert "bug" not in page.text


async def test_the_log_of_what_was_done_names_the_user_and_not_the_person(web: StartWeb) -> None:
    site = await web(scanned=True)
    someone = await some_person(site)
    await ask(site, someone.source_id)
    (entry,) = [one for one in await site.host.audit.entries("acme") if one.action is Action.PREVIEWED]
    assert (entry.actor, dict(entry.details)) == ("administrator", {"kind": "Employee"})


async def test_a_viewer_may_look_at_the_page_and_not_ask(web: StartWeb) -> None:
    site = await web(scanned=True, role="viewer")
    page = await site.get(PATH)
    assert "Approvers and administrators may ask the provider." in page.text
    assert f'action="{PATH}"' not in page.html
    assert (await ask(site, "1")).status == 403


async def test_to_look_at_the_page_asks_for_nothing(web: StartWeb) -> None:
    site = await web(scanned=True)
    page = await site.get(f"{PATH}?kind=Department")
    assert "<option selected>Department</option>" in page.html
    assert '<ol class="steps"' not in page.html
    assert Action.PREVIEWED not in {one.action for one in await site.host.audit.entries("acme")}

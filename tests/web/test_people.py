"""People, one person, and the tree of departments."""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from datetime import date
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from test_directory import directory_of

from connector_core import Department, Employee, Operation, Status, WorkerType
from connector_core.settings import PluginSettings
from connector_core.web.people import department_choices
from run_steps import RunSteps
from world import StartWeb, Web

UNITS = (
    Department(source_id="sales", name="Sales"),
    Department(source_id="north", name="Sales north", parent_source_id="sales"),
    Department(source_id="bergen", name="Bergen", parent_source_id="north"),
    Department(source_id="law", name="Law"),
)
PEOPLE = (
    Employee(source_id="1", display_name="Ada Łoś", email="ada@acme.example", status=Status.ACTIVE),
    Employee(
        source_id="2", display_name="Grace", manager_source_id="1", department_source_ids=("north",), job_title="Lead"
    ),
    Employee(
        source_id="a/b?c", display_name="<b>Slash", manager_source_id="2", department_source_ids=("bergen",),
        status=Status.INACTIVE,
    ),
    Employee(
        source_id="4", display_name="Zoë", manager_source_id="2", department_source_ids=("sales", "law"),
        primary_department_source_id="law", status=Status.ACTIVE, worker_type=WorkerType.CONTRACTOR,
        start_date=date(2020, 1, 2),
    ),
)  # fmt: skip
Filled = Callable[..., Awaitable[tuple[Web, RunSteps]]]


@pytest.fixture
def filled(web: StartWeb, tmp_path: Path) -> Filled:
    """Serve a host that has stored these departments and people of acme."""

    async def start(*people: Employee, units: tuple[Department, ...] = UNITS, **more: object) -> tuple[Web, RunSteps]:
        site = await web(connected=True, **more)  # type: ignore[arg-type] # any
        steps = RunSteps(site.host.store, tmp_path / "people.sqlite")
        if units:
            await steps.applied(*units)
        await steps.applied(*(people or PEOPLE))
        return site, steps

    return start


def names_in(html: str) -> list[str]:
    """Return the names in the first column of a list of people."""
    return [unescape(one) for one in re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', html)]


# ---- people


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["<b>Slash", "Ada Łoś", "Grace", "Zoë"]),
        ("search=los+ada", ["Ada Łoś"]),
        ("search=ZOE", ["Zoë"]),
        ("search=lead", ["Grace"]),
        ("status=active", ["Ada Łoś", "Zoë"]),
        ("worker_type=contractor", ["Zoë"]),
        ("department=sales", ["<b>Slash", "Grace", "Zoë"]),
        ("department=sales&directly=1", ["Zoë"]),
        ("department=sales&status=inactive", ["<b>Slash"]),
        ("department=(none)", ["Ada Łoś"]),
        ("department=unknown", []),
        # What does not exist is no filter: the form shows "Any".
        ("status=bogus&worker_type=bogus", ["<b>Slash", "Ada Łoś", "Grace", "Zoë"]),
    ],
)
async def test_people_are_searched_and_filtered(filled: Filled, query: str, found: list[str]) -> None:
    site, _ = await filled()
    leading = await site.post("/integrations/acme/people", dict(parse_qsl(query)))
    assert leading.status == 303
    page = await site.get(leading.location)
    assert (page.status, names_in(page.html)) == (200, found)
    number = "1 person" if len(found) == 1 else f"{len(found)} people"
    assert (number in page.text) is bool(found)
    assert ("No person matches" in page.text) is (not found)
    # The part that comes while one types is the same list.
    assert names_in((await site.fragment(leading.location)).html) == found


async def test_the_form_shows_what_was_chosen(filled: Filled) -> None:
    site, _ = await filled()
    chosen = {"search": '"x', "status": "active", "worker_type": "partner", "department": "bergen", "directly": "1"}
    page = await site.get((await site.post("/integrations/acme/people", chosen)).location)
    assert 'value="&#34;x"' in page.html
    for value in ("active", "partner", "bergen"):
        assert f'<option value="{value}" selected>' in page.html
    assert 'name="directly" value="1" checked' in page.html


async def test_a_department_that_is_not_stored_is_shown_as_chosen(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/people?department=unknown")
    assert '<option value="unknown" selected>unknown (not stored)</option>' in page.html


async def test_where_no_department_is_below_another_nothing_is_said_of_those_below(filled: Filled) -> None:
    site, _ = await filled(units=UNITS[:1])
    assert "Without those below" not in (await site.get("/integrations/acme/people")).text


async def test_show_more_goes_through_all_people_without_a_script(web: StartWeb) -> None:
    site = await web(people=120, scanned=True)
    found: list[str] = []
    address = "/integrations/acme/people?status=active"
    while address:
        page = await site.get(address)
        assert ("from the beginning" in page.text) is bool(found)
        found += re.findall(r'<th scope="row"><a href="([^"]+)"', page.html)
        link = re.search(r'href="([^"]+)"[^>]*>Show more<', page.html)
        address = unescape(link[1]) if link else ""
    directory = await site.host.directory("acme")
    expected = directory.people(status="active", limit=200).rows
    assert found == [f"/integrations/acme/people/{one.source_id}" for one in expected]
    assert len(found) > 50


async def test_show_more_brings_further_rows_only_and_the_first_of_them_gets_the_focus(web: StartWeb) -> None:
    site = await web(people=60, scanned=True)
    link = re.search(r'hx-get="([^"]+find=[^"]+)"', (await site.get("/integrations/acme/people")).html)
    assert link
    part = await site.fragment(unescape(link[1]))
    assert part.html.count("<tr>") == 10
    assert "<thead" not in part.html
    assert part.html.count("autofocus") == 1
    assert part.html.index("autofocus") < part.html.index("</tr>")
    assert "autofocus" not in (await site.get(unescape(link[1]))).html


async def test_a_place_that_is_none_is_an_error_and_an_unknown_integration_is_not_found(filled: Filled) -> None:
    site, _ = await filled()
    for unknown in ("x", "%C3%A9"):
        assert (await site.get(f"/integrations/acme/people?find={unknown}")).status == 404
    # A place that is not sealed is not looked at.
    assert (await site.get("/integrations/acme/people?after=!")).status == 200
    for path in ("people", "people/1", "departments", "history", "preview"):
        assert (await site.get(f"/integrations/nobody/{path}")).status == 404, path


async def test_before_the_first_run_the_pages_say_so(web: StartWeb) -> None:
    site = await web(connected=True)
    assert "No people are stored" in (await site.get("/integrations/acme/people")).text
    assert "No departments are stored" in (await site.get("/integrations/acme/departments")).text


async def test_back_in_the_history_a_whole_page_is_sent(filled: Filled) -> None:
    site, _ = await filled()
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    page = await site.get("/integrations/acme/people", headers)
    assert page.html.startswith("<!doctype html>")
    assert not (await site.fragment("/integrations/acme/people")).html.startswith("<!doctype html>")


async def test_while_a_directory_is_read_for_the_first_time_a_page_says_so_and_comes_again(filled: Filled) -> None:
    site, _ = await filled()
    go_on = threading.Event()
    site.host._directories._thread.submit(go_on.wait, 10)
    path = (await site.post("/integrations/acme/people", {"search": "ada", "status": "active"})).location
    page = await site.get(path)
    assert (page.status, "are being read into memory" in page.text) == (200, True)
    again = page.headers["Refresh"].partition("url=")[2]
    asked = asyncio.create_task(site.get(again))
    await asyncio.sleep(0.05)
    assert not asked.done()
    go_on.set()
    answer = await asked
    assert (answer.status, answer.location) == (303, path)
    assert names_in((await site.get(answer.location)).html) == ["Ada Łoś"]


def test_departments_to_choose_from_are_in_the_order_of_the_tree() -> None:
    found = department_choices(directory_of([], UNITS), "")
    assert [one.source_id for one in found] == ["law", "sales", "north", "bergen"]
    assert [len(one.text) - len(one.text.lstrip()) for one in found] == [0, 0, 3, 6]


def test_of_many_departments_the_upper_levels_are_offered_and_the_chosen_one() -> None:
    units = [Department(source_id="top", name="Top")]
    units += [Department(source_id=f"d{n}", name=f"D{n:04}", parent_source_id="top") for n in range(399)]
    units += [Department(source_id=f"e{n}", name=f"E{n:04}", parent_source_id=f"d{n}") for n in range(399)]
    directory = directory_of([], units)
    assert len(department_choices(directory, "")) == 400
    with_chosen = [one.source_id for one in department_choices(directory, "e7")]
    assert with_chosen[with_chosen.index("d7") + 1] == "e7"
    assert len(with_chosen) == 401
    flat = directory_of([], [Department(source_id=str(n), name=f"N{n}") for n in range(401)])
    assert department_choices(flat, "") == []
    assert [one.source_id for one in department_choices(flat, "9")] == ["9"]


# ---- one person


async def test_a_person_is_shown_between_managers_and_reports_and_in_departments(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/people/2")
    managers, reports, departments = re.findall(r"<article.*?</article>", page.html, re.DOTALL)
    assert "Ada Łoś" in managers
    assert re.search(r"<strong>Grace</strong>", managers)
    assert "2</small>" in reports
    assert "&lt;b&gt;Slash" in reports
    assert "<b>Slash" not in page.html
    assert re.findall(r"department=(\w+)\"", departments) == ["sales", "north"]
    zoe = await site.get("/integrations/acme/people/4")
    assert re.search(r"Law.*primary", zoe.text)


async def test_an_id_of_any_characters_is_a_part_of_the_address(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/people")
    link = re.search(r'href="([^"]+)"[^>]*>&lt;b&gt;Slash', page.html)
    assert link
    assert link[1] == "/integrations/acme/people/a%2Fb%3Fc"
    assert "&lt;b&gt;Slash" in (await site.get(link[1])).html


async def test_every_stored_field_has_its_origin_and_links_lead_on(web: StartWeb) -> None:
    site = await web(scanned=True)
    directory = await site.host.directory("acme")
    someone = next(one for one in directory.people(limit=60).rows if one.manager)
    page = await site.get(f"/integrations/acme/people/{someone.source_id}")
    explanation = await site.host.explain("acme", Employee, someone.source_id)
    table = page.html.partition("<h2>Stored fields</h2>")[2].partition("<table")[2].partition("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>', table)
    assert len(rows) == len(explanation.fields) > 10
    (source,) = explanation.sources
    place = f"<code>GET /profiles</code>, page {source.page}, row <code>{source.pointer}</code>, mapped by <code>"
    assert page.html.count(f"{place}connectors.namely.mapping.to_employee</code>") == 1
    made_of = {one.field: one.made_of for one in explanation.fields}
    assert (made_of["email"], made_of["source_id"]) == (("email",), ("id",))
    assert table.count("<code>") == sum(map(len, made_of.values()))
    (run,) = await site.host.history("acme")
    assert table.count(f"/integrations/acme/runs/{run.run.id}") == len(rows)
    assert someone.manager
    assert f'<a href="/integrations/acme/people/{someone.manager[0]}">{someone.manager[1]}</a>' in table
    assert "which read all people" in page.text
    assert f'name="who" value="{someone.source_id}"' in page.html


async def test_a_field_that_changed_later_names_the_later_run(filled: Filled) -> None:
    site, steps = await filled()
    run = await steps.applied(*[one.model_copy(update={"job_title": "Boss"}) for one in PEOPLE])
    page = await site.get("/integrations/acme/people/2")
    row = re.search(r'<th scope="row">Job title</th>.*?</tr>', page.html, re.DOTALL)
    other = re.search(r'<th scope="row">Display name</th>.*?</tr>', page.html, re.DOTALL)
    assert row
    assert other
    assert run.id in row[0]
    assert run.id not in other[0]
    history = page.html.partition("What has changed")[2]
    assert history.index("Job title") < history.index("New in Example HR")


async def test_fields_that_are_not_stored_say_why(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/people/1")
    assert re.search(r"\d+ fields not stored", page.text)
    assert "It did not come from Namely, or could not be read or resolved." in page.text


async def test_reports_come_a_page_at_a_time(filled: Filled) -> None:
    site, _ = await filled(
        Employee(source_id="boss", display_name="Boss"),
        *[Employee(source_id=f"{n:02}", display_name=f"Report {n:02}", manager_source_id="boss") for n in range(60)],
    )
    page = await site.get("/integrations/acme/people/boss")
    link = re.search(r'href="(\?find=[^"]+)">More reports', page.html)
    assert link
    assert (page.text.count("Report "), "From the beginning" in page.text) == (50, False)
    rest = await site.get(f"/integrations/acme/people/boss{link[1]}")
    assert (rest.text.count("Report "), "From the beginning" in rest.text) == (10, True)


async def test_a_change_that_waits_is_told_with_the_way_to_the_plan(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.evolve()
    report = await site.host.run("acme", apply=False)
    changes = (await site.place.changes(report)).values()
    gone = next(one for one in changes if (one.kind, one.operation) == ("Employee", Operation.REMOVE))
    page = await site.get(f"/integrations/acme/people/{gone.source_id}")
    assert page.status == 200
    assert "A change of this person waits for a decision." in page.text
    assert 'href="/integrations/acme/plan">Look at the plan' in page.html


async def test_a_person_who_was_removed_is_told_with_the_reason_and_when_last_seen(filled: Filled) -> None:
    site, steps = await filled()
    run = await steps.applied(*PEOPLE[:-1], removed=("4",))
    page = await site.get("/integrations/acme/people/4")
    assert (page.status, "This person is stored no more" in page.text) == (200, True)
    explanation = await site.host.explain("acme", Employee, "4")
    assert explanation.removal
    assert f"run {run.id[:8]}" in page.text.lower()
    assert "Last seen" in page.text
    # Nothing of the person is left to show.
    assert "Zoë" not in page.html


async def test_a_person_whose_creation_waits_or_was_discarded_is_not_said_to_be_gone(web: StartWeb) -> None:
    site = await web(connected=True)
    report = await site.host.run("acme", apply=False)
    someone = next(one for one in (await site.place.changes(report)).values() if one.kind == "Employee")
    path = f"/integrations/acme/people/{someone.source_id}"
    assert "This person is not stored yet" in (await site.get(path)).text
    await site.host.discard("acme")
    page = await site.get(path)
    assert page.status in {200, 404}
    assert "stored no more" not in page.text


async def test_a_person_of_whom_nothing_is_known_is_not_found(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/people/nobody")
    assert (page.status, "has no employee with this id" in page.text) == (404, True)


async def test_without_the_connector_a_person_is_shown_without_origins(filled: Filled) -> None:
    site, _ = await filled(plugins={"hibob": PluginSettings()})
    page = await site.get("/integrations/acme/people/4")
    assert page.status == 200
    assert "the origin of the values is not shown" in page.text
    assert re.search(r'<th scope="row">Start date</th>\s*<td>2020-01-02</td>', page.html)
    assert (await site.get("/integrations/acme/people/nobody")).status == 404


# ---- departments


def branches_in(html: str) -> list[tuple[str, str]]:
    """Return the id and the number of people of each department that is shown."""
    return re.findall(r'<a class="count" href="[^"]*department=([^"&]+)"[^>]*>([\d,]+)</a>', html)


async def test_departments_begin_at_the_top_and_count_those_below(filled: Filled) -> None:
    site, _ = await filled()
    page = await site.get("/integrations/acme/departments")
    assert branches_in(page.html) == [("law", "1"), ("sales", "3")]
    assert 'aria-label="3 people in Sales and below"' in page.html
    assert 'aria-label="1 directly in Sales"' in page.html
    assert "1 person is in none." in page.text
    # Each bar is as long as its share of the largest, with a part for those who are directly in it.
    assert re.findall(r'class="(?:fill|part)" width="([\d.]+)"', page.html) == ["33.3", "33.3", "100.0", "33.3"]


async def test_a_branch_is_opened_by_a_part_and_without_a_script_by_a_page(filled: Filled) -> None:
    site, _ = await filled()
    top = await site.get("/integrations/acme/departments")
    address = "/integrations/acme/departments?parent=sales"
    assert f'hx-get="{address}"' in top.html
    assert f'<a href="{address}">Open Sales</a>' in top.html
    part = await site.fragment(address)
    assert branches_in(part.html) == [("north", "2")]
    assert "<!doctype html>" not in part.html
    page = await site.get("/integrations/acme/departments?parent=north")
    assert branches_in(page.html) == [("bergen", "1")]
    assert re.search(r"All departments › Sales › Sales north", page.text)  # noqa: RUF001 - it is meant


async def test_a_department_that_is_not_stored_is_not_found(filled: Filled) -> None:
    site, _ = await filled()
    assert (await site.get("/integrations/acme/departments?parent=nothing")).status == 404


async def test_many_departments_come_a_page_at_a_time(filled: Filled) -> None:
    units = tuple([Department(source_id=f"{n:03}", name=f"Unit {n:03}") for n in range(450)])
    site, _ = await filled(units=units)
    found: list[str] = []
    address = "/integrations/acme/departments"
    while address:
        page = await site.get(address)
        found += [one for one, _ in branches_in(page.html)]
        link = re.search(r'<li class="more"><a href="([^"]+)"', page.html)
        address = f"/integrations/acme/departments{unescape(link[1])}" if link else ""
    assert found == [one.source_id for one in units]
    part = await site.fragment("/integrations/acme/departments?from=200")
    assert "<ul>" not in part.html
    assert (await site.get("/integrations/acme/departments?from=x")).status == 200

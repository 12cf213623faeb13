"""A plan on its page: what would change and why, and decisions on it."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import FormData
from multidict import MultiDict, MultiDictProxy

from connector_core.errors import SettingsError
from connector_core.messages import CHANGE
from connector_core.outcomes import Operation
from connector_core.reasons import Code, Reason
from connector_core.store import Held, Selection
from connector_core.web.plan_page import WITNESSES, Form, Group, selection_of, summary_of, witnesses_of
from world import Answer, StartWeb, Web

PLAN = "/integrations/acme/plan"


async def with_plan(web: StartWeb, **more: Any) -> tuple[Web, Held]:
    """A site where a removal, two updates of people, one of a department and a create wait."""
    site = await web(scanned=True, **more)
    site.place.simulator.evolve()
    await site.place.run(apply=False)
    held = await site.host.held("acme")
    assert held is not None
    return site, held


async def decide(site: Web, verb: str, held: Held, *fields: tuple[str, str]) -> Answer:
    """Send the form of a plan that was shown."""
    form = FormData({"form_key": await site.form_key(), "run": held.run_id, "fingerprint": held.fingerprint})
    for name, value in fields:
        form.add_field(name, value)
    async with site.client.post(f"{site.address}{PLAN}/{verb}", data=form, allow_redirects=False) as response:
        return Answer(response.status, await response.text(), dict(response.headers))


async def ids(site: Web) -> set[str]:
    return set(await site.place.people())


ALL, SOME = ("part", "all"), ("part", "some")


# ---- what is shown


async def test_a_plan_shows_removals_first_then_updates_then_creates(web: StartWeb) -> None:
    site, held = await with_plan(web)
    page = await site.get(PLAN)
    headings = re.findall(r'<h2 id="group-\d">([^<]+)</h2>', page.html)
    assert headings == ["Employees: 1 removal", "Employees: 2 updates", "Departments: 1 update", "Employees: 1 create"]
    assert "1 removal, 3 updates and 1 create" in page.text
    assert held.changes == 5


async def test_a_removal_has_the_words_of_both_witnesses(web: StartWeb) -> None:
    site, _ = await with_plan(web)
    text = (await site.get(PLAN)).text
    assert "Scan a complete scan does not list it Provider asked for it by its id, Namely does not know it" in text


def test_every_reason_of_a_removal_that_is_held_has_its_witnesses() -> None:
    assert set(WITNESSES) == CHANGE.keys() - {Code.NEW, Code.CHANGED, Code.STATUS_LOST, Code.PUT_BACK}
    other = witnesses_of(Reason(Code.OTHER_KIND, provider="Namely", kind="department"))
    assert other is not None
    assert (other.scan, other.provider) == (
        "a complete scan lists it no longer as department",
        "Namely still has it, as something else",
    )
    assert witnesses_of(Reason(Code.NEW, provider="Namely")) is None


async def test_an_update_shows_each_field_with_its_old_and_new_value(web: StartWeb) -> None:
    site, held = await with_plan(web)
    html = (await site.get(PLAN)).html
    async for change in site.host.changes(held.run_id):
        for value in change.values if change.operation is Operation.UPDATE else ():
            assert f"<del>{value.old_text}</del>" in html.replace("&amp;", "&")
            assert f"<ins>{value.new_text}</ins>" in html.replace("&amp;", "&")


async def test_the_link_to_a_person_is_right_for_every_id(web: StartWeb) -> None:
    site, _ = await with_plan(web)
    site.place.execute("UPDATE changes SET source_id = 'a/b?c' WHERE operation = 'remove'")
    html = (await site.get(PLAN)).html
    assert 'href="/integrations/acme/people/a%2Fb%3Fc"' in html


async def test_the_guard_that_holds_a_plan_says_why_and_what_to_do(web: StartWeb) -> None:
    site = await web(people=60, scanned=True)
    for person in [*site.place.tenant.people[1:30]]:
        site.place.tenant.leave(person)
    await site.host.run("acme")
    page = await site.get(PLAN)
    assert re.search(r"Employees are held: \d+ of 60 rows would be lost within 7 days, more than 20%\.", page.text)
    assert "Review the plan and apply it if the losses are real." in page.text
    assert page.parts.count("loss") >= 20


async def test_the_effect_on_departments_is_a_part_and_a_page(web: StartWeb) -> None:
    site, held = await with_plan(web)
    effects = await site.host.plan_effects("acme", held.run_id)
    part, page = await site.fragment(f"{PLAN}/effects"), await site.get(f"{PLAN}/effects")
    for one in effects:
        assert f"{one.name} {one.before}" in part.text
    assert "<html" not in part.html
    assert part.text in page.text
    await site.host.discard("acme")
    assert "No department's head-count changes." in (await site.fragment(f"{PLAN}/effects")).text


async def test_of_a_long_plan_some_is_shown_and_more_on_request(web: StartWeb) -> None:
    site = await web(people=120, connected=True)
    await site.host.run("acme", apply=False)
    page = await site.get(PLAN)
    assert "50 of 120 are shown: show 500 of each . The box in the heading ticks all 120." in page.text
    assert page.html.count('value="Employee:') == 50 + 1
    assert "No guard holds it: the run was asked to stop at its plan." in page.text
    more = await site.get(f"{PLAN}?show=500")
    assert more.html.count('value="Employee:') == 120 + 1
    # A number of one's own is not taken.
    assert (await site.get(f"{PLAN}?show=99999")).html.count('value="Employee:') == 50 + 1


async def test_without_a_plan_the_page_says_so(web: StartWeb) -> None:
    site = await web(scanned=True)
    assert "No plan waits" in (await site.get(PLAN)).text


# ---- decisions


async def test_all_of_a_plan_is_applied_and_the_audit_log_says_by_whom(web: StartWeb) -> None:
    site, held = await with_plan(web, role="approver")
    answer = await decide(site, "apply", held, ALL)
    assert (answer.status, answer.location) == (303, f"{PLAN}?done=applied&number=5")
    assert "5 changes applied." in (await site.get(answer.location)).text
    assert await site.host.held("acme") is None
    entry = (await site.host.audit.entries("acme", limit=1))[0]
    assert (entry.actor, entry.action, entry.run_id) == ("riley", "plan_applied", held.run_id)
    run = await site.get(f"/integrations/acme/runs/{held.run_id}")
    assert "plan applied (applied: 5) by riley" in run.text


async def test_a_single_change_is_applied_and_the_others_wait(web: StartWeb) -> None:
    site, held = await with_plan(web)
    before = await ids(site)
    (gone,) = [one async for one in site.host.changes(held.run_id) if one.operation is Operation.REMOVE]
    answer = await decide(site, "apply", held, SOME, ("row", f"Employee:{gone.source_id}"))
    assert answer.location == f"{PLAN}?done=applied&number=1"
    assert before - await ids(site) == {gone.source_id}
    left = await site.host.held("acme")
    assert left is not None
    assert left.changes == 4


async def test_a_group_is_applied_whatever_of_it_is_shown(web: StartWeb) -> None:
    site = await web(people=120, connected=True)
    await site.host.run("acme", apply=False)
    held = await site.host.held("acme")
    assert held is not None
    answer = await decide(site, "apply", held, SOME, ("group", "Employee:create"))
    assert answer.location == f"{PLAN}?done=applied&number=120"
    assert await site.host.count_entities("acme") == {"Employee": 120}


async def test_a_part_or_all_is_discarded(web: StartWeb) -> None:
    site, held = await with_plan(web)
    answer = await decide(site, "discard", held, SOME, ("group", "Employee:update"))
    assert answer.location == f"{PLAN}?done=discarded&number=2"
    left = await site.host.held("acme")
    assert left is not None
    assert (await decide(site, "discard", left, ALL)).location == f"{PLAN}?done=discarded&number=3"
    assert await site.host.held("acme") is None
    assert len(await ids(site)) == 60


async def test_a_plan_that_has_changed_is_shown_again_and_nothing_is_done(web: StartWeb) -> None:
    site, held = await with_plan(web)
    site.place.simulator.evolve()
    await site.place.run(apply=False)
    before, new = await site.place.people(), await site.host.held("acme")
    assert new is not None
    for verb in ("apply", "discard"):
        answer = await decide(site, verb, held, ALL)
        assert answer.status == 409
        assert "The plan of acme has been replaced since it was shown. Nothing was applied or discarded." in answer.text
        # The new one, to be decided on.
        assert f'name="fingerprint" value="{new.fingerprint}"' in answer.html
        assert "Employees: 2 removals" in answer.text
    assert await site.place.people() == before
    assert await site.host.held("acme") == new


async def test_a_plan_of_which_a_part_is_decided_elsewhere_has_changed(web: StartWeb) -> None:
    site, held = await with_plan(web)
    await site.place.host.apply("acme", only=Selection(frozenset({("Employee", Operation.UPDATE)})))
    answer = await decide(site, "apply", held, ALL)
    assert (answer.status, "has changed since it was shown" in answer.text) == (409, True)
    await site.place.host.discard("acme")
    gone = await decide(site, "apply", held, ALL)
    assert gone.status == 422
    assert "acme has no held plan." in gone.text
    assert "No plan waits" in gone.text


async def test_while_another_process_is_at_work_a_decision_waits(web: StartWeb) -> None:
    site, held = await with_plan(web)
    async with site.place.host.store.locks.hold("acme"):
        answer = await decide(site, "apply", held, ALL)
    assert answer.status == 409
    assert "acme is being run or changed by another process." in answer.text
    assert "Employees: 1 removal" in answer.text
    assert await site.host.held("acme") == held


async def test_two_who_decide_at_once_do_not_both_apply(web: StartWeb) -> None:
    site, held = await with_plan(web)
    answers = await asyncio.gather(*[decide(site, "apply", held, ALL) for _ in range(2)])
    first, second = sorted(one.status for one in answers)
    assert first == 303
    assert second in {409, 422}


async def test_nothing_ticked_is_said_and_nothing_is_done(web: StartWeb) -> None:
    site, held = await with_plan(web)
    answer = await decide(site, "apply", held, SOME)
    assert (answer.status, "Nothing was ticked" in answer.text) == (422, True)
    assert await site.host.held("acme") == held


@pytest.mark.parametrize("role", ["viewer", "approver"])
async def test_a_viewer_sees_all_of_a_plan_without_its_buttons(web: StartWeb, role: str) -> None:
    site, held = await with_plan(web, role=role)
    page = await site.get(PLAN)
    may = role == "approver"
    assert ("Apply all 5" in page.parts) is may
    assert ("checkbox" in page.html) is may
    assert ("Approvers and administrators decide on it." in page.text) is not may
    assert "asked for it by its id, Namely does not know it" in page.text
    assert (await decide(site, "apply", held, ALL)).status == (303 if may else 403)


# ---- the parts


def form(pairs: Iterable[tuple[str, str]]) -> Form:
    return MultiDictProxy(MultiDict(pairs))


def test_a_form_names_groups_and_rows() -> None:
    rows = [("row", "Employee:a:b"), ("row", "Department:1"), ("group", "Employee:create")]
    assert selection_of(form([SOME, *rows])) == Selection(
        frozenset({("Employee", Operation.CREATE)}), frozenset({("Employee", "a:b"), ("Department", "1")})
    )
    assert selection_of(form([ALL, *rows])) is None
    with pytest.raises(SettingsError, match="There is no group of changes 'Employee:explode'"):
        selection_of(form([("group", "Employee:explode")]))


def test_a_summary_counts_each_operation() -> None:
    group = Group("Employee", Operation.CREATE, 1200)
    assert summary_of([group]) == "1,200 creates"
    assert summary_of([group, replace(group, kind="Department", operation=Operation.REMOVE, total=1)]) == (
        "1 removal and 1,200 creates"
    )

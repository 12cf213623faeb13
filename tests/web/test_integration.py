"""An integration's page: how it stands, what to do, and what an operator does there."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector_core.failures import FAILURES
from connector_core.schedules import Schedule
from connector_core.scheduling import LiveRun
from connector_core.scheduling.engine import CANCELLED, Problem
from connector_core.settings import Role, ScheduleSettings
from connector_core.web.access import User
from connector_core.web.integration_page import age_of, ahead, mark_of, span, state_of, trouble_of, what_follows
from connector_core.web.rendering import environment
from world import Answer, StartWeb, Web

NOW = datetime.now(UTC)
HERE = "/integrations/acme"
AGED = r"complete, (just now|\d+ minutes? ago)"
"""The first run of a store that tests begin with lies some minutes back."""


def hint(text: str, role: Role = Role.ADMINISTRATOR) -> str:
    template = environment().from_string("{{ text | in_browser }}")
    return template.render(text=text, user=User("riley", role))


async def ran(site: Web, **fields: str) -> Answer:
    """Press Run on the page; return the answer, once a run more has ended."""
    before = await site.host.history("acme", 1)
    answer = await site.post(f"{HERE}/run", fields)
    async with asyncio.timeout(10):
        while (found := await site.host.history("acme", 1)) == before or not found[0].finished_at:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.02)
        while "running" in (await site.get(HERE)).parts:  # noqa: ASYNC110 - a page has no event
            await asyncio.sleep(0.02)
    return answer


# ---- hints that name commands


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Apply or discard the plan: discover apply acme",
            'Apply or discard the plan: <a href="/integrations/acme/plan">the plan of acme</a>',
        ),
        (
            "Connect again with new ones: discover connect namely --name acme",
            'Connect again with new ones: <a href="/integrations/acme/connect">reconnect acme</a>',
        ),
        (
            "discover history acme lists the ids.",
            '<a href="/integrations/acme/history">The history of acme</a> lists the ids.',
        ),
        (
            "Add one: discover connect CONNECTOR --name acme; or name another store: --store FILE",
            (
                'Add one: <a href="/settings/catalogue">the catalogue</a>; or name another store: '
                "<code>--store FILE</code>"
            ),
        ),
        ("Make one: discover run acme --plan", 'Make one: <a href="/integrations/acme">run acme</a>'),
        ("Report it with what `discover doctor` prints.", "Report it with what <code>discover doctor</code> prints."),
        (
            "apply it and connect again with --change-tenant.",
            "apply it and connect again with the other company confirmed.",
        ),
        ("Nothing <b>of ours</b>", "Nothing &lt;b&gt;of ours&lt;/b&gt;"),
    ],
)
def test_a_command_in_a_hint_is_a_link_where_a_page_does_the_same(text: str, shown: str) -> None:
    assert hint(text) == shown


def test_a_user_who_may_not_open_the_page_reads_who_may() -> None:
    text = "Connect again with new ones: discover connect namely --name acme"
    assert hint(text, Role.VIEWER) == "Connect again with new ones: reconnect acme (as administrator)"


@pytest.mark.parametrize("code", FAILURES)
def test_what_to_do_about_a_failed_run_names_no_command_as_plain_text(code: str) -> None:
    shown = hint(FAILURES[code].action.format(integration="acme", connector="namely"))
    assert "discover " not in re.sub("<code>.*?</code>", "", shown)


# ---- how it stands


async def test_a_tile_says_how_old_the_last_complete_reading_is(web: StartWeb) -> None:
    site = await web(scanned=True)
    page = await site.get(HERE)
    assert any(re.fullmatch(AGED, one) for one in page.parts)
    assert re.search("Last complete reading .* Rows read 60 of 60 Proof creation times Stored 60", page.text)
    status = await site.host.status("acme")
    employees = next(one for one in status.kinds if one.kind == "Employee")
    assert mark_of(employees).tone == "good"
    old = replace(employees, read_at=NOW - timedelta(days=8), last_complete_at=NOW - timedelta(days=8))
    assert (mark_of(old).text, mark_of(old).tone) == ("complete, 8 days ago", "note")
    assert age_of(old) == "Rows that have gone at the provider since then are still stored."
    never = replace(employees, last_complete_at=None)
    assert age_of(never).startswith("No reading was ever complete")
    assert mark_of(replace(employees, cause="Something is to be done")).tone == "note"


async def test_an_incomplete_kind_has_its_cause_and_what_to_do_and_the_other_is_not_stopped(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.script("403x999:/groups")
    await site.host.run("acme")
    page = await site.get(HERE)
    assert "incomplete, just now" in page.parts
    assert "GET /groups: Namely answered 403, forbidden." in page.text
    assert "let the role of the token's user view" in page.text
    assert "complete, just now" in page.parts


async def test_fields_that_did_not_come_are_named_with_the_permission_to_grant(web: StartWeb) -> None:
    site = await web(connected=True, owner="limited")
    report = await site.host.run("acme")
    grant = site.host.registry.connector("namely").declarations["Employee"].permission
    status = await site.host.status("acme")
    employees, departments = status.kinds
    assert "60 rows came without" in employees.cause
    assert "country_code" in employees.cause
    assert (employees.remedy, employees.good, mark_of(employees).tone) == (grant, True, "note")
    assert (departments.cause, mark_of(departments).tone) == ("", "good")
    page, run = await site.get(HERE), await site.get(f"{HERE}/runs/{report.run.id}")
    for one in (page, run):
        assert re.search(r"60 rows came without [^.]*country code[^.]*; stored values are kept\.", one.text)
        assert f"To have them: {grant}" in one.text
    assert state_of(status, Schedule("acme"), None, is_running=False).tone == "note"
    shape = (await site.get(f"/api/v1/integrations/acme/runs/{report.run.id}")).json()["certificates"]
    assert [one["unread"].get("country_code", 0) for one in shape if one["kind"] == "Employee"] == [60]


async def test_the_state_is_what_needs_an_operator_most(web: StartWeb) -> None:
    site = await web(scanned=True)
    status, schedule = await site.host.status("acme"), Schedule("acme", cron="0 6 * * *")
    run = status.last_run
    assert run is not None

    def state(**changes: Any) -> tuple[str, str]:
        found = replace(schedule, **changes)
        mark = state_of(status, found, trouble_of(status, found, None), is_running=False)
        return mark.text, mark.tone

    assert state() == ("complete", "good")
    assert state(paused_at=NOW) == ("paused, complete", "note")
    assert state(quarantined_at=NOW) == ("quarantined", "bad")
    assert state_of(status, schedule, None, is_running=True).text == "running"
    assert state_of(replace(status, last_run=None), schedule, None, is_running=False).text == "never run"
    failed = LiveRun("acme", datetime.now(UTC), ended=True, problem=Problem("bug", "It broke.", "Report it."))
    trouble = trouble_of(status, schedule, failed)
    assert trouble is not None
    assert (trouble.cause, trouble.remedy, trouble.tone) == ("It broke.", "Report it.", "problem")
    assert state_of(status, schedule, trouble, is_running=False).text == "failed"
    cancelled = trouble_of(status, schedule, replace(failed, problem=CANCELLED))
    assert cancelled is not None
    assert cancelled.tone == "notice"
    before = replace(failed, started_at=run.run.started_at - timedelta(hours=1))
    assert trouble_of(status, schedule, before) is None


async def test_a_failed_run_says_why_and_links_to_what_helps(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.tenant.token = "revoked"
    assert (await ran(site)).location == f"{HERE}?done=started"
    page = await site.get(HERE)
    assert "failed" in page.parts
    assert "Invalid access token provided." in page.text
    assert "1 failure" not in page.text
    # Not told again by each kind.
    assert page.text.count("The provider rejected the credentials") <= 1
    assert f'<a href="{HERE}/connect">' in page.html


async def test_a_run_that_could_not_even_begin_is_told(web: StartWeb) -> None:
    site = await web(connected=True)
    site.place.execute("UPDATE integrations SET secrets = 'sealed with a key that is lost'")
    await site.post(f"{HERE}/run")
    async with asyncio.timeout(10):
        while "failed" not in (page := await site.get(HERE)).parts:  # noqa: ASYNC110 - a page has no event
            await asyncio.sleep(0.02)
    assert await site.host.history("acme") == []
    assert 'class="problem"' in page.html


WAITING = {"cron": "0 6 * * *", "failures": 2, "retry_at": NOW + timedelta(hours=3, minutes=55)}


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        (
            WAITING,
            [
                "2 runs in a row have not succeeded. It is tried again later than planned",
                "3 more failures it is quarantined",
                "Next attempt: in 4 hours",
            ],
        ),
        (
            {**WAITING, "failures": 5, "quarantined_at": NOW - timedelta(hours=2)},
            ["quarantined", "Quarantined 2 hours ago .", "it is tried every day", "ends the quarantine"],
        ),
        (
            {**WAITING, "paused_at": NOW - timedelta(hours=1), "paused_by": "riley"},
            [
                "Nothing is tried again by itself while the schedule is paused.",
                "none while paused, by riley 1 hour ago",
            ],
        ),
        ({"failures": 1}, ["The last run has failed. Nothing is tried again by itself: there is no schedule."]),
    ],
)
async def test_after_failures_the_page_tells_what_happens_next(
    web: StartWeb, changes: dict[str, Any], texts: list[str]
) -> None:
    site = await web(scanned=True)
    await site.host.store.schedules.edit("acme", lambda before: (replace(before, **changes), ()))
    text = (await site.get(HERE)).text
    assert [one for one in texts if one not in text] == []


def test_without_failures_nothing_follows() -> None:
    assert what_follows(Schedule("acme", cron="0 6 * * *"), ScheduleSettings()) == ""


def test_times_are_in_words() -> None:
    assert [span(one) for one in (86_400, 3600, 5400, 90, 1)] == ["day", "hour", "90 minutes", "90 seconds", "1 second"]
    assert ahead(datetime.now(UTC) + timedelta(minutes=25, seconds=30)) == "in 25 minutes"
    assert ahead(datetime.now(UTC) + timedelta(hours=1, minutes=59)) == "in 2 hours"
    assert ahead(datetime.now(UTC) + timedelta(minutes=59, seconds=50)) == "in 1 hour"
    assert ahead(datetime.now(UTC) - timedelta(minutes=1)) == "now"


async def test_a_run_that_was_incomplete_is_not_called_failed(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.script("403x999:/groups")
    await ran(site)
    text = (await site.get(HERE)).text
    assert "The last run was incomplete. Nothing is tried again by itself: there is no schedule." in text
    assert "The last run has failed" not in text


# ---- what an operator does


@pytest.mark.parametrize(("how", "extent"), [("full", False), ("delta", True), ("plan", False)])
async def test_a_run_is_started_as_it_was_asked_for(web: StartWeb, how: str, extent: bool) -> None:
    site = await web(scanned=True)
    site.place.tenant.hire()
    answer = await ran(site, how=how)
    assert (answer.status, answer.location) == (303, f"{HERE}?done=started")
    last = (await site.host.history("acme", 1))[0]
    assert last.extent is not None
    assert last.extent.delta is extent
    assert (await site.host.held("acme") is not None) is (how == "plan")
    # It has ended meanwhile, so that it has started is said no more.
    assert "The run has started." not in (await site.get(answer.location)).text


async def test_a_run_of_an_unknown_sort_is_refused_on_the_page(web: StartWeb) -> None:
    site = await web(scanned=True)
    answer = await site.post(f"{HERE}/run", {"how": "twice"})
    assert answer.status == 422
    assert "There is no run of the sort 'twice'." in answer.text
    assert "Last complete reading" in answer.text


async def test_where_another_process_is_at_work_the_page_says_so(web: StartWeb) -> None:
    site = await web(scanned=True)
    async with site.place.host.store.locks.hold("acme"):
        answer = await site.post(f"{HERE}/run")
    assert answer.status == 409
    assert "acme is being run or changed by another process. Wait until it has ended." in answer.text
    assert "Last complete reading" in answer.text


async def test_a_run_is_cancelled_and_that_is_no_failure(web: StartWeb) -> None:
    site = await web(people=400, connected=True)
    site.place.simulator.latency = 0.3
    await site.post(f"{HERE}/run")
    page = await site.get(f"{HERE}?done=started")
    assert "The run has started." in page.parts
    assert "running" in page.parts
    assert "Cancel" in page.parts
    assert "Run now" not in page.parts
    assert (await site.post(f"{HERE}/cancel")).location == f"{HERE}?done=cancelled"
    async with asyncio.timeout(10):
        while "running" in (page := await site.get(HERE)).parts:  # noqa: ASYNC110 - a page has no event
            await asyncio.sleep(0.02)
    assert "The run was cancelled. The next run resumes or starts over." in page.text
    assert page.text.count("resumes") == 1
    assert "failed" not in page.parts


async def test_a_run_that_the_provider_slows_down_before_its_first_row_says_so(web: StartWeb) -> None:
    site = await web(connected=True)
    site.place.simulator.script("429x999:/")
    await site.post(f"{HERE}/run")
    async with asyncio.timeout(10):
        while "the run waits for it" not in (page := await site.get(HERE)).text:
            assert "running" in page.parts
            await asyncio.sleep(0.1)
    assert "The connection and the permissions are being checked." not in page.text
    await site.post(f"{HERE}/cancel")


async def test_without_a_run_nothing_is_cancelled(web: StartWeb) -> None:
    site = await web(scanned=True)
    answer = await site.post(f"{HERE}/cancel")
    assert (answer.status, "No run of acme is under way here." in answer.text) == (409, True)


async def test_fields_that_came_empty_are_accepted_on_the_page(web: StartWeb) -> None:
    site = await web(scanned=True)
    for person in site.place.tenant.people:
        person.title = ""
    await site.host.run("acme")
    page = await site.get(HERE)
    assert 'name="accept" value="job_title"' in page.html
    assert "run again with the fields accepted." in page.text
    await ran(site, accept="job_title")
    assert 'name="accept"' not in (await site.get(HERE)).html


async def test_a_schedule_is_set_paused_resumed_and_taken_away(web: StartWeb) -> None:
    site = await web(scanned=True)
    assert (await site.post(f"{HERE}/schedule", {"cron": "0 6 * * *", "delta": "on"})).location.endswith("scheduled")
    page = await site.get(HERE)
    assert "Every day at 06:00, changes only" in page.text
    assert re.search(r"Next run in \d+ (hour|minute)s?", page.text)
    await site.post(f"{HERE}/pause")
    assert "Next run none while paused, by administrator just now" in (await site.get(HERE)).text
    await site.post(f"{HERE}/resume")
    assert "Pause" in (await site.get(HERE)).parts
    assert (await site.post(f"{HERE}/schedule", {"cron": " "})).location == f"{HERE}?done=unscheduled"
    assert "Next run only when it is started" in (await site.get(HERE)).text


async def test_the_schedule_form_tells_the_next_five_times_in_words(web: StartWeb) -> None:
    site = await web(connected=True)
    assert "Nothing runs by itself." in (await site.get(f"{HERE}/schedule")).text
    await site.post(f"{HERE}/schedule", {"cron": "30 6 * * 1-5"})
    form = await site.get(f"{HERE}/schedule")
    assert "On weekdays at 06:30 . The next five times:" in form.text
    assert len(re.findall(r"<li>(?:Mon|Tues|Wednes|Thurs|Fri)day, \d+ \w+ \d{4}, 06:30 UTC", form.html)) == 5


async def test_a_wrong_cron_expression_is_shown_again_with_what_is_wrong(web: StartWeb) -> None:
    site = await web(connected=True)
    answer = await site.post(f"{HERE}/schedule", {"cron": "every day", "delta": "on"})
    assert answer.status == 422
    assert "has 2 fields, and needs five" in answer.text
    assert 'value="every day"' in answer.html
    assert re.search(r'name="delta"[^>]*checked', answer.html)
    assert (await site.host.schedules.get("acme")).cron == ""


async def test_a_check_tells_what_may_be_read_and_what_to_grant(web: StartWeb) -> None:
    site = await web(connected=True)
    key = {"X-Form-Key": await site.form_key(), "HX-Request": "true"}
    part = await site.send("POST", f"{HERE}/check", key)
    assert "The credentials lead to" in part.text
    assert "<html" not in part.html
    # Without a script it is a page.
    assert "Back to acme" in (await site.post(f"{HERE}/check")).text
    site.place.tenant.token = "revoked"
    refused = await site.send("POST", f"{HERE}/check", key)
    assert refused.status == 422
    assert "Invalid access token provided." in refused.text


async def test_a_check_names_fields_as_the_other_pages_do(web: StartWeb) -> None:
    site = await web(connected=True, owner="limited")
    part = await site.send("POST", f"{HERE}/check", {"X-Form-Key": await site.form_key(), "HX-Request": "true"})
    assert "manager" in part.text
    assert "departments" in part.text
    assert "source id" not in part.text


async def test_an_integration_is_removed_once_its_name_is_typed(web: StartWeb) -> None:
    site = await web(scanned=True)
    form = await site.get(f"{HERE}/remove")
    assert "60 employees" in form.text
    wrong = await site.post(f"{HERE}/remove", {"typed": "acne"})
    assert (wrong.status, "The name was not typed as it is." in wrong.text) == (422, True)
    async with site.place.host.store.locks.hold("acme"):
        busy = await site.post(f"{HERE}/remove", {"typed": "acme"})
    assert (busy.status, "being run or changed by another process" in busy.text) == (409, True)
    gone = await site.post(f"{HERE}/remove", {"typed": "acme"})
    assert gone.location == "/settings/integrations?done=removed"
    assert await site.host.integrations() == []


@pytest.mark.parametrize("role", ["viewer", "approver"])
async def test_a_role_sees_everything_and_only_the_buttons_that_it_may_press(web: StartWeb, role: str) -> None:
    site = await web(scanned=True, role=role)
    await site.host.schedules.set("acme", "0 6 * * *")
    page = await site.get(HERE)
    buttons = {"Run now", "Run delta", "Plan only", "Pause", "Check now"}
    assert buttons & set(page.parts) == (buttons if role == "approver" else set())
    assert not {"Schedule", "Reconnect", "Remove"} & set(re.findall(r'role="button"[^>]*>([^<]+)<', page.html))
    assert "Last complete reading" in page.text
    assert "Every day at 06:00" in page.text
    assert (await site.get(f"{HERE}/schedule")).status == 403


@pytest.mark.parametrize("path", ["", "/schedule", "/plan", "/plan/effects", "/live", "/remove", "/runs/1"])
async def test_an_integration_that_does_not_exist_is_not_found(web: StartWeb, path: str) -> None:
    site = await web(connected=True)
    assert (await site.get(f"/integrations/other{path}")).status == 404


@pytest.mark.parametrize("path", ["/integrations/other", "/api/v1/integrations/other"])
async def test_neither_page_nor_document_tells_the_file_of_the_store(web: StartWeb, path: str) -> None:
    site = await web(connected=True, role="viewer")
    answer = await site.get(path)
    assert answer.status == 404
    assert "There is no integration of this name." in answer.html
    assert "sqlite" not in answer.html
    assert "--store" not in answer.html


@pytest.mark.parametrize("path", ["/run", "/cancel", "/pause", "/resume", "/check", "/remove", "/plan/apply"])
async def test_nothing_is_done_to_an_integration_that_does_not_exist(web: StartWeb, path: str) -> None:
    site = await web(connected=True)
    assert (await site.post(f"/integrations/other{path}", {"part": "all"})).status == 404


# ---- one run


async def test_a_run_shows_its_certificates_and_who_started_it(web: StartWeb) -> None:
    site = await web(connected=True)
    await ran(site)
    run = (await site.host.history("acme", 1))[0].run
    page = await site.get(f"{HERE}/runs/{run.id}")
    assert "complete" in page.parts
    assert "Rows read 60 of 60 Of this kind 60" in page.text
    assert "Creates 60 applied" in page.text
    assert "run started by administrator" in page.text
    assert (await site.get(f"{HERE}/runs/{run.id[:8]}")).status == 200


async def test_a_run_that_does_not_exist_is_not_found(web: StartWeb) -> None:
    site = await web(scanned=True)
    answer = await site.get(f"{HERE}/runs/0123")
    assert answer.status == 404
    assert f'<a href="{HERE}/history">The history of acme</a> lists the ids.' in answer.html


async def test_a_failed_run_says_why(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.tenant.token = "revoked"
    await ran(site)
    run = (await site.host.history("acme", 1))[0].run
    page = await site.get(f"{HERE}/runs/{run.id}")
    assert "failed: credentials rejected" in page.parts
    assert "The provider rejected the credentials." in page.text
    assert f'<a href="{HERE}/connect">reconnect acme</a>' in page.html

"""The audit log and the notices, on their pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import pytest
from aiohttp import web as http

from connector_core.audit import Action, acting
from connector_core.settings import NoticeSettings
from connector_core.store import Event, NewNotice
from connector_core.store.notices import Notice
from world import Answer, StartWeb, Web

AUDIT, NOTICES = "/settings/audit", "/settings/notices"
SECRET = "whsec_" + "c2VjcmV0" * 5


def actions_in(page: Answer) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*>([^<]+)</th>', page.html)


async def noted(site: Web, number: int, actor: str = "riley", action: Action = Action.PAUSED) -> None:
    with acting(actor):
        for place in range(number):
            await site.host.audit.note(action, "acme", place=place)


# ---- the audit log


async def test_the_audit_log_tells_who_did_what_and_when(web: StartWeb) -> None:
    site = await web(scanned=True)
    (run,) = await site.host.history("acme")
    page = await site.get(AUDIT)
    assert actions_in(page) == ["Signed in", "Run started", "Connected"]
    assert f'href="/integrations/acme/runs/{run.run.id}">run {run.run.id[:8]}' in page.html
    assert "delta: no" in page.text
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC administrator Signed in", page.text)


async def test_older_entries_come_page_by_page_each_once(web: StartWeb) -> None:
    site = await web(connected=True)
    await noted(site, 120)
    found: list[str] = []
    address = AUDIT
    while address:
        page = await site.get(address)
        assert ("The newest entries" in page.text) is bool(found)
        found += re.findall(r"place: (\d+)", page.text)
        link = re.search(r'href="([^"]+)"[^>]*>Show older entries', page.html)
        address = unescape(link[1]) if link else ""
    assert found == [str(one) for one in range(119, -1, -1)]


async def test_older_entries_are_appended_with_the_focus_on_the_first(web: StartWeb) -> None:
    site = await web(connected=True)
    await noted(site, 60)
    link = re.search(r'hx-get="([^"]+before=\d+)"', (await site.get(AUDIT)).html)
    assert link
    part = await site.fragment(unescape(link[1]))
    assert "<table" not in part.html
    assert part.html.count("autofocus") == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("integration=acme&action=paused", 3),
        ("actor=riley", 3),
        ("actor=rile", 0),
        ("action=resumed", 2),
        ("action=resumed&actor=riley", 0),
        ("action=nothing&actor=riley", 3),
        ("integration=beta", 0),
    ],
)
async def test_entries_are_filtered_by_integration_action_and_actor(web: StartWeb, query: str, found: int) -> None:
    site = await web(connected=True)
    await noted(site, 3)
    await noted(site, 2, "ada", Action.RESUMED)
    page = await site.get(f"{AUDIT}?{query}")
    assert len(actions_in(page)) == found
    assert ("No entry matches" in page.text) is not found


async def test_an_integration_that_was_removed_is_still_told_of(web: StartWeb) -> None:
    site = await web(connected=True)
    await site.host.remove("acme")
    page = await site.get(AUDIT)
    assert "acme removed" in page.text
    assert 'href="/integrations/acme"' not in page.html
    assert "Removed" in actions_in(await site.get(f"{AUDIT}?integration=acme"))


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "1.5"])
async def test_a_place_that_is_none_begins_with_the_newest(web: StartWeb, before: str) -> None:
    page = await (await web()).get(f"{AUDIT}?before={before}")
    assert (page.status, actions_in(page)) == (200, ["Signed in"])


@pytest.mark.parametrize("role", ["viewer", "approver"])
@pytest.mark.parametrize("path", [AUDIT, NOTICES])
async def test_only_administrators_see_records(web: StartWeb, role: str, path: str) -> None:
    site = await web(role=role)
    assert (await site.get(path)).status == 403
    assert (await site.post("/settings/notices/test")).status == 403


# ---- notices


@asynccontextmanager
async def receiver(status: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve a receiver of webhooks on this machine, whose path is a secret."""
    received: list[bytes] = []

    async def take(request: http.Request) -> http.Response:
        received.append(await request.read())
        return http.Response(status=status)

    app = http.Application()
    app.router.add_post("/secret-path", take)
    runner = http.AppRunner(app)
    await runner.setup()
    try:
        await http.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/secret-path", received
    finally:
        await runner.cleanup()


async def test_without_a_channel_the_page_says_how_to_configure_one(web: StartWeb) -> None:
    page = await (await web()).get(NOTICES)
    assert "Notices are only shown here." in page.text
    assert "Send a test notice" not in page.text
    assert "No notice yet" in page.text


async def test_each_notice_is_shown_with_its_event_and_the_state_of_its_delivery(web: StartWeb) -> None:
    site = await web(connected=True)
    notices = site.host.notices
    now = (await site.host.integrations())[0].created_at
    for event, channel in ((Event.HELD, "webhook"), (Event.FAILED, "email"), (Event.RECOVERED, "")):
        await notices_add(site, NewNotice(now, "acme", event, channel, "{}"))
    by_event: dict[str, Notice] = {one.event: one for one in await notices.recent(10)}
    await notices.tried(by_event[Event.HELD], delivered_at=now)
    await notices.tried(by_event[Event.FAILED], problem="The server answered <b>550</b>.")
    page = await site.get(NOTICES)
    assert sorted(actions_in(page)) == ["Integration recovered", "Plan held", "Run failed"]
    assert re.search(r"Plan held acme webhook delivered", page.text)
    assert re.search(r"Run failed acme e-mail given up after 1 attempt", page.text)
    assert "The server answered &lt;b&gt;550&lt;/b&gt;." in page.html
    assert re.search(r"Integration recovered acme none shown only", page.text)


async def notices_add(site: Web, notice: NewNotice) -> None:
    """Add a notice as the scheduler does: with what it tells of."""
    await site.host.store.schedules.edit("acme", lambda before: (before, (notice,)))


@pytest.mark.parametrize(("status", "said"), [(204, "the test notice was delivered"), (500, "500")])
async def test_a_test_notice_is_sent_and_its_outcome_shown(
    web: StartWeb, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", SECRET)
    async with receiver(status) as (address, received):
        site = await web(notices=NoticeSettings(webhook=address))
        page = await site.get(NOTICES)
        assert "secret-path" not in page.html
        assert address.partition("//")[2].partition("/")[0] in page.text
        sent = await site.post("/settings/notices/test")
    assert len(received) == 1
    assert re.search(rf"Webhook: .*{said}", sent.text)
    assert ('role="alert"' in sent.html) is (status == 500)
    assert "secret-path" not in sent.html

"""Schedules and notices on the command line."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from stores import connected

from connector_core import SettingsError, UnknownIntegrationError
from connector_core.audit import acting
from connector_core.host import Host
from connector_core.settings import HostSettings, Settings
from connector_core.store import Event, NewNotice
from connector_core.store.schedules import Schedule
from receivers import Mailbox, serve_mail
from world import Discover


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "discover.sqlite"
    asyncio.run(connected(path))
    (tmp_path / "plugins.toml").write_text('[schedule]\ntimezone = "Europe/Berlin"\n')
    return path


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("store")
def test_a_schedule_is_set_shown_and_taken_away(discover: Discover) -> None:
    assert discover("schedule", "acme").out == "acme has no schedule: it runs when it is told to.\n"
    done = discover("schedule", "acme", "0 6 * * 1-5", "--delta")
    assert done.code == 0
    first, *times = done.out.splitlines()
    assert first == "acme runs on weekdays at 06:00 (Europe/Berlin), reading only what has changed if possible."
    assert len(times) == 5
    assert all(" 06:00 CE" in one for one in times)
    assert discover("schedule", "acme").out == done.out
    shown = discover("schedule", "acme", "--json").json()
    assert (shown["cron"], shown["words"], shown["delta"], shown["timezone"]) == (
        "0 6 * * 1-5",
        "on weekdays at 06:00",
        True,
        "Europe/Berlin",
    )
    assert len(shown["times"]) == 5
    assert discover("schedule", "acme", "--off").out == "acme has no schedule: it runs when it is told to.\n"
    shown = discover("schedule", "acme", "--json").json()
    assert (shown["cron"], shown["words"], shown["next_at"], shown["times"]) == (None, None, None, [])


@pytest.mark.usefixtures("store")
def test_a_paused_integration_says_so_until_it_is_resumed(discover: Discover) -> None:
    discover("schedule", "acme", "*/30 * * * *")
    first, paused = discover("pause", "acme").out.splitlines()
    assert first == "acme runs every 30 minutes (Europe/Berlin)."
    assert re.fullmatch(r"It is paused since .+: no run starts by itself until it is resumed\.", paused)
    shown = discover("schedule", "acme", "--json").json()
    assert (shown["next_at"], shown["times"]) == (None, [])
    (one,) = discover("integrations", "--json").json()["integrations"]
    assert one["schedule"]["words"] == "every 30 minutes"
    assert one["schedule"]["paused_at"]
    assert "every 30 minutes paused" in words(discover("integrations").out)
    assert "paused" not in discover("resume", "acme").out
    shown = discover("schedule", "acme", "--json").json()
    assert (bool(shown["next_at"]), len(shown["times"])) == (True, 5)


def test_the_list_of_integrations_shows_failures_and_quarantine(store: Path, discover: Discover) -> None:
    assert "Schedule" not in discover("integrations").out
    discover("schedule", "acme", "0 6 * * *")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(
            "UPDATE schedules SET failures = 6, problem = 'No answer.', retry_at = '2126-03-04T06:00:00+00:00'"
        )
    assert "every day at 06:00 6 failures in a row" in words(discover("integrations").out)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE schedules SET quarantined_at = '2026-03-04T06:00:00+00:00'")
    assert "every day at 06:00 quarantined (6 failures)" in words(discover("integrations").out)
    said = discover("schedule", "acme").out
    assert "Failed 6 times in a row. The last time: No answer.\n" in said
    assert "It is quarantined since 2026-03-04 06:00 UTC, until a run succeeds.\n" in said
    assert said.endswith(
        "Next run: 2126-03-04 06:00 UTC, in place of its times, which hold again once a run succeeds.\n"
    )
    assert discover("schedule", "acme", "--json").json()["times"] == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("acme", "61 * * * *"), "the minute '61' is not valid. Write minute, hour, day of the month"),
        (("acme", ""), "The cron expression '' has 0 fields, and needs five."),
        (
            ("acme", "--delta"),
            'needs a cron expression. Such as: discover schedule acme "*/30 * * * *" --delta',
        ),
        (("acme", "0 6 * * *", "--off"), "--off takes the schedule away, so it goes with nothing else."),
        (("other", "0 6 * * *"), "There is no integration named other"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(discover: Discover, arguments: tuple[str, ...], problem: str) -> None:
    done = discover("schedule", *arguments)
    assert done.code == 2
    assert problem in words(done.err)
    assert discover("schedule", "acme", "--json").json()["cron"] is None


@pytest.mark.parametrize("command", ["pause", "resume", "schedule"])
def test_a_store_that_does_not_exist_is_not_made_by_a_schedule(
    discover: Discover, tmp_path: Path, command: str
) -> None:
    assert discover(command, "acme").code == 2
    assert not list(tmp_path.glob("*.sqlite*"))


async def test_a_schedule_goes_with_its_integration(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    async with Host(Settings(host=HostSettings(store=store))) as host:
        await host.schedules.set("acme", "0 6 * * *")
        content = json.dumps({"data": {"message": "acme: the run failed."}})
        notice = NewNotice((await host.integrations())[0].created_at, "acme", Event.FAILED, "", content)
        await host.store.schedules.edit("acme", lambda before: (before, [notice]))
        assert [one.cron for one in await host.schedules.all()] == ["0 6 * * *"]
        assert [one.state for one in await host.notices.recent()] == ["shown only"]
        await host.remove("acme")
        assert (await host.schedules.all(), await host.notices.recent()) == ([], [])
        with pytest.raises(UnknownIntegrationError):
            await host.schedules.pause("acme")
        assert await host.store.schedules.edit("acme", lambda before: (before, [notice])) is None
        assert await host.notices.recent() == []


async def test_who_paused_resumed_and_scheduled_is_told_by_the_audit_log_once(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    async with Host(Settings(host=HostSettings(store=store))) as host:
        with acting("kim"):
            first = await host.schedules.pause("acme")
        with acting("lee"):
            assert await host.schedules.pause("acme") == first
        assert first.paused_by == "kim"
        resumed = await host.schedules.resume("acme")
        assert (resumed.paused_at, resumed.paused_by) == (None, "")
        with pytest.raises(SettingsError):
            await host.schedules.set("acme", "nonsense")
        assert await host.schedules.get("acme") == Schedule("acme")
        assert await host.schedules.resume("acme") == resumed
        with acting("lee"):
            await host.schedules.set("acme", "0 6 * * *", delta=True)
        told = [(one.actor, one.action, dict(one.details)) for one in await host.audit.entries("acme", limit=3)]
    assert told == [
        ("lee", "scheduled", {"cron": "0 6 * * *", "delta": True}),
        ("local", "resumed", {}),
        ("kim", "paused", {}),
    ]


# ---- notices


def test_the_notices_are_listed_with_their_delivery(store: Path, discover: Discover) -> None:
    assert discover("notices").out.startswith(f"There is no notice in the store {store}.")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.executemany(
            "INSERT INTO notices (id, at, integration, event, channel, payload, tries, next_at, delivered_at, problem) "
            "VALUES (?, '2026-03-04T06:00:00+00:00', 'acme', 'run.failed', ?, ?, ?, ?, ?, ?)",
            [
                (name, channel, '{"data": {"message": "acme: the run failed."}}', tries, next_at, delivered_at, problem)
                for name, channel, tries, next_at, delivered_at, problem in (
                    ("msg_1", "webhook", 1, None, "2026-03-04T06:00:01+00:00", ""),
                    ("msg_2", "email", 2, "2026-03-04T06:00:30+00:00", None, "The mail server refused the mail."),
                    ("msg_3", "webhook", 10, None, None, "hooks.example answered 500."),
                    ("msg_4", "", 0, None, None, ""),
                )
            ],
        )
    said = discover("notices").out
    assert said.count("acme: the run failed.") == 4
    for state in ("delivered", "waiting", "given up", "shown only", "hooks.example answered 500."):
        assert state in said
    listed = discover("notices", "--limit", "2", "--json").json()["notices"]
    assert [(one["id"], one["state"], one["channel"]) for one in listed] == [
        ("msg_4", "shown only", None),
        ("msg_3", "given up", "webhook"),
    ]


@pytest.mark.usefixtures("store")
def test_a_test_notice_is_sent_by_each_channel_and_the_outcome_told(
    discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    done = discover("notices", "--test")
    assert done.code == 2
    assert "The settings name no channel for notices." in done.err
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    mailbox = Mailbox()
    with serve_mail(mailbox, authority, "starttls") as port:
        email = (
            f'[notices.email]\nserver = "127.0.0.1:{port}"\nsender = "discover@acme.example"\n'
            'recipients = ["ops@acme.example"]\n'
        )
        (tmp_path / "plugins.toml").write_text(email)
        done = discover("notices", "--test")
        assert (done.code, done.out) == (0, "email: delivered\n")
        webhook = f'[notices]\nwebhook = "https://127.0.0.1:{unused_tcp_port}/in"\n'
        (tmp_path / "plugins.toml").write_text(webhook + email)
        sent = discover("notices", "--test", "--json")
    assert sent.code == 1
    assert sent.json()["sent"]["email"] == {"ok": True, "problem": None}
    assert "cannot be reached" in sent.json()["sent"]["webhook"]["problem"]
    first, _ = mailbox.mails
    assert isinstance(first.content, bytes)
    assert b"Subject: [discover] This is a test notice\r\n" in first.content
    assert "There is no notice" in discover("notices").out

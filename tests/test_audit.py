"""The audit log: who did what, in the transaction of what was done, and nothing of anybody's data."""

import asyncio
import os
import pwd
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from connector_core import StoreError
from connector_core.audit import Action, acting
from connector_core.cli.user import user_name
from connector_core.host import Host
from connector_core.settings import RetentionSettings
from connector_core.store import Selection
from world import Discover, Place, Running, Start, copied_settings

ROWS = "SELECT action, actor, integration, run_id, details FROM audit ORDER BY n"


async def actions(host: Host, name: str | None = None) -> list[Action]:
    """The actions, the oldest first."""
    return [one.action for one in reversed(await host.audit.entries(name))]


async def details(host: Host) -> Mapping[str, Any]:
    return (await host.audit.entries(limit=1))[0].details


async def live(place: Place) -> None:
    """Do everything with one integration that the log tells of."""
    host, tenant = place.host, place.tenant
    host.settings = copied_settings(place.settings, retention=RetentionSettings(undo=7))
    await place.connect()
    await place.run()
    await place.connect()
    await place.connect_with_new_token()
    for one in tenant.people[3:6]:
        one.title = "Keeper of the Keys"
        tenant._touch(one)
    tenant.delete(tenant.people[-1])
    await place.run(apply=False)
    await host.apply("acme", only=Selection(rows=frozenset({("Employee", tenant.people[3].id)})))
    await host.discard("acme", only=Selection(rows=frozenset({("Employee", tenant.people[4].id)})))
    await host.apply("acme")
    await host.undo("acme")
    await place.run(delta=True)
    await host.rotate_secrets()
    await host.audit.note(Action.SIGNED_IN, method="token")
    await host.remove("acme")


async def test_every_action_is_noted_with_its_actor_its_run_and_its_numbers(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely()
    with acting("ada"):
        await live(place)
    entries = (await place.host.audit.entries())[::-1]
    assert {one.actor for one in entries} == {"ada"}
    found = [(one.action, dict(one.details)) for one in entries]
    assert found == [
        (Action.CONNECTED, {"connector": "namely"}),
        (Action.RUN_STARTED, {"delta": False, "apply": True}),
        (Action.RECONNECTED, {"connector": "namely", "new_credentials": False, "other_tenant": False}),
        (Action.RECONNECTED, {"connector": "namely", "new_credentials": True, "other_tenant": False}),
        (Action.RUN_STARTED, {"delta": False, "apply": False}),
        (Action.PLAN_APPLIED, {"applied": 1, "stale": 0, "held": 3}),
        (Action.PLAN_DISCARDED, {"discarded": 1, "held": 2}),
        (Action.PLAN_APPLIED, {"applied": 2, "stale": 0, "held": 0}),
        (Action.UNDONE, {"put_back": 2, "stale": 0}),
        (Action.RUN_STARTED, {"delta": True, "apply": True}),
        (Action.SECRETS_ROTATED, {"integrations": 1}),
        (Action.SIGNED_IN, {"method": "token"}),
        (Action.REMOVED, {}),
    ]
    first, second = (one.run_id for one in entries if one.action is Action.RUN_STARTED and not one.details["delta"])
    assert first
    assert [one.run_id for one in entries[5:9]] == [second] * 4
    of_second = await place.host.audit.entries("acme", run_id=second)
    assert of_second == [one for one in reversed(entries) if one.run_id == second]
    assert len(of_second) == 5
    assert {one.integration for one in entries if one.action not in {Action.SECRETS_ROTATED, Action.SIGNED_IN}} == {
        "acme"
    }
    numbers = [one.number for one in entries]
    assert numbers == sorted(numbers)


async def test_no_value_of_a_person_and_no_secret_is_in_the_log(namely: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely()
    tokens = [place.tenant.token, f"{place.tenant.token}-again"]
    people = [value for one in place.tenant.people for value in (one.id, one.last_name, one.email)]
    await live(place)
    log = str(place.query(ROWS))
    assert "plan_applied" in log
    assert [one for one in (*tokens, *people) if one and one in log] == []


async def test_entries_are_listed_the_newest_first_by_integration_and_page_by_page(namely: Start) -> None:
    place = await namely(connected=True)
    for number in range(5):
        await place.host.audit.note(Action.PREVIEWED, f"n{number % 2}", number=number)
    newest = await place.host.audit.entries(limit=2)
    assert [one.details["number"] for one in newest] == [4, 3]
    older = await place.host.audit.entries(before=newest[-1].number, limit=2)
    assert [one.details["number"] for one in older] == [2, 1]
    assert [one.details["number"] for one in await place.host.audit.entries("n1")] == [3, 1]
    assert [one.details["number"] for one in await place.host.audit.entries("n1", before=older[0].number)] == [1]
    assert await place.host.audit.entries("nobody") == []


async def test_each_task_acts_as_its_own_user_and_without_one_it_is_local(namely: Start) -> None:
    place = await namely(connected=True)

    async def note(user: str) -> None:
        with acting(user):
            for _ in range(5):
                await place.host.audit.note(Action.PREVIEWED, user)
                await asyncio.sleep(0)

    await asyncio.gather(*[note(one) for one in ("ada", "bea", "cleo")])
    await place.host.audit.note(Action.PREVIEWED, "local")
    found = [(one.actor, one.integration) for one in await place.host.audit.entries(limit=16)]
    assert all(actor == integration for actor, integration in found)
    assert {actor for actor, _ in found} == {"ada", "bea", "cleo", "local"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else'",
        "DELETE FROM audit",
        "REPLACE INTO audit (n, at, actor, action, details) SELECT n, at, 'somebody else', action, details FROM audit",
    ],
)
async def test_the_log_is_only_ever_added_to(namely: Start, statement: str) -> None:
    place = await namely(connected=True)
    before = place.query(ROWS)
    assert before
    with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        place.execute(statement)
    assert place.query(ROWS) == before


Do = Callable[[Place], Awaitable[object]]


async def start_run(place: Place) -> None:
    await place.run()


async def connect_anew(place: Place) -> None:
    await place.connect_with_new_token()


CHANGES: Mapping[str, tuple[Do, str]] = {
    "connect": (connect_anew, "UPDATE ON integrations"),
    "run": (start_run, "INSERT ON readings"),
    "apply": (lambda place: place.host.apply("acme"), "INSERT ON entities"),
    "discard": (lambda place: place.host.discard("acme"), "UPDATE ON changes"),
    "undo": (lambda place: place.host.undo("acme"), "DELETE ON applications"),
    "rotate": (lambda place: place.host.rotate_secrets(), "UPDATE ON integrations"),
    "remove": (lambda place: place.host.store.integrations.remove("acme"), "INSERT ON erasures"),
}
STATE = (
    "SELECT (SELECT group_concat(secrets) FROM integrations), (SELECT count(*) FROM runs), "
    "(SELECT group_concat(state) FROM changes), (SELECT count(*) FROM entities), (SELECT count(*) FROM audit)"
)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_entry_and_its_change_exist_together_or_not_at_all(
    namely: Start, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely()
    place.host.settings = copied_settings(place.settings, retention=RetentionSettings(undo=7))
    await place.connect()
    await place.run("employees")
    await place.run("departments", apply=False)
    before = place.query(STATE)
    do, write = CHANGES[change]
    # Neither the change without its entry, nor the entry without its change.
    for refused in ("INSERT ON audit", write):
        with place.failing(refused), pytest.raises(StoreError, match="refused"):
            await do(place)
        assert place.query(STATE) == before
    await do(place)
    after = place.query(STATE)
    assert after != before
    assert after[0][-1] == before[0][-1] + 1


async def test_a_removed_integration_stays_in_the_log_by_its_name_only(namely: Start) -> None:
    place = await namely(scanned=True)
    await place.host.remove("acme")
    assert (await actions(place.host, "acme"))[-1] is Action.REMOVED
    assert await place.host.integrations() == []
    await place.connect()
    assert (await actions(place.host, "acme"))[-1] is Action.CONNECTED


# ---- on the command line


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_command_lists_what_the_user_of_this_process_did(acme: Running, discover: Discover) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    assert user_name() == user
    assert discover("audit").out == "The audit log is empty.\n"
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    assert discover("connect", "namely", "--name", "beta", "--domain", acme.host).code == 0
    run = discover("run", "acme", "--plan", "--json").json()["run"]
    assert discover("apply", "acme", "--only", "employees", "--yes").code == 0
    assert discover("remove", "beta", "--yes").code == 0
    said = discover("audit", "acme")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split() == ["When", "Who", "What", "Integration", "Run", "Details"]
    assert f"{user} plan applied acme {run[:8]} applied: 60" in words(said.out)
    assert "delta: no" in said.out
    assert "beta" not in said.out
    newest = discover("audit", "--json", "--limit", "1").json()["entries"]
    assert [(one["actor"], one["action"], one["integration"], one["run"]) for one in newest] == [
        (user, "removed", "beta", None)
    ]
    assert len(discover("audit", "--json").json()["entries"]) == 5
    assert "removed" in discover("audit", "beta").out
    done = discover("audit", "acmee")
    assert (done.code, "no integration named acmee" in done.err, "acme" in done.err) == (2, True, True)

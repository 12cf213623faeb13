"""How integrations stand: the age of the last complete reading, cause and remedy, by a few look-ups."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builders import person
from connector_core import Account, ConnectorCoreError, RejectedCredentialsError, SettingsError, Standing
from connector_core.failures import FAILURES, failure_of
from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.status import IntegrationStatus, KindStatus, statuses
from connector_core.store import Store, schema
from connector_core.store.planned import Hold
from connector_core.testing import Faults
from planted.example import Example
from run_steps import RunSteps
from world import Discover, Place, Running, Start

SCANS = re.compile(r"SCAN (bodies|entities|changes|runs|certificates|last_readings|revisions|[a-z])\b")


def kinds_of(status: IntegrationStatus) -> dict[str, KindStatus]:
    return {one.kind: one for one in status.kinds}


async def people_of(place: Place) -> KindStatus:
    return kinds_of(await place.host.status("acme"))["Employee"]


# ---- one integration


@pytest.mark.jumping
async def test_before_the_first_run_every_declared_kind_is_listed_and_nothing_is_known_of_it(namely: Start) -> None:
    place = await namely(connected=True)
    status = await place.host.status("acme")
    assert [one.kind for one in status.kinds] == ["Employee", "Department"]
    for one in status.kinds:
        assert (one.standing, one.read_at, one.last_complete_at, one.stored, one.held) == (None, None, None, 0, 0)
        assert (one.cause, one.remedy, one.good) == ("", "", False)
    assert (status.last_run, status.held, status.is_running, status.good) == (None, None, False, False)


@pytest.mark.jumping
async def test_after_a_complete_run_it_is_known_since_when(namely: Start) -> None:
    place = await namely(connected=True)
    report = await place.run()
    status = await place.host.status("acme")
    people = kinds_of(status)["Employee"]
    assert people.certificate == report["Employee"].certificate
    assert people.standing is Standing.COMPLETE
    assert people.stored == len(await place.people())
    moment = report.run.started_at
    for found in (people.read_at, people.last_complete_at):
        assert found
        assert abs(found - moment) < timedelta(seconds=1)
    assert status.last_run
    assert (status.last_run.run.id, status.cause, status.good) == (report.run.id, "", True)


@pytest.mark.jumping
async def test_an_incomplete_reading_leaves_the_age_of_the_last_complete_one_and_says_why(namely: Start) -> None:
    place = await namely(scanned=True)
    before = await people_of(place)
    place.simulator.faults = Faults("500@2x99:/profiles")
    await place.run()
    after = await people_of(place)
    assert after.standing is Standing.INCOMPLETE
    assert after.last_complete_at == before.last_complete_at
    assert after.read_at is not None
    assert before.read_at is not None
    assert after.read_at > before.read_at
    assert "GET /" in after.cause
    assert after.remedy.endswith(".")
    assert not (await place.host.status("acme")).good
    # What is older than the runs that are kept is still known.
    place.execute("DELETE FROM runs WHERE n = 1")
    assert (await people_of(place)).last_complete_at == before.last_complete_at


@pytest.mark.jumping
async def test_a_run_that_failed_gives_its_error_and_what_to_do(namely: Start) -> None:
    place = await namely(scanned=True)
    place.tenant.token = "revoked"
    with pytest.raises(RejectedCredentialsError):
        await place.run()
    status = await place.host.status("acme")
    assert status.cause == "The provider rejected the credentials"
    assert status.remedy == "Connect again with new ones: discover connect namely --name acme"
    people = kinds_of(status)["Employee"]
    # What was read before is still what is known.
    assert (people.standing, people.cause, people.good) == (Standing.COMPLETE, status.cause, False)


@pytest.mark.jumping
async def test_changes_that_wait_are_counted_by_kind(namely: Start) -> None:
    place = await namely(scanned=True)
    for one in place.tenant.people[3:6]:
        one.title = "Chronicler"
        place.tenant._touch(one)
    report = await place.run(apply=False)
    status = await place.host.status("acme")
    kinds = kinds_of(status)
    assert status.held == await place.host.held("acme")
    assert (kinds["Employee"].held, kinds["Department"].held) == (report["Employee"].plan.held, 0)
    assert kinds["Employee"].cause == "3 changes wait for a decision"
    assert "discover apply acme" in kinds["Employee"].remedy
    await place.host.apply("acme")
    assert (await people_of(place)).cause == ""


@pytest.mark.jumping
async def test_values_that_are_not_believed_are_named(namely: Start) -> None:
    place = await namely(scanned=True)
    for one in place.tenant.people:
        one.title = ""
    await place.run()
    people = await people_of(place)
    assert people.standing is Standing.COMPLETE
    assert "came empty where values are stored" in people.cause
    assert "job_title" in people.cause
    assert "--accept" in people.remedy


@pytest.mark.jumping
async def test_while_it_runs_it_says_so(namely: Start) -> None:
    place = await namely(connected=True)
    seen = list[bool]()

    async def look() -> None:
        async with Host(place.settings) as other:
            seen.append((await other.status("acme")).is_running)

    tasks = list[asyncio.Task[None]]()
    await place.run(progress=lambda _: tasks.append(asyncio.create_task(look())) if not tasks else None)
    await asyncio.gather(*tasks)
    assert seen == [True]
    assert not (await place.host.status("acme")).is_running


@pytest.mark.jumping
async def test_stored_rows_are_known_without_counting_them(namely: Start) -> None:
    place = await namely(scanned=True)
    heard = list[str]()
    database = place.host.store._database
    await database.read(lambda cursor: cursor.connection.set_trace_callback(heard.append))
    await place.host.statuses()
    assert heard
    assert [one for one in heard if "FROM entities" in one] == []
    place.tenant.hire()
    await place.run()
    assert (await people_of(place)).stored == len(await place.people()) == 61
    # A store of an earlier version has no head-counts.
    place.execute("DELETE FROM headcounts")
    assert (await people_of(place)).stored == 61


# ---- many integrations


async def many(steps: RunSteps, number: int) -> None:
    for n in range(number):
        await steps.store.integrations.save(f"n{n:04}", "example", {}, b"", Account("One", "1"))
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    with closing(sqlite3.connect(steps.path)) as connection, connection:
        connection.execute(
            "INSERT INTO runs (id, integration, connector, product, kinds, started_at, finished_at, error) "
            f"SELECT 'run-' || name || value, name, 'example', '', 'Employee', '{moment}', '{moment}', 'store' "
            "FROM integrations, json_each('[1, 2, 3]') WHERE name <> 'acme'"
        )


async def test_each_integration_has_its_own_state(steps: RunSteps) -> None:
    await many(steps, 250)
    found = await statuses(steps.store, registry_of(Example), await steps.store.integrations.all())
    assert [one.name for one in found] == ["acme", *[f"n{n:04}" for n in range(250)]]
    assert found[0].last_run is None
    assert {one.last_run.run.id for one in found if one.last_run} == {f"run-n{n:04}3" for n in range(250)}
    assert {one.cause for one in found[1:]} == {"The store failed"}


async def test_no_look_up_goes_through_a_whole_table(steps: RunSteps) -> None:
    heard = list[str]()
    run, reading = await steps.read(person("1"))
    await steps.plan(run, reading, hold=Hold.EVERYTHING)
    await steps.finish(run)
    await steps.store._database.read(lambda cursor: cursor.connection.set_trace_callback(heard.append))
    assert (await steps.store.statuses.find(["acme", "beta"]))["acme"].waiting
    await steps.store.snapshots.revision("acme")
    await steps.store.runs.beginning_with("acme", "ab")
    selects = [one for one in heard if one.startswith("SELECT")]
    assert len(selects) >= 10

    def scans() -> Iterator[str]:
        with closing(sqlite3.connect(steps.path, cached_statements=0)) as connection:
            for select in selects:
                for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {select}"):
                    # ``j`` is the list of names, ``h`` and ``c`` what was counted by run.
                    if (found := SCANS.match(detail)) and found[1] not in {"j", "h", "c"}:
                        yield f"{detail}: {select}"

    assert list(scans()) == []
    # The question is sharp enough to notice a column without an index.
    selects.append("SELECT n FROM entities WHERE run_id = 'run'")
    assert len(list(scans())) == 1


# ---- runs


@pytest.mark.jumping
async def test_a_run_is_found_by_the_beginning_of_its_id(namely: Start) -> None:
    place = await namely(scanned=True)
    report = await place.run()
    for beginning in (report.run.id, report.run.id[:8]):
        assert (await place.host.run_summary("acme", beginning)).run.id == report.run.id
    for unknown in ("", "zz", f"{report.run.id}0", "%"):
        with pytest.raises(SettingsError, match="No run of acme has an id that begins with"):
            await place.host.run_summary("acme", unknown)
    place.execute("UPDATE runs SET id = 'ab' || n")
    with pytest.raises(SettingsError, match="Several runs of acme have"):
        await place.host.run_summary("acme", "ab")


@pytest.mark.jumping
async def test_the_changes_of_one_person_are_listed_the_newest_first(namely: Start) -> None:
    place = await namely(scanned=True)
    one = place.tenant.people[3]
    one.title = "Chronicler"
    place.tenant._touch(one)
    applied = await place.run()
    one.title = "Keeper of the Keys"
    place.tenant._touch(one)
    waiting = await place.run(apply=False)
    kind = await place.host.kind("acme", "employees")
    newest, update, create = await place.host.entity_history("acme", kind, one.id)
    assert (newest.run_id, newest.operation, newest.state, newest.fields) == (
        *(waiting.run.id, "update", "held"),
        ("job_title", "updated_at"),
    )
    assert (update.run_id, update.state, update.reason.code) == (applied.run.id, "applied", "changed")
    assert (create.operation, create.fields) == ("create", ())
    assert newest.at >= update.at >= create.at
    assert await place.host.entity_history("acme", kind, one.id, limit=1) == [newest]
    assert await place.host.entity_history("acme", kind, "nobody") == []


# ---- words


def codes() -> set[str]:
    found, to_do = {"interrupted", "bug"}, [ConnectorCoreError]
    while to_do:
        one = to_do.pop()
        found.add(one.code)
        to_do += one.__subclasses__()
    return found


def test_every_error_that_may_end_a_run_has_a_sentence_and_something_to_do() -> None:
    assert set(FAILURES) <= codes()
    for code in codes():
        said = failure_of(code)
        assert said.text
        assert said.action.format(integration="acme", connector="namely")
    assert failure_of("credentials_invalid") is FAILURES["credentials"]
    assert failure_of("provider_malformed") is FAILURES["provider_protocol"]
    assert failure_of("of a later version") is FAILURES["error"]


# ---- the command


def test_the_command_shows_each_kind_and_its_exit_code_tells_if_something_is_to_be_done(
    acme: Running, discover: Discover
) -> None:
    assert discover("status").code == 0
    assert "There is no integration in" in discover("status").out
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    before = discover("status", "acme")
    assert (before.code, "not read yet" in before.out, "never" in before.out) == (1, True, True)
    assert discover("run", "acme").code == 0
    after = discover("status")
    assert (after.code, "just now" in after.out, "complete" in after.out) == (0, True, True)
    (found,) = discover("status", "acme", "--json").json()["integrations"]
    assert (found["name"], found["good"], found["running"], found["last_run"]["verdict"]) == (
        *("acme", True, False),
        "complete",
    )
    people = found["kinds"][0]
    assert (people["kind"], people["standing"], people["held"], people["cause"]) == ("Employee", "complete", 0, "")
    assert people["certificate"]["kind"] == "Employee"
    assert discover("run", "acme", "--plan").code in {0, 1}
    assert discover("status", "beta").code == 2


# ---- stores of earlier versions


async def test_a_store_of_the_version_before_knows_the_last_readings_from_its_runs(steps: RunSteps) -> None:
    run = await steps.applied()
    before = await steps.store.statuses.find(["acme"])
    await steps.store.aclose()
    migrate_again(steps.path)
    async with aclosing(Store(steps.path)) as store:
        after = (await store.statuses.find(["acme"]))["acme"]
    assert after.readings == before["acme"].readings
    assert after.readings["Employee"].run_id == run.id
    assert after.readings["Employee"].complete_at


def migrate_again(path: Path) -> None:
    """Fill the table of the last readings as a migration does."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM last_readings")
        statements = schema.MIGRATIONS[2].split(";")
        (fill,) = [one for one in statements if "INSERT INTO last_readings" in one]
        connection.execute(fill)

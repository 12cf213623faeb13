"""Query plans: no look-up and no delete goes through a whole table."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from connector_core import Employee, Operation
from connector_core.host import Host
from connector_core.settings import BoundSettings, RetentionSettings
from connector_core.store import Selection
from connector_core.testing import Faults
from connectors.namely.simulator import Behaviour, Tenant
from world import Place, Start, copied_settings

pytestmark = pytest.mark.jumping

LARGE = (
    "bodies",
    "entities",
    "changes",
    "latest",
    "readings",
    "certificates",
    "checkpoints",
    "runs",
    "undoable",
    "headcounts",
    "audit",
    "last_readings",
)
_NAMED = re.compile(rf"\b({'|'.join(LARGE)})\b(?: (?:AS )?([a-z])\b)?")
_VALUE = re.compile(r"x?'(?:[^']|'')*'|\b\d+\b|NULL")


async def live(place: Place) -> None:
    """Do everything with one integration that an operator can do, from its connection to its removal."""
    host, tenant = place.host, place.tenant
    await place.connect()
    # Interrupted, resumed, applied.
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.run("employees")
    place.simulator.faults = Faults()
    await place.run()
    # A delta, and a removal with a witness.
    tenant.people[3].title = "Changed"
    tenant._touch(tenant.people[3])
    await place.run(delta=True)
    tenant.delete(tenant.people[-1])
    await place.run()
    # A listing that moves, so that rows come twice; a run that is cancelled.
    place.simulator.script("delete@3:/profiles")
    await place.run()
    place.simulator.script("")
    await place.run_cut_off(50)
    # A field that empties; a plan that is held and discarded; one that is held and applied.
    for one in tenant.people:
        one.title = ""
    await place.run()
    report = await place.run(apply=False, accept=["job_title"])
    await host.held("acme")
    assert await place.changes(report)
    assert await host.entity("acme", Employee, tenant.people[5].id)
    await host.count_changes(report.run.id)
    await decide_in_parts(host, report.run.id, tenant.people[5].id)
    tenant.delete(tenant.people[-1])
    await place.run(apply=False, accept=["job_title"])
    await host.apply("acme")
    await apply_and_undo(place)
    # Losses that are held, and withdrawn by a new token.
    for one in [one for one in tenant.people[30:90] if one.status == "active"]:
        tenant.leave(one)
    await place.run()
    await place.connect_with_new_token()
    await place.run()
    # Another company behind the same credentials.
    other = Tenant(len(tenant.people), 8, Behaviour())
    other.token = tenant.token
    place.simulator.directory = other
    await place.run()
    place.simulator.directory = tenant
    # A listing that exceeds a bound.
    host.settings = copied_settings(place.settings, bounds=BoundSettings(rows=10))
    await place.run()
    host.settings = place.settings
    # History that is too old.
    place.execute("UPDATE runs SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE n < (SELECT max(n) FROM runs)")
    await place.run()
    await place.run()
    await look_at_everything(place)
    await host.check("acme")
    await host.rotate_secrets()
    await host.remove("acme")


async def look_at_everything(place: Place) -> None:
    people, host = await place.people(), place.host
    for entities in (None, list(people.values())):
        await host.view("acme", Employee, entities)
    await host.count_entities("acme")
    await host.headcounts("acme", "Employee")
    await host.audit.entries("acme", before=100)
    (*_, first) = await host.history("acme")
    await host.run_summary("acme", first.run.id)
    await host.statuses()
    await host.directory("acme")
    await host.entity_history("acme", Employee, place.tenant.people[5].id)


async def decide_in_parts(host: Host, run_id: str, person: str) -> None:
    """Apply a part of a plan, and discard the rest."""
    await host.plan_effects("acme", run_id)
    part = Selection(frozenset({("Employee", Operation.REMOVE)}), frozenset({("Employee", person)}))
    assert [one async for one in host.changes(run_id, only=part)]
    await host.count_changes(run_id, only=part)
    await host.apply("acme", only=part)
    await host.discard("acme")


async def apply_and_undo(place: Place) -> None:
    """Put a plan back, and let what was kept of another one be too old."""
    place.host.settings = copied_settings(place.settings, retention=RetentionSettings(undo=7))
    for title in ("Chronicler", "Keeper of the Keys"):
        place.tenant.people[3].title = title
        place.tenant.delete(place.tenant.people[-1])
        place.tenant.hire()
        await place.run(accept=["job_title"])
    undoable = await place.host.undoable("acme")
    assert [one async for one in place.host.undo_changes(undoable)]
    await place.host.undo("acme")
    place.execute("UPDATE applications SET applied_at = '2020-01-01T00:00:00.000+00:00'")
    await place.run(accept=["job_title"])
    place.host.settings = place.settings


async def statements_of_a_life(place: Place) -> dict[str, str]:
    """Return every statement that is executed, by its text without values."""
    found: dict[str, str] = {}

    def hear(statement: str) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            found.setdefault(_VALUE.sub("?", statement), statement)

    database = place.host.store._database
    await database.erase()
    # Both connections: the one that writes, and the one that reads.
    for hears in (hear, None):
        for call in (database.in_turn, database.read):
            await call(lambda cursor, hears: cursor.connection.set_trace_callback(hears), hears)
        if hears:
            await live(place)
    return found


@contextmanager
def examined(place: Place) -> Iterator[sqlite3.Connection]:
    # Without a cache: a plan that is asked for again must be made again.
    with closing(sqlite3.connect(place.settings.host.store, cached_statements=0)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


def problems(connection: sqlite3.Connection, statement: str) -> Iterator[str]:
    """Yield the steps of a statement that look at every row of a large table, or at a list of rows for each row."""
    tables = {alias or table: table for table, alias in _NAMED.findall(statement)} | dict.fromkeys(LARGE, "")
    for detail in plan(connection, statement):
        scan = re.match(r"SCAN (\w+)", detail)
        if (scan and scan[1] in tables) or detail.startswith("CORRELATED LIST"):
            yield f"{detail}: {statement}"


async def test_no_statement_scans_a_large_table(namely: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely(120)
    statements = await statements_of_a_life(place)
    assert len(statements) > 60
    assert any("DELETE FROM latest WHERE reading = ? AND NOT EXISTS" in one for one in statements)
    for words in (
        "DELETE FROM integrations",
        "INSERT INTO entities",
        "'stale'",
        "DELETE FROM readings",
        "DELETE FROM runs",
    ):
        assert any(words in one for one in statements.values()), words
    with examined(place) as connection:
        # Not one statement needs every row of a table: those of other integrations and readings are never looked at.
        assert [one for statement in statements.values() for one in problems(connection, statement)] == []
        # The question is sharp enough to notice an index that is missing.
        connection.execute("DROP INDEX bodies_by_reading")
        assert any(one for statement in statements.values() for one in problems(connection, statement))


async def test_no_delete_scans_a_table_that_depends_on_it(namely: Start) -> None:
    place = await namely(connected=True)
    with examined(place) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        parents = {row[2] for table in tables for row in connection.execute(f"PRAGMA foreign_key_list({table})")}
        assert parents == {"integrations", "runs", "readings", "applications"}
        for parent in parents:
            first, *dependent = plan(connection, f"DELETE FROM {parent}")
            assert first.startswith(f"SCAN {parent}")
            assert dependent
            assert [one for one in dependent if one.startswith("SCAN")] == []
        connection.execute("DROP INDEX readings_by_run")
        assert any(one.startswith("SCAN readings") for one in plan(connection, "DELETE FROM runs"))

"""A part of a plan, decided on the command line and through the host: it is shown, and exactly it is applied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_core import Operation, PlanChangedError
from connector_core.outcomes import State
from connector_core.store import Selection
from connectors.namely.simulator import Tenant
from terminal import Terminal
from world import Discover, Start, tenant_of_its_own


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover) -> Iterator[Tenant]:
    """A tenant whose plan waits: three removals, one update, one create, and a department that is renamed."""
    with tenant_of_its_own(tmp_path, monkeypatch, discover, extra="[host.retention]\nundo = 7\n") as tenant:
        yield tenant


@pytest.fixture
def waiting(tenant: Tenant, discover: Discover) -> Tenant:
    tenant.people[3].title = "Keeper of the Keys"
    tenant._touch(tenant.people[3])
    for _ in range(3):
        tenant.delete(tenant.people[-1])
    tenant.hire()
    tenant.rename(tenant.departments()[0], "Renamed")
    assert discover("run", "acme", "--plan").code == 1
    return tenant


def states(discover: Discover) -> dict[str, int]:
    changes = discover("history", "acme", "--limit", "1", "--json").json()["runs"][0]["changes"]
    assert isinstance(changes, dict)
    return changes


@pytest.mark.usefixtures("waiting")
def test_the_part_that_is_shown_is_the_part_that_is_applied(discover: Discover) -> None:
    assert states(discover) == {"create held": 1, "update held": 2, "remove held": 3}
    shown = discover("apply", "acme", "--only", "removals")
    assert shown.code == 2
    assert "Apply 3 changes of 6? There is no terminal" in shown.err
    assert shown.out.count("\n-  ") == 3
    assert "Keeper" not in shown.out
    done = discover("apply", "acme", "--only", "removals", "--yes")
    assert done.code == 0
    assert "3 changes applied.\n3 changes still held.\nIt can be put back for 7 days" in done.out
    assert states(discover) == {"create held": 1, "update held": 2, "remove applied": 3}
    (one,) = discover("integrations", "--json").json()["integrations"]
    assert (one["verdict"], one["waiting"]["changes"]) == ("plan waiting", 3)
    done = discover("apply", "acme", "--only", "departments", "--yes", "--json")
    assert done.json() == {"integration": "acme", "applied": 1, "stale": 0, "held": 2}
    assert "2 changes applied.\n" in discover("apply", "acme", "--yes").out
    assert states(discover) == {"create applied": 1, "update applied": 2, "remove applied": 3}


def test_a_kind_and_an_operation_and_single_rows_are_chosen_together(waiting: Tenant, discover: Discover) -> None:
    changed = waiting.people[3].id
    done = discover("apply", "acme", "--only", "Employee:creates", "--id", changed, "--id", changed, "--yes", "--json")
    assert done.json() == {"integration": "acme", "applied": 2, "stale": 0, "held": 4}
    assert states(discover) == {"create applied": 1, "update applied": 1, "update held": 1, "remove held": 3}


@pytest.mark.usefixtures("waiting")
def test_a_part_is_discarded(discover: Discover) -> None:
    done = discover("discard", "acme", "--only", "employees:removals", "--yes")
    assert done.out.endswith("3 changes discarded.\n3 changes still held.\n")
    assert states(discover) == {"create held": 1, "update held": 2, "remove discarded": 3}
    done = discover("discard", "acme", "--only", "updates", "--only", "creates", "--yes", "--json")
    assert done.json() == {"integration": "acme", "discarded": 3, "held": 0}
    assert discover("apply", "acme", "--yes").code == 2


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--only", "departments:removals"), "has no change that --only departments:removals names"),
        (("--only", "employees:losses"), "is not of a form such as removals, employees or employees:removals"),
        (("--only", "emploees"), "--only emploees names neither creates, updates, removals nor a kind: "),
        (("--only", "removal"), "--only removal names neither creates, updates, removals nor a kind: "),
        (("--only", "emploees"), "employees"),
        (("--id", "0000"), "has no change of a row with such an id"),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_what_chooses_nothing_is_an_error(discover: Discover, flags: tuple[str, ...], why: str) -> None:
    before = states(discover)
    done = discover("apply", "acme", *flags)
    assert done.code == 2
    assert why in done.err
    assert "0000" not in done.err
    assert states(discover) == before


@pytest.mark.usefixtures("waiting")
def test_a_part_that_was_applied_is_put_back_alone(discover: Discover) -> None:
    def people() -> list[dict[str, object]]:
        return list(discover("entities", "acme", "employees", "--json").json()["entities"])

    before = people()
    assert discover("apply", "acme", "--only", "removals", "--yes").code == 0
    between = people()
    assert discover("apply", "acme", "--only", "updates", "--yes").code == 0
    assert "2 rows put back" in discover("undo", "acme", "--yes").out
    assert people() == between
    # The rest of the run's plan is put back when asked for, as ever.
    refused = discover("undo", "acme", "--yes")
    assert (refused.code, "is put back only when you are asked" in " ".join(refused.err.split())) == (2, True)
    terminal = Terminal("undo", "acme")
    terminal.wait_for("Put back 3 rows")
    terminal.type("yes\n")
    assert terminal.end() == 0
    assert people() == before
    assert states(discover) == {"create held": 1, "update undone": 2, "remove undone": 3}
    assert "1 change applied." in discover("apply", "acme", "--yes").out


@pytest.mark.usefixtures("waiting")
def test_a_plan_that_changes_while_the_question_is_asked_is_not_applied(discover: Discover) -> None:
    terminal = Terminal("apply", "acme", "--only", "removals")
    terminal.wait_for("Apply 3 changes of 6?")
    assert discover("discard", "acme", "--only", "updates", "--yes").code == 0
    terminal.type("yes\n")
    assert terminal.end() == 2
    assert "The plan of acme has changed since it was shown." in " ".join(terminal.seen.split())
    assert states(discover) == {"create held": 1, "update discarded": 2, "remove held": 3}


async def test_a_person_of_a_department_that_waits_is_stored_with_its_id(namely: Start) -> None:
    place = await namely(connected=True)
    report = await place.run(apply=False)
    held = await place.host.held_plan("acme")
    people = Selection(frozenset({("Employee", Operation.CREATE)}))
    applied = await place.host.apply("acme", only=people, fingerprint=held.fingerprint)
    assert (applied.applied, applied.held) == (60, 12)
    stored = await place.people()
    linked = {one for person in stored.values() for one in person.department_source_ids}
    assert linked
    assert await place.departments() == {}
    with pytest.raises(PlanChangedError, match="has changed since it was shown"):
        await place.host.apply("acme", fingerprint=held.fingerprint)
    await place.host.apply("acme", report.run.id)
    assert linked & (await place.departments()).keys()
    counts = await place.host.count_changes(report.run.id)
    assert {state for _, _, state in counts} == {State.APPLIED}


async def test_the_next_run_holds_losses_while_a_part_of_the_plan_of_a_new_token_waits(namely: Start) -> None:
    place = await namely(120, scanned=True)
    await place.connect_with_new_token()
    gone = [place.tenant.people[-1].id, place.tenant.people[-2].id]
    for _ in gone:
        place.tenant.delete(place.tenant.people[-1])
    await place.run()
    held = await place.host.held_plan("acme")
    assert held.changes == 2
    await place.host.apply("acme", only=Selection(rows=frozenset({("Employee", gone[0])})))
    await place.host.discard("acme")
    # The operator has not agreed to all of it: even one loss waits.
    await place.run()
    assert (await place.host.held_plan("acme")).changes == 1
    assert gone[1] in await place.people()

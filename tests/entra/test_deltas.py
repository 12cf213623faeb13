"""Changes of Entra ID by delta query, with all that its switches leave open."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest

from connector_core.beginnings import Began
from connector_core.outcomes import Certificate, Standing
from connector_core.testing import clock
from connector_core.testing.kit.harness import Harness, RunResult, open_harness
from connector_core.testing.kit.reading import differences
from connectors.entra.connector import Entra
from connectors.entra.simulator import Behaviour, EntraSimulator

T = TypeVar("T")
EMPLOYEES = {"Employee"}


def play(simulator: EntraSimulator, work: Callable[[Harness], Awaitable[T]]) -> T:
    """Run this work with this simulator, on a jumping clock."""

    async def begin() -> T:
        async with open_harness(Entra) as harness:
            harness.served.simulator = simulator
            return await work(harness)

    return clock.run(begin())


def simulated(people: int = 150, **switches: object) -> EntraSimulator:
    return EntraSimulator(people, 7, Behaviour.model_validate(switches))


def of_employees(result: RunResult) -> Certificate:
    return next(one for one in result.certificates if one.kind == "Employee")


async def changed(harness: Harness) -> tuple[RunResult, RunResult]:
    """Read all, let time pass, and read the changes. Return that run, and one that reads all into a new store."""
    store = await harness.connected_store()
    assert (await harness.run(store)).complete
    for _ in range(5):
        harness.simulator.evolve()
    delta = await harness.run(store, delta=True)
    return delta, await harness.run(await harness.connected_store())


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"page": 3},
        {"page": 3, "delta_repeats": "yes"},
        {"delta_rows": "changed"},
        {"delta_rows": "changed", "page": 1},
        {"delta_rows": "changed", "page": 3, "delta_repeats": "yes"},
        {"removed": "deleted"},
    ],
)
def test_a_delta_leaves_what_a_full_reading_would(switches: dict[str, Any]) -> None:
    delta, full = play(simulated(**switches), changed)
    found = of_employees(delta)
    assert (found.standing, found.began) == (Standing.CAUGHT_UP, Began.FRESH)
    assert found.found < len(full.stored["Employee"]) / 2
    assert differences(delta, full, kinds=EMPLOYEES) == []


def test_a_manager_who_is_missing_in_a_delta_keeps_the_stored_one() -> None:
    delta, full = play(simulated(delta_managers="missing"), changed)
    assert of_employees(delta).standing is Standing.CAUGHT_UP
    assert differences(delta, full, kinds=EMPLOYEES, ignored={"manager_source_id"}) == []


@pytest.mark.parametrize("resync", [410, 400])
def test_an_expired_token_costs_a_full_reading_and_no_removal(resync: int) -> None:
    simulator = simulated(resync=resync)

    async def expired(harness: Harness) -> tuple[RunResult, RunResult]:
        store = await harness.connected_store()
        await harness.run(store)
        simulator.expire_tokens()
        simulator.erase(40)
        return await harness.run(store, delta=True), await harness.run(store, delta=True)

    first, second = play(simulator, expired)
    assert (of_employees(first).began, of_employees(first).complete) == (Began.RESYNCED, True)
    assert [plan.removes for plan in first.plans if plan.kind == "Employee"] == [0]
    assert (of_employees(second).began, of_employees(second).standing) == (Began.FRESH, Standing.CAUGHT_UP)


def test_a_tenant_without_deltas_is_read_whole_each_time() -> None:
    delta, full = play(simulated(delta="refused"), changed)
    assert of_employees(delta).complete
    assert differences(delta, full, kinds=EMPLOYEES) == []


def test_the_first_token_comes_before_the_list() -> None:
    simulator = simulated()

    async def once(harness: Harness) -> RunResult:
        return await harness.run(await harness.connected_store())

    requests = [f"{one.path}?{unquote(one.query)}" for one in play(simulator, once).requests]
    # The list is read twice: the first token is the one that counts.
    token = next(number for number, one in enumerate(requests) if "$deltatoken=latest" in one)
    assert token < next(number for number, one in enumerate(requests) if "$top=100" in one)


def test_a_user_who_comes_twice_in_a_delta_keeps_what_either_row_says() -> None:
    simulator = simulated(delta_rows="changed")

    async def promoted(harness: Harness) -> tuple[RunResult, RunResult]:
        store = await harness.connected_store()
        await harness.run(store)
        people = simulator.people
        # Another title, and another manager: two rows.
        people[20] = replace(people[20], title="Promoted", manager=(people[20].manager or 0) % 10 + 1)
        people[21] = replace(people[21], manager=None)
        return await harness.run(store, delta=True), await harness.run(await harness.connected_store())

    delta, full = play(simulator, promoted)
    assert of_employees(delta).standing is Standing.CAUGHT_UP
    assert differences(delta, full, kinds=EMPLOYEES) == []


def test_a_disabled_account_turns_inactive_by_a_delta() -> None:
    simulator = simulated()

    async def leaving(harness: Harness) -> set[str]:
        store = await harness.connected_store()
        before = await harness.run(store)
        for _ in range(3):
            simulator.evolve()
        after = await harness.run(store, delta=True)
        return {
            one
            for one, entity in after.stored["Employee"].items()
            if entity.is_active() is False and one in before.stored["Employee"]
            if before.stored["Employee"][one].is_active()
        }

    assert play(simulator, leaving)

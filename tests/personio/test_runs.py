"""Whole runs against the simulated Personio: tokens that end in the middle, and all that its switches leave open."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from connector_core import RejectedCredentialsError
from connector_core.testing import Answer, clock
from connector_core.testing.kit.stage import Round, Stage, staged
from connector_core.testing.kit.watch import Watch
from connectors.personio.connector import Personio
from connectors.personio.simulator import Behaviour, PersonioSimulator

T = TypeVar("T")


def play(simulator: PersonioSimulator, work: Callable[[Stage], Awaitable[T]]) -> T:
    """What this work comes to on a stage with this simulator, by the clock that jumps."""

    async def begin() -> T:
        async with staged(Personio) as stage:
            stage.served.simulator = simulator
            return await work(stage)

    return clock.run(begin())


def simulated(people: int = 70, **switches: object) -> PersonioSimulator:
    return PersonioSimulator(people, 7, Behaviour.model_validate(switches))


async def once(stage: Stage) -> Round:
    return await stage.run(await stage.connected())


def fetched(simulator: PersonioSimulator) -> int:
    return sum(one.path == "/auth" for one in simulator.requests)


def test_a_token_that_expires_in_the_middle_of_a_run_is_renewed_and_nobody_is_missed() -> None:
    simulator = simulated(6_000, token_life=10)
    found = play(simulator, once)
    assert found.complete
    assert found.seconds > 20
    assert found.stored["Employee"].keys() == {str(one.number) for one in simulator.people}
    assert len(simulator.issued) > 2


def test_one_token_lasts_for_a_run_and_the_same_comes_again_within_its_life() -> None:
    simulator = simulated()
    assert play(simulator, once).complete
    # One for the check when it is connected, one for the run.
    assert (fetched(simulator), len(simulator.issued)) == (2, 1)


class Revoking(PersonioSimulator):
    """Revokes every token with the third page."""

    def answer(self, request: web.Request) -> Answer:
        given = super().answer(request)
        if request.query.get("offset") == "200" and len(self.issued) == 1:
            self.revoke()
        return given


def test_a_token_that_is_revoked_in_the_middle_of_a_run_is_replaced() -> None:
    simulator = Revoking(1_200, 7, Behaviour())
    found = play(simulator, once)
    assert found.complete
    assert len(simulator.issued) == 2


@pytest.mark.parametrize("refusal", [401, 403])
@pytest.mark.parametrize("field", ["client_id", "client_secret"])
def test_wrong_credentials_are_told_as_such(refusal: int, field: str) -> None:
    simulator = simulated(refusal=refusal)

    async def mistyped(stage: Stage) -> None:
        async with stage.host(stage.store(), Watch(Personio)) as host:
            with pytest.raises(RejectedCredentialsError, match="does not know these API credentials") as caught:
                await host.connect("personio", "acme", {**simulator.credentials, field: "another"})
        assert "mistyped" in caught.value.hint

    play(simulator, mistyped)
    # The check and both kinds want a token: the wrong credentials are sent once, for all.
    assert [one.path for one in simulator.requests] == ["/auth"]


def test_an_answer_without_a_total_stores_everybody_and_proves_nothing() -> None:
    found = play(simulated(metadata="no"), once)
    assert len(found.stored["Employee"]) == 70
    assert not found.complete
    assert "Personio never announced the total it promises" in found.outcome


@pytest.mark.parametrize("ungranted", ["absent", "null"])
def test_departments_that_may_not_be_read_any_more_remove_and_empty_nothing(ungranted: str) -> None:
    simulator = simulated(hidden="department", ungranted=ungranted)
    hiding = simulator.behaviour

    async def lose(stage: Stage) -> tuple[Round, list[Round]]:
        simulator.behaviour = Behaviour()
        store = await stage.connected()
        before = await stage.run(store)
        simulator.behaviour = hiding
        return before, [await stage.run(store) for _ in range(2)]

    before, after = play(simulator, lose)
    assert before.complete
    for found in after:
        assert found.stored == before.stored
        assert found.report
        assert [one.complete for one in found.report.certificates] == [True, False]
        assert "department did not come" in found.outcome


def test_departments_with_a_name_only_are_stored_and_linked_under_an_id_made_of_it() -> None:
    found = play(simulated(departments="name"), once)
    assert found.complete
    assert len(found.stored["Department"]) == 10
    assert all(one.startswith("department:") for one in found.stored["Department"])
    assert found.report
    assert not any(one.dangling for one in found.report.certificates)


def test_a_department_that_nobody_names_any_more_is_removed_by_the_second_scan() -> None:
    simulator = simulated()

    async def close(stage: Stage) -> list[int]:
        store = await stage.connected()
        first = await stage.run(store)
        simulator.people[:] = [one for one in simulator.people if one.department != "Legal"]
        rounds = [first, await stage.run(store), await stage.run(store)]
        return [len(one.stored["Department"]) for one in rounds]

    assert play(simulator, close) == [10, 10, 9]


def test_only_what_is_stored_is_asked_for_and_no_more_rows_than_personio_sends() -> None:
    simulator = simulated(oversize="error")
    assert play(simulator, once).complete
    asked = [parse_qs(one.query) for one in simulator.requests if one.path == "/company/employees"]
    assert {one["limit"][0] for one in asked} == {"100"}
    attributes = {name for one in asked for name in one["attributes[]"]}
    assert {"email", "department"} < attributes
    assert not attributes & {"gender", "fix_salary", "birthday", "absence_entitlement", "cost_centers"}


def test_nobody_who_looks_into_the_store_can_tell_who_is_on_leave() -> None:
    simulator = simulated()

    async def look(stage: Stage) -> bytes:
        store = await stage.connected()
        await stage.run(store)
        return b"".join(file.read_bytes() for file in store.parent.rglob("*") if file.is_file())

    kept = play(simulator, look)
    assert [one for one in simulator.people if one.number % 23 == 0 and one.active]
    assert b"onboarding" in kept
    assert b"leave" not in kept.lower()

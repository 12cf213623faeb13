"""Whole runs against the simulated Personio: tokens that end in the middle, and all that its switches leave open."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from connector_core import Code, Reason, RejectedCredentialsError, Status
from connector_core.testing import Answer, clock
from connector_core.testing.kit.harness import Harness, RunResult, open_harness
from connector_core.testing.kit.monitor import Monitor
from connectors.personio.connector import Personio
from connectors.personio.simulator import AUTH, EMPLOYEES, Behaviour, PersonioSimulator

T = TypeVar("T")


def play(simulator: PersonioSimulator, work: Callable[[Harness], Awaitable[T]]) -> T:
    """Run this work with this simulator, on a jumping clock."""

    async def begin() -> T:
        async with open_harness(Personio) as harness:
            harness.served.simulator = simulator
            return await work(harness)

    return clock.run(begin())


def simulated(people: int = 70, **switches: object) -> PersonioSimulator:
    return PersonioSimulator(people, 7, Behaviour.model_validate(switches))


async def once(harness: Harness) -> RunResult:
    return await harness.run(await harness.connected_store())


def fetched(simulator: PersonioSimulator) -> int:
    return sum(one.path == AUTH for one in simulator.requests)


def test_a_token_that_expires_during_a_run_is_renewed_and_no_row_is_missed() -> None:
    simulator = simulated(3_500, token_life=10)
    found = play(simulator, once)
    assert found.complete
    assert found.seconds > 10
    assert found.stored["Employee"].keys() == {str(one.number) for one in simulator.people}
    assert len(simulator.issued) == 2


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

    async def mistyped(harness: Harness) -> None:
        async with harness.host(harness.new_store(), Monitor(Personio)) as host:
            with pytest.raises(RejectedCredentialsError, match="does not know these API credentials") as caught:
                await host.connect("personio", "acme", {**simulator.credentials, field: "another"})
        assert "mistyped" in caught.value.hint

    play(simulator, mistyped)
    # The check and both kinds want a token: the wrong credentials are sent once, for all.
    assert [one.path for one in simulator.requests] == [AUTH]


def test_an_answer_without_a_total_stores_everybody_and_proves_nothing() -> None:
    found = play(simulated(metadata="no"), once)
    assert len(found.stored["Employee"]) == 70
    assert not found.complete
    assert found.report
    assert Reason(Code.TOTAL_MISSING, provider="Personio") in found.report["Employee"].certificate.reasons


@pytest.mark.parametrize("ungranted", ["absent", "null"])
def test_departments_that_may_not_be_read_any_more_remove_and_empty_nothing(ungranted: str) -> None:
    simulator = simulated(hidden="department", ungranted=ungranted)
    hiding = simulator.behaviour

    async def lose(harness: Harness) -> tuple[RunResult, list[RunResult]]:
        simulator.behaviour = Behaviour()
        store = await harness.connected_store()
        before = await harness.run(store)
        simulator.behaviour = hiding
        return before, [await harness.run(store) for _ in range(2)]

    before, after = play(simulator, lose)
    assert before.complete
    for found in after:
        assert found.stored == before.stored
        assert found.report
        assert [one.certificate.complete for one in found.report.kinds] == [True, False]
        assert "department did not come" in found.outcome


def test_departments_with_a_name_only_are_stored_and_linked_under_an_id_made_of_it() -> None:
    found = play(simulated(departments="name"), once)
    assert found.complete
    assert len(found.stored["Department"]) == 10
    assert all(one.startswith("department:") for one in found.stored["Department"])
    assert found.report
    assert not any(one.certificate.profile.dangling for one in found.report.kinds)


def test_a_department_without_people_is_removed_by_the_second_scan() -> None:
    simulator = simulated()

    async def close(harness: Harness) -> list[int]:
        store = await harness.connected_store()
        first = await harness.run(store)
        for one in [one for one in simulator.people if one.department == "Legal"]:
            simulator.erase(next(index for index, other in enumerate(simulator.people) if other.number == one.number))
        rounds = [first, await harness.run(store), await harness.run(store)]
        return [len(one.stored["Department"]) for one in rounds]

    assert play(simulator, close) == [10, 10, 9]


def test_only_what_is_stored_is_asked_for_and_no_more_rows_than_personio_sends() -> None:
    simulator = simulated(oversize="error")
    assert play(simulator, once).complete
    asked = [parse_qs(one.query) for one in simulator.requests if one.path == EMPLOYEES]
    assert {one["limit"][0] for one in asked} == {"100"}
    attributes = {name for one in asked for name in one["attributes[]"]}
    assert {"email", "department"} < attributes
    assert not attributes & {"gender", "fix_salary", "birthday", "absence_entitlement", "cost_centers"}


def test_the_store_does_not_tell_who_is_on_leave() -> None:
    simulator = simulated()

    async def look(harness: Harness) -> bytes:
        store = await harness.connected_store()
        await harness.run(store)
        return b"".join(file.read_bytes() for file in store.parent.rglob("*") if file.is_file())

    kept = play(simulator, look)
    assert [one for one in simulator.people if one.number % 23 == 0 and one.active]
    assert b"onboarding" in kept
    assert b"leave" not in kept.lower()


def test_credentials_travel_in_the_body_and_never_in_a_query() -> None:
    simulator = simulated()
    assert play(simulator, once).complete
    told = [f"{one.path}?{one.query}" for one in simulator.requests]
    assert fetched(simulator)
    assert [one for one in told if any(value in one for value in simulator.credentials.values())] == []


def test_what_lies_ahead_is_stored_on_its_day_and_not_before() -> None:
    simulator = simulated()
    moving = next(one for one in simulator.people if one.transfer)
    leaving = next(one for one in simulator.people if one.last_day)
    coming = next(one for one in simulator.people if one.start > simulator.today)
    facts = ("status", "job_title", "end_date")

    async def wait(harness: Harness) -> list[list[tuple[Any, ...]]]:
        store, found = await harness.connected_store(), []
        for _ in range(2):
            stored: Mapping[str, Any] = (await harness.run(store)).stored["Employee"]
            people = [stored[str(one.number)] for one in (moving, leaving, coming)]
            found.append([tuple(getattr(one, name) for name in facts) for one in people])
            simulator.pass_days(31)
        return found

    title, last_day = moving.title.strip(), leaving.last_day
    assert moving.transfer
    assert play(simulator, wait) == [
        [(Status.ACTIVE, title, None), (Status.ACTIVE, leaving.title, last_day), (Status.PENDING, coming.title, None)],
        [
            (Status.ACTIVE, moving.transfer.title, None),
            (Status.INACTIVE, leaving.title, last_day),
            (Status.ACTIVE, coming.title, None),
        ],
    ]

"""Time limits: of the check, of a run's questions about missing rows, and when asking stops early."""

import asyncio
from typing import Any

import pytest
from attacks import EMPTY, FULL

from connector_core import UnavailableError
from connector_core.host import Host
from connector_core.outcomes import Progress, Step
from connector_core.settings import LossSettings
from connector_core.testing import Faults
from misbehaving import Busy
from world import UNGUARDED, Place, Start, StartProvider, copied_settings

pytestmark = pytest.mark.jumping

ALL = LossSettings(share=1, vanished_rows=1_000_000, vanished_share=1)


def asked(place: Place, since: int) -> int:
    """Return how many people were asked for by their ids."""
    paths = [one.path for one in place.simulator.requests[since:]]
    return len([one for one in paths if one.startswith("/profiles/") and one != "/profiles/me"])


@pytest.mark.attack(
    "A provider never ends its answer while an integration is connected", "The check ends in time", EMPTY
)
@pytest.mark.parametrize("fault", ["drip", "stall"])
async def test_connecting_to_a_provider_that_never_ends_an_answer_ends(namely: Start, fault: str) -> None:
    place = await namely(http={"page_timeout": 3600.0})
    place.simulator.faults = Faults(fault)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Host(copied_settings(place.settings, check_timeout=20)) as host:
        with pytest.raises(UnavailableError, match="did not answer the check within 20 s") as caught:
            await host.connect("namely", "acme", place.simulator.credentials)
        assert "check_timeout" in caught.value.hint
        assert await host.integrations() == []
    assert loop.time() - began < 21


async def test_a_kind_whose_first_page_never_ends_is_reported_and_the_other_is_found(provider: StartProvider) -> None:
    place = await provider("bamboohr")
    place.simulator.script("stall:/reports/custom")
    settings = place.host.settings
    hurried = settings.host.model_copy(
        update={"check_timeout": 20, "http": settings.host.http.model_copy(update={"page_timeout": 3600.0})}
    )
    async with Host(settings.model_copy(update={"host": hurried})) as host:
        report = await host.connect("bamboohr", "acme", place.simulator.credentials)
    problems = {probe.declaration.kind.__name__: probe.problem for probe in report.probes}
    assert problems == {"Employee": "BambooHR did not answer in time", "Department": ""}


async def test_the_check_of_a_run_ends_and_the_run_with_it(namely: Start) -> None:
    place = await namely(connected=True, http={"page_timeout": 3600.0})
    place.simulator.faults = Faults("stall:/profiles/me")
    async with Host(copied_settings(place.settings, check_timeout=20)) as host:
        with pytest.raises(UnavailableError, match="within 20 s"):
            await host.run("acme")


@pytest.mark.attack("The provider throttles questions about missing rows", "The others wait for the next run", FULL)
async def test_a_check_takes_no_longer_than_the_run_may(namely: Start) -> None:
    place = await namely(connected=True, http={"page_timeout": 3600.0})
    place.simulator.faults = Faults("stall:/profiles/me")
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Host(copied_settings(place.settings, run_timeout=2)) as host:
        with pytest.raises(UnavailableError, match="did not answer the check"):
            await host.run("acme")
    assert loop.time() - began < 3


async def test_after_a_throttle_the_other_missing_rows_wait_for_the_next_run(namely: Start) -> None:
    place = await namely(120, scanned=True, simulator=Busy, losses=ALL)
    for _ in range(40):
        place.tenant.delete(place.tenant.people[-1])
    since = len(place.simulator.requests)
    plan = (await place.run())["Employee"].plan
    assert plan.removes + plan.unconfirmed == 40
    # Three controls and four at once, each throttled once at most; and a control.
    assert asked(place, since) <= 3 + 2 * (4 + 1)
    assert plan.unconfirmed >= 36


@pytest.mark.attack(
    "A provider answers slowly about a hundred missing rows",
    "The run ends in time, and removes only what was confirmed",
    FULL,
)
async def test_questions_about_missing_rows_end_with_the_runs_time(namely: Start) -> None:
    place = await namely(120, scanned=True, losses=ALL)
    place.simulator.latency = 2.0
    for _ in range(100):
        place.tenant.delete(place.tenant.people[-1])
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Host(copied_settings(place.settings, run_timeout=30, losses=ALL)) as host:
        report = await host.run("acme", kinds=["employees"])
    assert loop.time() - began < 32
    plan = report["Employee"].plan
    assert report["Employee"].certificate.complete
    assert plan.removes > 0
    assert plan.unconfirmed > 0
    assert plan.removes + plan.unconfirmed == 100


async def test_once_the_removals_are_held_anyway_asking_stops_early(namely: Start) -> None:
    place = await namely(400, scanned=True, losses=UNGUARDED.model_copy(update={"vanished_rows": 3}))
    for _ in range(200):
        place.tenant.delete(place.tenant.people[-1])
    since, told = len(place.simulator.requests), list[Progress]()
    report = await place.run("employees", progress=told.append)
    plan = report["Employee"].plan
    assert plan.held == plan.removes == 52
    assert plan.unconfirmed == 148
    assert asked(place, since) == 3 + 52 + 13  # A control after every four.
    asking: list[Any] = [(one.seen, one.announced) for one in told if one.step is Step.ASKING]
    assert asking[0] == (0, 200)
    assert asking[-1] == (52, 200)

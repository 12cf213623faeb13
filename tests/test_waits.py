"""Waits for a provider that throttles, as its requests arrive: never without a pause, and by its own clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from connector_core import (
    Call,
    ClientCredentials,
    Code,
    Credentials,
    Employee,
    Page,
    Paging,
    SecretStr,
    SinglePage,
    Streamed,
    ThrottledError,
    Verdict,
)
from connector_core.testing import Answer, json_answer
from connectors.hibob.connector import HiBob
from planted.example import Example, ExampleCredentials, Owner, People, to_employee
from planted.misreading import PAGING, PATH, declared
from planted.simulator import JSON, ExampleSimulator
from world import Start, first_run, reached

pytestmark = pytest.mark.jumping
MANIFEST = Example.manifest.model_copy(update={"limits": ()})


def gaps(simulator: ExampleSimulator, path: str) -> list[float]:
    """Return the seconds between the requests of a path."""
    return [later.at - one.at for one, later in pairwise([one for one in simulator.requests if one.path == path])]


# ---- no time, or one that is past


@pytest.mark.parametrize("fault", ["now", "past"])
@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
async def test_a_throttle_of_no_seconds_is_waited_out_for_ever_longer(fault: str, paging: Paging) -> None:
    simulator = ExampleSimulator(3, 1)
    simulator.script(fault)
    credentials = ExampleCredentials.parse(simulator.credentials)
    async with reached(simulator, MANIFEST, credentials, throttle_tries=6, throttle_wait=10) as api:
        with pytest.raises(ThrottledError) as caught:
            await anext(api.pages("/people", People, paging=paging))
    found = gaps(simulator, "/people")
    for gap, least in zip(found, (1, 2, 4, 8, 10), strict=True):
        assert least <= gap <= least + 2
    assert caught.value.retry_after is None


class Issuer(ExampleSimulator):
    """Issues a token, and takes any."""

    def answer(self, request: web.Request) -> Answer:  # noqa: ARG002 - named by the base
        return json_answer({"access_token": "issued", "id": "o1", "company": "Acme"}, 200, JSON)


class Keys(Credentials):
    client_id: str
    client_secret: SecretStr


async def test_the_fetching_of_a_token_is_not_repeated_without_a_pause_either() -> None:
    simulator = Issuer(3, 1)
    simulator.script("now@1x2:/token")
    told = {"base_url": "https://acme.hr.example/v1", "auth": ClientCredentials("/token")}
    keys = Keys(client_id="client", client_secret=SecretStr("canary-secret"))
    async with reached(simulator, MANIFEST.model_copy(update=told), keys) as api:
        assert (await api.get("/me", Owner)).id == "o1"
    first, second = gaps(simulator, "/token")
    assert 1 <= first <= 2 <= second <= 3


async def test_others_of_the_path_are_held_back_meanwhile() -> None:
    simulator = ExampleSimulator(3, 1)
    simulator.script("now@1:/me")
    async with reached(simulator, MANIFEST, ExampleCredentials.parse(simulator.credentials)) as api:
        first = asyncio.create_task(api.get("/me", Owner))
        await asyncio.sleep(0.5)
        assert simulator.faults.fired
        await api.get("/me", Owner)
        await first
    assert gaps(simulator, "/me")[0] >= 0.5


# ---- times by another clock


@pytest.mark.attack(
    "A provider whose clock is an hour off throttles, and says until when", "The run waits for seconds, and is complete"
)
@pytest.mark.parametrize("fault", ["behind", "ahead"])
async def test_the_clock_of_the_provider_may_be_an_hour_off(namely: Start, fault: str) -> None:
    place = await namely(120, connected=True)
    place.simulator.script(f"{fault}@2x2:/profiles")
    began = asyncio.get_running_loop().time()
    report = await place.run("employees")
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == 2
    assert 6.5 <= asyncio.get_running_loop().time() - began < 60


def test_the_header_of_hibobs_resets_is_named() -> None:
    assert HiBob.manifest.rate_headers.reset == "X-RateLimit-Reset"


# ---- what is said of it


async def test_a_run_that_is_throttled_for_no_seconds_is_deferred_until_no_moment(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.simulator.script("now@2x99:/profiles")
    report = await place.run("employees")
    assert report.verdict is Verdict.DEFERRED
    assert [one.code for one in report["Employee"].certificate.reasons][:1] == [Code.THROTTLED]


class Throttles(Example):
    """Raises an error of its own, behind the first page, that asks for less than a second."""

    @declared
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        async for page in self.api.pages(PATH, People, paging=PAGING):
            yield page.map(to_employee)
            raise ThrottledError("too many", call=Call("GET", PATH), retry_after=0.001)


async def test_the_moment_until_which_a_run_is_deferred_is_ahead(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    report = await first_run(Throttles, ExampleSimulator(3, 1), tmp_path / "people.sqlite")
    reason = report["Employee"].certificate.reasons[0]
    assert reason.code is Code.DEFERRED
    assert datetime.strptime(str(reason["until"]), "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC) >= began

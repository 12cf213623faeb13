"""Chains end to end: a cursor is a checkpoint, and where the provider no longer accepts it the reading starts over."""

import asyncio
from pathlib import Path

import pytest

from connector_core import Code, Employee
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.outcomes import Certificate, Progress, Verdict
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import HttpSettings
from connector_core.testing import Simulator
from planted.chained import Addresses, ByHand, ChainedSimulator, Cursors, Graph, Links
from world import hosted

pytestmark = pytest.mark.jumping

PATHS: dict[type[AnyConnector], str] = {
    Cursors: "/cursors",
    Addresses: "/addresses",
    Links: "/links",
    Graph: "/graph",
    ByHand: "/batches",
}
HTTP = HttpSettings(first_wait=0.01, tries=1)


async def cut_off(host: Host, rows: int) -> None:
    """Start a run, and cancel it once so many rows have been read."""

    def cancel(progress: Progress) -> None:
        if progress.seen >= rows:
            task.cancel()

    task = asyncio.create_task(host.run("acme", progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task


async def run(host: Host) -> Certificate:
    return (await host.run("acme"))["Employee"].certificate


async def stored(host: Host) -> set[str]:
    return {one.source_id async for one in host.entities("acme", Employee)}


def ids(simulator: Simulator) -> set[str]:
    return {one["id"] for one in simulator.people}


@pytest.mark.parametrize("connector", PATHS, ids=lambda one: one.__name__)
async def test_an_interrupted_chain_resumes_at_the_page_that_it_had_come_to(
    connector: type[AnyConnector], tmp_path: Path
) -> None:
    simulator, path = ChainedSimulator(120, 1), PATHS[connector]
    async with hosted(connector, simulator, tmp_path / "people.sqlite", http=HTTP) as host:
        await cut_off(host, 75)
        asked = len(simulator.requests)
        people = await run(host)
        pages = [one for one in simulator.requests[asked:] if one.path == path]
        found = await stored(host)
    assert (people.began, people.first_page) == (Began.RESUMED, 3)
    assert (people.complete, people.seen) == (True, 120)
    assert found == ids(simulator)
    # Without creation times, another pass proves that no row moved.
    assert len(pages) == 3 + 5 * (connector is not Cursors)


@pytest.mark.parametrize("connector", [Cursors, Addresses, Links], ids=lambda one: one.__name__)
async def test_a_chain_whose_cursor_has_expired_since_starts_over_and_says_so(
    connector: type[AnyConnector], tmp_path: Path
) -> None:
    simulator, path = ChainedSimulator(120, 1), PATHS[connector]
    async with hosted(connector, simulator, tmp_path / "people.sqlite", http=HTTP) as host:
        await cut_off(host, 75)
        gone = simulator.people.pop(3)
        simulator.script(f"expired_cursor@1:{path}")
        report = await host.run("acme")
        found = await stored(host)
    people = report["Employee"].certificate
    assert (people.began, people.first_page, people.complete) == (Began.STARTED_OVER_EXPIRED, 1, True)
    assert report.verdict is Verdict.COMPLETE
    assert gone["id"] not in found
    assert found == ids(simulator)


@pytest.mark.parametrize("times", [1, 99])
async def test_a_cursor_that_expires_in_the_middle_costs_one_start_over_and_no_row(times: int, tmp_path: Path) -> None:
    simulator = ChainedSimulator(120, 1)
    async with hosted(Cursors, simulator, tmp_path / "people.sqlite", http=HTTP) as host:
        await run(host)
        simulator.script(f"expired_cursor@3x{times}:/cursors")
        asked = len(simulator.requests)
        report = await host.run("acme")
        requests = [one for one in simulator.requests[asked:] if one.path == "/cursors"]
        found = await stored(host)
    people = report["Employee"].certificate
    assert people.began is Began.STARTED_OVER_EXPIRED
    assert found == ids(simulator)
    if times == 1:
        assert people.complete
        assert len(requests) == 3 + 5
        return
    reason, _ = people.reasons
    assert reason.code is Code.READ_FAILED
    assert reason["error"] == "provider_cursor_expired"
    assert reason["message"] == "GET /cursors: Example HR answered 400: the cursor is no longer valid"
    assert len(requests) == 3 + 2


async def test_a_page_that_names_itself_as_the_next_one_is_a_repeated_page(tmp_path: Path) -> None:
    class Circles(ChainedSimulator):
        def _after(self, cursor: str | None, limit: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
            rows, following = super()._after(cursor, limit)
            return ([] if self.empty else rows, cursor) if cursor else (rows, following)

        empty = False

    for empty in (False, True):
        simulator = Circles(120, 1)
        simulator.empty = empty
        async with hosted(Cursors, simulator, tmp_path / f"{empty}.sqlite", http=HTTP) as host:
            people = await run(host)
        assert [one.code for one in people.reasons] == [Code.PAGE_REPEATED, Code.TOTAL_DIFFERS]
        assert len(simulator.requests) < 15

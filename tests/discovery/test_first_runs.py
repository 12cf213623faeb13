"""First runs, into an empty store: nothing is stored that could be missed, and still no row is skipped unnoticed."""

import pytest
from attacks import EMPTY

from connector_core import Certificate, Code, Employee, Reason
from connector_core.beginnings import Began, Proof
from connector_core.host import Host
from connector_core.testing import Simulator
from connectors.namely.simulator.directory import Group
from world import Provider, Start, StartProvider

pytestmark = pytest.mark.jumping

paged = pytest.mark.parametrize(
    ("name", "path", "first"), [("namely", "/profiles", 2), ("personio", "/v1/company/employees", 1)]
)
"""Connectors that read pages, the path of their people, and the number of the request for the first page under it."""


def ids(simulator: Simulator) -> set[str]:
    return simulator.ids(Employee)


async def employees(acme: Provider) -> Certificate:
    return (await acme.run(kinds=["employees"]))["Employee"].certificate


@pytest.mark.attack(
    "One row leaves and one comes between two pages of a first run, so that a third moves up unread",
    "It is read once more, and complete only with every row that was listed throughout",
    EMPTY,
)
@paged
async def test_a_first_run_reads_every_row_though_one_left_and_one_came_between_two_pages(
    provider: StartProvider, name: str, path: str, first: int
) -> None:
    acme = await provider(name, 240)
    await acme.connect()
    before = ids(acme.simulator)
    acme.simulator.script(f"swap@{first}:{path}")
    certificate = await employees(acme)
    assert certificate.seen == certificate.announced == 240
    assert certificate.complete
    assert (certificate.began, certificate.proof) == (Began.READ_TWICE, Proof.CREATION_TIMES)
    assert before & ids(acme.simulator) <= (await acme.people()).keys()


@paged
async def test_a_first_run_is_incomplete_if_rows_leave_and_come_all_the_time(
    provider: StartProvider, name: str, path: str, first: int
) -> None:
    acme = await provider(name, 240)
    await acme.connect()
    acme.simulator.script(f"swap@{first}x99:{path}")
    certificate = await employees(acme)
    assert certificate.seen == certificate.announced == 240
    assert certificate.reasons == (Reason(Code.ROWS_UNACCOUNTED),)
    assert certificate.proof is Proof.NONE


@paged
async def test_a_row_that_comes_during_a_first_run_costs_no_second_pass(
    provider: StartProvider, name: str, path: str, first: int
) -> None:
    acme = await provider(name, 240)
    await acme.connect()
    acme.simulator.script(f"join@{first}:{path}")
    certificate = await employees(acme)
    assert (certificate.began, certificate.proof) == (Began.FRESH, Proof.CREATION_TIMES)
    assert ids(acme.simulator) == (await acme.people()).keys()


@pytest.mark.attack(
    "While a run is interrupted, one row of a page that it had read leaves and another comes",
    "The next run reads the page anew, and so the row that came",
    EMPTY,
)
@paged
async def test_a_run_after_an_interrupted_one_reads_who_came_on_a_page_that_was_read(
    provider: StartProvider, name: str, path: str, first: int
) -> None:
    acme = await provider(name, 240)
    await acme.connect()
    acme.simulator.script(f"500@{first + 2}x99:{path}")
    assert not (await employees(acme)).complete
    acme.simulator.script("")
    # One of the first page leaves, and another comes in the same place.
    people = acme.simulator.people
    acme.simulator.erase(20)
    acme.simulator.hire()
    people.insert(20, people.pop())
    certificate = await employees(acme)
    assert certificate.complete
    # Who came a moment ago looks as if they had come meanwhile.
    assert certificate.began in {Began.STARTED_OVER_CHANGED, Began.STARTED_OVER_UNFIT, Began.READ_TWICE}
    assert ids(acme.simulator) <= (await acme.people()).keys()


@pytest.mark.attack(
    "A row is skipped before the run is interrupted, and the page at which the next one resumes is as it was",
    "The first total tells that a row is missing, and the reading starts over",
    EMPTY,
)
async def test_a_row_that_was_skipped_before_the_interruption_is_not_forgotten(namely: Start) -> None:
    place = await namely(240, connected=True, http={"at_once": 1})
    place.simulator.script("swap@2:/profiles,500@4x99:/profiles")
    assert not (await place.run("employees"))["Employee"].certificate.complete
    place.simulator.script("")
    certificate = (await place.run("employees"))["Employee"].certificate
    assert certificate.complete
    assert certificate.began is not Began.RESUMED
    assert {one.id for one in place.tenant.people} <= (await place.people()).keys()


async def test_a_resumed_first_run_is_proven_by_what_the_interrupted_one_saw_first(namely: Start) -> None:
    place = await namely(240, connected=True)
    place.simulator.script("500@5x99:/profiles")
    await place.run("employees")
    place.simulator.script("")
    certificate = (await place.run("employees"))["Employee"].certificate
    assert (certificate.began, certificate.proof) == (Began.RESUMED, Proof.CREATION_TIMES)


@pytest.mark.parametrize(("more", "proof", "requests"), [(0, Proof.ONE_RESPONSE, 1), (30, Proof.READ_TWICE, 4)])
async def test_groups_are_read_twice_only_if_they_come_in_pages(
    namely: Start, more: int, proof: Proof, requests: int
) -> None:
    place = await namely(groups_pages="yes")
    await place.connect()
    project = place.tenant.groups[-1].type_id
    place.tenant.groups += [Group(f"g{number}", f"Project {number}", project) for number in range(more)]
    before = len(place.simulator.requests)
    certificate = (await place.run("departments"))["Department"].certificate
    assert (certificate.complete, certificate.proof) == (True, proof)
    assert sum(one.path == "/groups" for one in place.simulator.requests[before:]) == requests


async def test_employees_without_creation_times_are_read_twice(provider: StartProvider) -> None:
    acme = await provider("personio", 240, hidden="created_at")
    await acme.connect()
    certificate = await employees(acme)
    assert certificate.complete
    assert (certificate.began, certificate.proof) == (Began.FRESH, Proof.READ_TWICE)
    # Three pages and the empty one behind them, twice.
    assert sum(one.path == "/v1/company/employees" for one in acme.simulator.requests[-8:]) == 8


@pytest.mark.parametrize(("name", "proof"), [("bamboohr", Proof.ONE_RESPONSE), ("hibob", Proof.ONE_RESPONSE)])
async def test_a_listing_in_one_response_cannot_move(provider: StartProvider, name: str, proof: Proof) -> None:
    acme = await provider(name)
    await acme.connect()
    report = await acme.run()
    assert {one.certificate.proof for one in report.kinds} == {proof}


async def test_derived_departments_are_proven_by_their_rows(provider: StartProvider) -> None:
    acme = await provider("personio", 240)
    await acme.connect()
    report = await acme.run()
    assert {one.certificate.proof for one in report.kinds} == {Proof.CREATION_TIMES}


async def test_a_second_pass_that_is_declined_costs_no_request_and_is_said(provider: StartProvider) -> None:
    acme = await provider("personio", 240, hidden="created_at")
    await acme.connect()
    settings = acme.host.settings
    declining = settings.model_copy(update={"host": settings.host.model_copy(update={"read_twice": False})})
    before = len(acme.simulator.requests)
    async with Host(declining) as host:
        certificate = (await host.run("acme", kinds=["employees"]))["Employee"].certificate
    assert (certificate.complete, certificate.proof) == (True, Proof.DECLINED)
    assert sum(one.path == "/v1/company/employees" for one in acme.simulator.requests[before:]) == 4

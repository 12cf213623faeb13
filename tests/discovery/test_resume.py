"""Interrupted readings end to end: the next run resumes behind the last page or starts over, and says which."""

import pytest

from connector_core import Code, StoreError
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.testing import Faults
from world import Place, Start, copied_settings

pytestmark = pytest.mark.jumping


async def interrupted(namely: Start, people: int = 220, script: str = "500@5x9:/profiles") -> Place:
    """Return a tenant of which a first run has read three pages of employees."""
    place = await namely(people, connected=True)
    place.simulator.faults = Faults(script)
    await place.run("employees")
    place.simulator.faults = Faults()
    return place


@pytest.mark.parametrize("moved", [False, True])
async def test_an_interrupted_run_resumes_at_its_last_page_or_starts_over(namely: Start, *, moved: bool) -> None:
    place = await interrupted(namely)
    if moved:
        place.tenant.delete(place.tenant.people[10])
    asked = len(place.simulator.requests)
    people = (await place.run("employees"))["Employee"].certificate
    assert people.complete
    assert people.seen == people.announced == len(place.tenant.people)
    pages = [one for one in place.simulator.requests[asked:] if one.path == "/profiles"]
    if moved:
        assert (people.began, people.first_page) == (Began.STARTED_OVER_CHANGED, 1)
        assert len(pages) == 1 + 6
    else:
        assert (people.began, people.first_page) == (Began.RESUMED, 3)
        assert len(pages) == 4
    # The person who was deleted between the two runs was stored by the first, and is removed by the second.
    assert len(await place.people()) == 220 - moved


async def test_a_cancelled_run_leaves_what_was_applied_and_the_next_one_resumes(namely: Start) -> None:
    place = await namely(200, scanned=True)
    place.tenant.people[-1].title = "Changed"
    await place.run_cut_off(100)
    assert len(await place.people()) == 200
    assert (await place.host.history("acme"))[0].error == "interrupted"
    report = await place.run()
    people = report["Employee"].certificate
    assert people.began is Began.RESUMED
    assert people.complete
    assert report["Employee"].plan.updates == 1
    # Nothing staged is left, and every body is stored.
    assert place.query("SELECT (SELECT count(*) FROM latest), (SELECT count(*) FROM bodies)") == [(0, 212)]


@pytest.mark.parametrize("fault", ["500", "403", "reset"])
async def test_a_run_that_fails_before_its_first_page_leaves_the_checkpoint_to_the_next(
    namely: Start, fault: str
) -> None:
    place = await interrupted(namely)
    # The check asks for the token's owner first; then the listing fails.
    place.simulator.faults = Faults(f"{fault}@2x99:/profiles")
    people = (await place.run("employees"))["Employee"].certificate
    assert people.began is Began.RESUMED
    assert people.seen == 150
    assert Code.READ_FAILED in [one.code for one in people.reasons]
    place.simulator.faults = Faults()
    people = (await place.run("employees"))["Employee"].certificate
    assert (people.began, people.first_page, people.complete) == (Began.RESUMED, 3, True)


async def test_a_checkpoint_that_is_too_old_is_not_resumed(namely: Start) -> None:
    place = await interrupted(namely, 120, "500@4x9:/profiles")
    async with Host(copied_settings(place.settings, resume_within=0.001)) as later:
        people = (await later.run("acme", kinds=["employees"]))["Employee"].certificate
    assert people.began is Began.STARTED_OVER_UNFIT
    assert people.complete
    assert (await place.run("employees"))["Employee"].certificate.began is Began.FRESH


@pytest.mark.parametrize("column", ["began_at", "taken_at"])
async def test_a_checkpoint_that_is_dated_in_the_future_is_not_resumed(namely: Start, column: str) -> None:
    place = await interrupted(namely)
    place.execute(f"UPDATE checkpoints SET {column} = '2999-01-01T00:00:00.000+00:00'")
    people = (await place.run("employees"))["Employee"].certificate
    assert (people.began, people.complete) == (Began.STARTED_OVER_UNFIT, True)


async def test_rows_that_were_read_with_other_options_are_not_resumed(namely: Start) -> None:
    place = await interrupted(namely, 120, "500@4x9:/profiles")
    async with Host(copied_settings(place.settings, {"department_group_types": ["Divisions"]})) as host:
        people = (await host.run("acme", kinds=["employees"]))["Employee"].certificate
    assert people.began is Began.STARTED_OVER_UNFIT


@pytest.mark.parametrize("decision", ["discard", "apply", "connect"])
async def test_a_checkpoint_whose_rows_are_gone_is_not_resumed(namely: Start, decision: str) -> None:
    place = await namely(220, connected=True)
    place.simulator.faults = Faults("500@5x9:/profiles")
    await place.run("employees", apply=False)
    place.simulator.faults = Faults()
    if decision == "connect":
        await place.connect_with_new_token()
    else:
        await getattr(place.host, decision)("acme")
    people = (await place.run("employees"))["Employee"].certificate
    assert people.seen == 220
    assert people.complete


async def test_staged_rows_that_no_longer_fit_the_model_are_read_again(namely: Start) -> None:
    place = await interrupted(namely, 120, "500@4x9:/profiles")
    place.execute('UPDATE bodies SET body = \'{"of": "another version"}\'')
    people = (await place.run("employees"))["Employee"].certificate
    assert people.began is Began.STARTED_OVER_CHANGED
    assert people.complete


async def test_a_listing_that_moves_after_it_was_resumed_is_read_from_the_start(namely: Start) -> None:
    place = await namely(220, connected=True, http={"at_once": 1})
    place.simulator.faults = Faults("500@4x9:/profiles")
    await place.run("employees")
    place.simulator.script("delete@3:/profiles")
    people = (await place.run("employees"))["Employee"].certificate
    assert people.complete
    assert people.began is Began.STARTED_OVER_CHANGED
    assert {one.id for one in place.tenant.people} <= (await place.people()).keys()


async def test_a_second_reading_that_was_interrupted_is_not_resumed(namely: Start) -> None:
    place = await namely(220, connected=True)
    place.simulator.script("delete@3:/profiles,later@10:/profiles")
    report = await place.run("employees")
    assert report["Employee"].certificate.began is Began.READ_TWICE
    place.simulator.script("")
    people = (await place.run("employees"))["Employee"].certificate
    assert people.began is Began.STARTED_OVER_UNFIT
    assert people.complete
    assert people.seen == 219


async def test_a_run_that_takes_too_long_stops_and_the_next_one_resumes(namely: Start) -> None:
    place = await namely(220, connected=True, http={"at_once": 1})
    place.simulator.latency = 0.2
    async with Host(copied_settings(place.settings, run_timeout=0.9)) as short:
        people = (await short.run("acme", kinds=["employees"]))["Employee"].certificate
    assert people.reasons[0].code is Code.TIME_OVER
    place.simulator.latency = 0
    people = (await place.run("employees"))["Employee"].certificate
    assert people.began is Began.RESUMED
    assert people.complete


async def test_a_disk_that_is_full_while_a_page_is_staged_ends_the_run_and_the_next_one_resumes(namely: Start) -> None:
    place = await namely(220, connected=True)
    database = place.host.store._database
    ((pages,),) = await database.in_turn(lambda cursor: cursor.execute("PRAGMA page_count").fetchall())
    await database.in_turn(lambda cursor: cursor.execute(f"PRAGMA max_page_count = {pages + 12}").fetchall())
    with pytest.raises(StoreError, match="full"):
        await place.run()
    assert await place.people() == {}
    await database.in_turn(lambda cursor: cursor.execute("PRAGMA max_page_count = 1000000").fetchall())
    people = (await place.run())["Employee"].certificate
    assert people.complete
    assert len(await place.people()) == 220
    assert place.query("PRAGMA integrity_check") == [("ok",)]

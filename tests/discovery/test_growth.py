"""Listings without an end, and creates that multiply a kind."""

from typing import Any

import pytest
from attacks import EMPTY, FULL

from builders import TITLE, certificate, compared, evidence, page, tally
from connector_core import Code, Reason, Rejection, Standing, Verdict
from connector_core.beginnings import Began
from connector_core.discovery.bounds import bound_reached, size_of
from connector_core.discovery.changes import KindChanges
from connector_core.discovery.guards import growth_reason, guard
from connector_core.host import Host
from connector_core.outcomes import Operation, State
from connector_core.settings import BoundSettings, GrowthSettings, LossSettings
from connector_core.store.planned import Hold
from connector_core.testing import Faults
from misbehaving import Endless, EndlessGroups
from world import Place, Start, copied_settings

SETTINGS = GrowthSettings(times=2.0, at_least=100)

# ---- when creates are held


@pytest.mark.parametrize(
    ("creates", "stored", "code"),
    [
        (200, 100, None),
        (201, 100, Code.TOO_MANY_NEW),
        # However few are stored, a hundred are a number.
        (99, 1, None),
        (100, 49, Code.TOO_MANY_NEW),
        # A kind that was read completely, and had no rows.
        (5000, 0, None),
    ],
)
@pytest.mark.parametrize("standing", Standing)
def test_creates_are_held_if_they_multiply_a_kind_that_was_complete(
    creates: int, stored: int, code: Code | None, standing: Standing
) -> None:
    comparison = compared(creates, stored, creates=creates, was_complete=True)
    reason = growth_reason(comparison, certificate(standing, announced=None), SETTINGS)
    assert (reason and reason.code) is code


@pytest.mark.parametrize("was_complete", [False, True])
def test_creates_in_small_steps_add_up_within_the_window(*, was_complete: bool) -> None:
    comparison = compared(99, 159, creates=99, created_before=99, was_complete=was_complete)
    reason = growth_reason(comparison, certificate(Standing.INCOMPLETE, announced=None), SETTINGS)
    assert reason == Reason(Code.TOO_MANY_NEW, creates=198, stored=60, days=7, times=2.0)
    nothing_new = compared(99, 159, created_before=99, was_complete=was_complete)
    assert growth_reason(nothing_new, certificate(Standing.INCOMPLETE), SETTINGS) is None


def test_an_incomplete_reading_of_a_kind_that_never_was_complete_is_measured_against_what_is_stored() -> None:
    # Where the total is counted from what was read, it vouches for nothing.
    given = certificate(Standing.INCOMPLETE, announced=3059)
    reason = growth_reason(compared(3059, 59, creates=3000), given, SETTINGS)
    assert reason == Reason(Code.TOO_MANY_NEW, creates=3000, stored=59, days=7, times=2.0)


@pytest.mark.parametrize("stored", [0, 3])
def test_a_first_complete_reading_is_applied_however_large(stored: int) -> None:
    comparison = compared(100_000, stored, creates=100_000)
    assert growth_reason(comparison, certificate(announced=100_000), SETTINGS) is None


@pytest.mark.parametrize(("announced", "held"), [(None, False), (49, True), (50, False), (5000, False)])
def test_a_first_incomplete_reading_is_held_against_the_total_announced(announced: int | None, *, held: bool) -> None:
    given = certificate(Standing.INCOMPLETE, announced=announced)
    reason = growth_reason(compared(100, 0, creates=100), given, SETTINGS)
    assert reason == (Reason(Code.MORE_THAN_ANNOUNCED, creates=100, announced=49, times=2.0) if held else None)


def test_held_creates_hold_nothing_else() -> None:
    growth = Reason(Code.TOO_MANY_NEW)
    given = evidence(comparison=compared(5, 5, creates=5))
    hold, plan = guard(KindChanges(), given, LossSettings(), provider=TITLE, growth=growth, apply=True)
    assert (hold, plan.held, plan.held_because) == (Hold.CREATES, 5, (growth,))
    hold, plan = guard(KindChanges(), given, LossSettings(), provider=TITLE, growth=growth, apply=False)
    assert (hold, plan.held, plan.held_because) == (Hold.EVERYTHING, 5, (growth,))


# ---- bounds


@pytest.mark.parametrize(
    ("bounds", "size", "setting"),
    [
        ({"rows": 3}, 0, None),
        ({"rows": 2}, 0, "rows"),
        ({"bytes": 10}, 10, None),
        ({"bytes": 10}, 11, "bytes"),
        ({"rejected": 1}, 0, None),
    ],
)
def test_a_bound_may_be_reached_and_not_exceeded(bounds: dict[str, int], size: int, setting: str | None) -> None:
    counted = tally(page("a", "b", rejected=(Rejection("c", "email", "wrong"),)))
    reason = bound_reached(counted, size, BoundSettings(**bounds))
    expected = Reason(Code.BOUND_REACHED, setting=setting, bound=bounds[setting]) if setting else None
    assert reason == expected


def test_rejected_rows_are_bounded_by_themselves() -> None:
    rows = tuple([Rejection(str(one), "email", "wrong") for one in range(3)])
    assert bound_reached(tally(page("a", rejected=rows)), 0, BoundSettings(rejected=2)) == Reason(
        Code.BOUND_REACHED, setting="rejected", bound=2
    )


def test_the_size_of_rows_is_that_of_their_bodies_in_bytes() -> None:
    assert (
        size_of([("a", "{}", b"", True, 1, 1), ("b", "é", b"", None, 1, 2), ("c", None, None, None, None, None)]) == 4
    )


# ---- end to end


async def bounded(place: Place, **bounds: Any) -> Any:
    async with Host(copied_settings(place.settings, bounds=BoundSettings(**bounds))) as host:
        return await host.run("acme", kinds=["employees"])


@pytest.mark.attack(
    "A listing without an end", "It is read up to a bound, and creates nothing; what is stored stays", EMPTY, FULL
)
@pytest.mark.jumping
@pytest.mark.parametrize("bounds", [{"rows": 1000}, {"bytes": 300_000}])
@pytest.mark.parametrize("scanned", [False, True])
async def test_an_endless_listing_ends_at_a_bound_and_creates_nobody(
    namely: Start, bounds: dict[str, int], *, scanned: bool
) -> None:
    place = await namely(connected=not scanned, scanned=scanned, simulator=Endless)
    if scanned:
        place.tenant.people[3].title = "Changed"
    report = await bounded(place, **bounds)
    people = report["Employee"]
    ((setting, bound),) = bounds.items()
    assert people.certificate.reasons[0] == Reason(Code.BOUND_REACHED, setting=setting, bound=bound)
    assert people.certificate.standing is Standing.INCOMPLETE
    assert 400 < people.certificate.seen < 1200
    # What is stored was read, and is a fact.
    assert (people.plan.creates, people.plan.updates, people.plan.held) == (0, int(scanned), 0)
    assert len(await place.people()) == (60 if scanned else 0)
    # Nothing of it stays, neither for a later run to resume.
    rows = place.query("SELECT count(*) FROM bodies b JOIN readings g ON g.id = b.reading WHERE g.kind = 'Employee'")
    assert rows == [(60 if scanned else 0,)]
    place.simulator.ends = True  # type: ignore[attr-defined]
    certificate = (await place.run())["Employee"].certificate
    assert (certificate.began, certificate.complete) == (Began.FRESH, True)


@pytest.mark.attack("A listing that is more than twice as long as what is stored", "The creates are held", FULL)
@pytest.mark.jumping
async def test_a_kind_that_multiplies_is_held_until_it_is_approved(namely: Start) -> None:
    place = await namely(scanned=True)
    place.settings = copied_settings(place.settings, growth=GrowthSettings(times=1.0, at_least=30))
    for _ in range(61):
        place.tenant.hire()
    place.tenant.people[3].title = "Changed"
    async with Host(place.settings) as host:
        report = await host.run("acme")
        assert report.verdict is Verdict.HELD
        people = report["Employee"]
        assert people.certificate.complete
        assert people.plan.held_because == (Reason(Code.TOO_MANY_NEW, creates=61, stored=60, days=7, times=1.0),)
        assert (people.plan.creates, people.plan.held, people.plan.updates) == (61, 61, 1)
        counts = await host.count_changes(report.run.id)
        assert counts["Employee", Operation.CREATE, State.HELD] == 61
        assert counts["Employee", Operation.UPDATE, State.APPLIED] == 1
        assert len(await place.people()) == 60
        await host.apply("acme")
        assert len(await place.people()) == 121
        assert (await host.run("acme")).verdict is Verdict.COMPLETE


@pytest.mark.jumping
async def test_a_first_run_that_was_cut_short_is_followed_by_one_that_asks_nothing(namely: Start) -> None:
    place = await namely(220, connected=True)
    place.settings = copied_settings(place.settings, growth=GrowthSettings(times=1.0, at_least=1))
    place.simulator.faults = Faults("500@3x40:/profiles")
    async with Host(place.settings) as host:
        report = await host.run("acme", kinds=["employees"])
        assert report.verdict is Verdict.INCOMPLETE
        assert report["Employee"].plan.creates == 50
        place.simulator.faults = Faults()
        report = await host.run("acme", kinds=["employees"])
        assert report.verdict is Verdict.COMPLETE
        assert (report["Employee"].plan.creates, report["Employee"].plan.held) == (170, 0)


@pytest.mark.attack(
    "A listing that grows a little with each run, until it is three times as long", "The creates are held", FULL
)
@pytest.mark.jumping
async def test_a_kind_that_multiplies_in_small_steps_is_held_and_asked_about_once(namely: Start) -> None:
    place = await namely(scanned=True)
    place.settings = copied_settings(place.settings, growth=GrowthSettings(times=1.0, at_least=50))
    async with Host(place.settings) as host:
        for hired in (40, 40, 1):
            for _ in range(hired):
                place.tenant.hire()
            report = await host.run("acme")
            held = hired == 40 and len(place.tenant.people) == 140
            assert report.verdict is (Verdict.HELD if held else Verdict.COMPLETE)
            if held:
                reason = Reason(Code.TOO_MANY_NEW, creates=80, stored=60, days=7, times=1.0)
                assert report["Employee"].plan.held_because == (reason,)
                assert len(await place.people()) == 100
                await host.apply("acme")
        assert len(await place.people()) == 141
        # Eight days later the steps of today do not count any more.
        place.execute("UPDATE runs SET started_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', started_at, '-8 days')")
        for _ in range(60):
            place.tenant.hire()
        assert (await host.run("acme")).verdict is Verdict.COMPLETE


@pytest.mark.jumping
async def test_the_bytes_of_an_interrupted_reading_count_when_it_resumes(namely: Start) -> None:
    place = await namely(220, connected=True)
    place.simulator.faults = Faults("500@5x9:/profiles")
    await place.run("employees")
    place.simulator.faults = Faults()
    ((size,),) = place.query("SELECT sum(length(CAST(body AS BLOB))) FROM bodies")
    people = (await bounded(place, bytes=size + 100))["Employee"].certificate
    assert people.began is Began.RESUMED
    assert people.reasons[0] == Reason(Code.BOUND_REACHED, setting="bytes", bound=size + 100)


@pytest.mark.attack(
    "A listing without an end beside the kind: of ids, or of groups", "It ends at the same bound", EMPTY
)
@pytest.mark.jumping
async def test_an_endless_listing_beside_the_kind_ends_at_the_bound_and_names_it(namely: Start) -> None:
    place = await namely(connected=True, simulator=EndlessGroups)
    async with Host(copied_settings(place.settings, bounds=BoundSettings(rows=500))) as host:
        report = await host.run("acme")
    (reason,) = report["Department"].certificate.reasons[:1]
    assert reason.code is Code.READ_FAILED
    assert "the listing has more than [host.bounds] rows = 500" in str(reason.parameters["message"])
    assert report["Department"].plan.creates == 0
    # The people are read without them.
    assert report["Employee"].plan.creates == 60
    assert 0 < len([one for one in place.simulator.requests if one.path.endswith("/groups")]) < 100

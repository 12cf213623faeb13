"""When losses are held, and when a field that emptied is not believed."""

from dataclasses import replace
from typing import Any

import pytest

from builders import compared, lost, turned
from connector_core.discovery.changes import KindChanges
from connector_core.discovery.drift import emptied_fields
from connector_core.discovery.guards import LossCount, guard, hold_reason
from connector_core.reasons import Code, Reason
from connector_core.settings import LossSettings
from connector_core.store.comparison import Loss, LostBefore
from connector_core.store.plans import Hold

SETTINGS = LossSettings()
NONE = LossCount(frozenset(), frozenset(), 0)
REMOVED, INACTIVE = LostBefore(Loss.ACTIVE, removed=True), LostBefore(Loss.ACTIVE, removed=False)
TWO_LEFT = {"y": INACTIVE, "z": INACTIVE}
TWO_REMOVED = {"y": REMOVED, "z": REMOVED}


def count(planned: int, recent: int, size: int) -> LossCount:
    return LossCount(
        frozenset(f"p{one}" for one in range(planned)), frozenset(f"r{one}" for one in range(recent)), size
    )


def held(everyone: LossCount, active: LossCount = NONE, *, changed: bool = False, **settings: Any) -> Reason | None:
    return hold_reason(everyone, active, acceptance_changed=changed, settings=LossSettings(**settings))


@pytest.mark.parametrize(
    ("planned", "recent", "size", "exceeds"),
    [
        # Nothing is lost by this plan, whatever was lost before.
        (0, 0, 100, False),
        (0, 50, 100, False),
        # Fewer than three are never many.
        (2, 0, 2, False),
        (3, 0, 10, True),
        # The share itself is allowed; more is not.
        (3, 0, 15, False),
        (4, 0, 15, True),
        (20, 0, 100, False),
        (21, 0, 100, True),
        # Small steps add up.
        (1, 20, 100, True),
        (1, 19, 100, False),
        (3, 0, 0, True),
    ],
)
def test_losses_are_held_above_a_share_and_a_number(planned: int, recent: int, size: int, *, exceeds: bool) -> None:
    one = count(planned, recent, size)
    assert one.exceeds(SETTINGS) is exceeds
    assert bool(held(one)) is exceeds


def test_a_row_that_was_lost_before_and_is_removed_now_counts_once() -> None:
    assert LossCount(frozenset({"a", "b"}), frozenset({"b", "c"}), 10).lost == 3


def test_the_last_active_rows_are_not_a_small_share_of_all() -> None:
    reason = held(count(10, 0, 60), count(10, 0, 10))
    assert reason == Reason(Code.TOO_MANY_ACTIVE_LOST, lost=10, size=10, days=7, share=0.2)


def test_the_reason_names_the_losses_and_the_limit() -> None:
    assert held(count(4, 0, 15), days=3) == Reason(Code.TOO_MANY_LOST, lost=4, size=15, days=3, share=0.2)


def test_any_loss_is_held_when_token_account_or_rule_has_changed() -> None:
    assert held(count(1, 0, 1000), changed=True) == Reason(Code.ACCEPTANCE_CHANGED)
    assert held(count(0, 0, 1000), changed=True) is None


def test_the_thresholds_are_settings() -> None:
    assert held(count(1, 0, 1000), share=0, at_least=1)
    assert held(count(1000, 0, 1000), share=1) is None


# ---- from a plan and what is stored


def guarded(changes: KindChanges, *, key: str = "key", settings: LossSettings = SETTINGS, **comparison: Any) -> Any:
    values = {"stored": 10, **comparison}
    stored = compared(0, values.pop("stored"), **values)
    hold, plan = guard(changes, stored, "Employee", key, settings, apply=True)
    assert (hold is Hold.LOSSES) is bool(plan.held_because)
    return plan.held_because and plan.held_because.code


@pytest.mark.parametrize(
    ("apply", "lost_ids", "hold", "held"),
    [
        (True, "ab", Hold.NOTHING, 0),
        (True, "abc", Hold.LOSSES, 3),
        # A run that shall not apply holds creates and harmless updates, too.
        (False, "ab", Hold.EVERYTHING, 2 + 1 + 4),
        (False, "abc", Hold.EVERYTHING, 3 + 1 + 4),
    ],
)
def test_a_plan_is_held_whole_in_its_losses_or_not_at_all(lost_ids: str, hold: Hold, held: int, *, apply: bool) -> None:
    changes = replace(lost(*lost_ids), updates=turned("x", loss=Loss.NONE).updates, unconfirmed=("u",))
    decided, plan = guard(changes, compared(9, 10, creates=4), "Employee", "key", SETTINGS, apply=apply)
    assert (decided, plan.held) == (hold, held)
    assert (plan.creates, plan.updates, plan.removes, plan.unconfirmed) == (4, 1, len(lost_ids), 1)


@pytest.mark.parametrize(
    ("changes", "comparison", "code"),
    [
        (lost("a", "b"), {}, None),
        (lost("a", "b", "c"), {}, Code.TOO_MANY_LOST),
        (turned("a", "b", "c"), {}, Code.TOO_MANY_LOST),
        (turned("a", "b", "c", loss=Loss.NONE), {}, None),
        # Three of forty are few; of ten who are active they are many.
        (lost("a", "b", "c"), {"stored": 40, "active": 10}, Code.TOO_MANY_ACTIVE_LOST),
        (lost("a", "b", "c", loss=Loss.OTHER), {"stored": 40, "active": 10}, None),
        # Two were lost before: the third is too many, also where the two are gone altogether.
        (lost("a"), {"stored": 8, "lost_before": TWO_REMOVED}, Code.TOO_MANY_LOST),
        (lost("a"), {"stored": 10, "active": 8, "lost_before": TWO_LEFT}, Code.TOO_MANY_LOST),
        (lost("a"), {"stored": 13, "lost_before": TWO_REMOVED}, None),
        # Against what there was at the start of the window: 3 of 15, not of 13.
        (lost("a"), {"stored": 100, "active": 13, "lost_before": TWO_LEFT}, None),
        (lost("a"), {"stored": 100, "active": 12, "lost_before": TWO_LEFT}, Code.TOO_MANY_ACTIVE_LOST),
        # A row that turned inactive within the window and is removed now is one loss.
        (lost("y", loss=Loss.OTHER), {"lost_before": TWO_LEFT}, None),
        (KindChanges(), {"lost_before": dict.fromkeys("abcdef", REMOVED)}, None),
    ],
)
def test_losses_are_counted_against_what_was_there_at_the_start_of_the_window(
    changes: KindChanges, comparison: dict[str, Any], code: Code | None
) -> None:
    assert guarded(changes, **comparison) is code


@pytest.mark.parametrize(
    ("accepted", "stored", "code"),
    [
        ("key", 1000, None),
        ("another", 1000, Code.ACCEPTANCE_CHANGED),
        # Rows that only incomplete runs brought: nothing vouches for their loss.
        (None, 1000, Code.ACCEPTANCE_CHANGED),
        (None, 0, None),
    ],
)
def test_a_loss_needs_an_accepted_reading_with_the_same_key(
    accepted: str | None, stored: int, code: Code | None
) -> None:
    assert guarded(lost("a"), stored=stored, accepted_key=accepted) is code


# ---- fields that emptied


@pytest.mark.parametrize(
    ("before", "now", "emptied"),
    [
        ({"email": 1.0}, {}, True),
        ({"email": 0.5}, {}, True),
        ({"email": 0.49}, {}, False),
        ({"email": 1.0}, {"email": 0.05}, True),
        ({"email": 1.0}, {"email": 0.06}, False),
        ({}, {}, False),
    ],
)
def test_a_field_emptied_if_most_rows_had_it_and_almost_none_has_it_now(
    before: dict[str, float], now: dict[str, float], *, emptied: bool
) -> None:
    found = emptied_fields(before, now, filled=0.5, emptied=0.05)
    assert found == ({"email": (before["email"], now.get("email", 0.0))} if emptied else {})

"""When losses are held."""

from dataclasses import replace
from typing import Any

import pytest

from builders import compared, declaration, evidence, lost, read_result, turned
from connector_core.discovery.changes import KindChanges
from connector_core.discovery.guards import LossCount, guard, loss_reason
from connector_core.reasons import Code, Reason
from connector_core.settings import LossSettings
from connector_core.store.comparison import Loss, LostBefore
from connector_core.store.planned import Hold, Removal

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
    return loss_reason(everyone, active, acceptance_changed=changed, settings=LossSettings(**settings))


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
    found = replace(evidence(comparison=stored), acceptance_key=key)
    hold, plan = guard(changes, found, settings, provider="Example HR", apply=True)
    assert (hold is Hold.LOSSES) is bool(plan.held_because)
    return plan.held_because[0].code if plan.held_because else None


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
    found = evidence(comparison=compared(9, 10, creates=4))
    decided, plan = guard(changes, found, SETTINGS, provider="Example HR", apply=apply)
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


# ---- rows that vanish


def vanished(
    *ids: str, size: int = 1000, named: str = "", lists_inactive: bool = True, **more: Any
) -> tuple[Hold, list[Reason]]:
    result = replace(read_result(), declaration=replace(declaration(), lists_inactive=lists_inactive))
    found = evidence(result, compared(0, size, **more), named=frozenset(named))
    hold, plan = guard(lost(*ids), found, SETTINGS, provider="Example HR", apply=True)
    assert plan.held == (len(ids) if hold else 0)
    return hold, list(plan.held_because)


def too_many(rows: int, size: int) -> Reason:
    return Reason(Code.TOO_MANY_VANISHED, rows=rows, size=size, days=7, provider="Example HR")


@pytest.mark.parametrize(
    ("ids", "size", "held"),
    [
        # Three of many …
        ("ab", 1000, False),
        ("abc", 1000, True),
        # … or one percent of few.
        ("a", 101, False),
        ("a", 100, True),
        ("ab", 201, False),
        ("ab", 200, True),
    ],
)
def test_few_rows_vanish_where_those_that_have_left_stay_listed(ids: str, size: int, *, held: bool) -> None:
    expected = (Hold.VANISHED, [too_many(len(ids), size)]) if held else (Hold.NOTHING, [])
    assert vanished(*ids, size=size) == expected
    assert vanished(*ids, size=size, lists_inactive=False) == (Hold.NOTHING, [])


def test_rows_that_vanish_one_by_one_add_up() -> None:
    assert vanished("a", size=998, lost_before=TWO_REMOVED) == (Hold.VANISHED, [too_many(3, 1000)])
    # Those who have left and stay listed have not vanished.
    assert vanished("a", size=998, lost_before=TWO_LEFT) == (Hold.NOTHING, [])


def test_a_row_that_others_still_name_is_never_removed_unseen() -> None:
    for lists_inactive in (True, False):
        hold, reasons = vanished("a", named="a", lists_inactive=lists_inactive)
        assert (hold, reasons) == (Hold.VANISHED, [Reason(Code.STILL_NAMED, rows=1, example="a")])


def test_a_row_that_is_of_another_kind_now_has_not_vanished() -> None:
    removal = Removal("a", Reason(Code.OTHER_KIND), Loss.ACTIVE, b"")
    result = replace(read_result(), declaration=replace(declaration(), lists_inactive=True))
    found = evidence(result, compared(0, 10), named=frozenset("a"))
    hold, plan = guard(KindChanges(removals=(removal,)), found, SETTINGS, provider="Example HR", apply=True)
    assert (hold, plan.held) == (Hold.NOTHING, 0)


def test_while_vanished_rows_are_held_other_losses_are_applied() -> None:
    removals = (*lost("a", "b", "c").removals, Removal("d", Reason(Code.OTHER_KIND), Loss.ACTIVE, b""))
    changes = replace(turned("e"), removals=removals)
    result = replace(read_result(), declaration=replace(declaration(), lists_inactive=True))
    hold, plan = guard(changes, evidence(result, compared(0, 100)), SETTINGS, provider="Example HR", apply=True)
    assert [one.source_id for one in changes.removals if one.held(hold)] == ["a", "b", "c"]
    assert plan.held == 3


# ---- another company


def test_creates_and_updates_are_held_too_where_another_company_was_read() -> None:
    because = Reason(Code.OTHER_TENANT, tenant="globex", stored="acme")
    found = evidence(comparison=compared(9, 10, creates=4))
    changes = turned("x", loss=Loss.NONE)
    hold, plan = guard(changes, found, SETTINGS, provider="Example HR", apply=True, other_tenant=because)
    assert (hold, plan.held, plan.held_because) == (Hold.EVERYTHING, 4 + 1, (because,))

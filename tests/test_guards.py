"""When losses are held: pure decisions."""

import pytest

from connector_core.discovery.guards import Toll, hold_reason
from connector_core.settings import LossSettings

SETTINGS = LossSettings()


def toll(planned: int, recent: int, size: int) -> Toll:
    ids = [f"p{one}" for one in range(planned)], [f"r{one}" for one in range(recent)]
    return Toll(frozenset(ids[0]), frozenset(ids[1]), size)


@pytest.mark.parametrize(
    ("planned", "recent", "size", "held"),
    [
        (0, 0, 100, False),
        (0, 50, 100, False),
        (2, 0, 2, False),
        (3, 0, 10, True),
        (3, 0, 15, False),
        (4, 0, 15, True),
        (20, 0, 100, False),
        (21, 0, 100, True),
        (1, 20, 100, True),
        (1, 19, 100, False),
    ],
)
def test_losses_are_held_above_a_share_and_a_number(planned: int, recent: int, size: int, held: bool) -> None:
    one = toll(planned, recent, size)
    assert bool(hold_reason(one, toll(0, 0, 0), scope_changed=False, settings=SETTINGS)) is held
    assert one.exceeds(SETTINGS) is held


def test_the_last_of_the_active_are_not_a_small_share_of_all() -> None:
    reason = hold_reason(toll(10, 0, 60), toll(10, 0, 10), scope_changed=False, settings=SETTINGS)
    assert "10 of 10 active would be lost" in reason


def test_somebody_who_turned_inactive_and_is_then_removed_counts_once() -> None:
    assert Toll(frozenset({"a", "b"}), frozenset({"b", "c"}), 10).lost == 3


def test_any_loss_is_held_when_what_it_was_read_with_has_changed() -> None:
    assert hold_reason(toll(1, 0, 1000), toll(0, 0, 0), scope_changed=True, settings=SETTINGS)
    assert not hold_reason(toll(0, 0, 1000), toll(0, 0, 0), scope_changed=True, settings=SETTINGS)


def test_the_thresholds_are_settings() -> None:
    strict = LossSettings(share=0, at_least=1)
    assert hold_reason(toll(1, 0, 1000), toll(0, 0, 0), scope_changed=False, settings=strict)

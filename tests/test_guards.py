"""When losses are held: pure decisions."""

import pytest

from connector_core.discovery.guards import hold_reason
from connector_core.settings import LossSettings


def ids(number: int, prefix: str = "p") -> set[str]:
    return {f"{prefix}{one}" for one in range(number)}


@pytest.mark.parametrize(
    ("planned", "recent", "size", "held"),
    [
        (0, 0, 100, False),
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
    reason = hold_reason(
        planned=ids(planned), recent=ids(recent, "r"), size=size, scope_changed=False, settings=LossSettings()
    )
    assert bool(reason) is held


def test_somebody_who_turned_inactive_and_is_then_removed_counts_once() -> None:
    arguments = {"planned": ids(3), "recent": ids(3), "size": 14, "scope_changed": False}
    assert not hold_reason(**arguments, settings=LossSettings(at_least=3, share=0.25))  # type: ignore[arg-type]


def test_any_loss_is_held_when_what_it_was_read_with_has_changed() -> None:
    assert hold_reason(planned=ids(1), recent=set(), size=1000, scope_changed=True, settings=LossSettings())
    assert not hold_reason(planned=set(), recent=set(), size=1000, scope_changed=True, settings=LossSettings())


def test_the_thresholds_are_settings() -> None:
    strict = LossSettings(share=0, at_least=1)
    assert hold_reason(planned=ids(1), recent=set(), size=1000, scope_changed=False, settings=strict)

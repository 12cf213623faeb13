"""The delivery of notices: what a channel does, the outcome of an attempt, and the waits between attempts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from connector_core.store import Notice

_FIRST_WAIT, _GROWTH, _LONGEST_WAIT = 30.0, 2.5, 43_200.0
"""Ten attempts take about a day."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one attempt. Without a problem, or where it ``is_delivered`` all the same, it is the last one."""

    problem: str = ""
    is_final: bool = False
    """No further attempt is worth while."""
    is_delivered: bool = False

    @property
    def ok(self) -> bool:
        return self.is_delivered or not self.problem


class Channel(Protocol):
    """A way by which notices go."""

    name: str

    async def deliver(self, notice: Notice) -> Delivery:
        """Try once to deliver a notice. What goes wrong is returned, and never raised."""
        ...


def wait_after(tries: int) -> timedelta:
    """Return the wait after so many attempts."""
    # The exponent is limited, since a power may be too large for a float.
    return timedelta(seconds=min(_FIRST_WAIT * _GROWTH ** min(tries - 1, 60), _LONGEST_WAIT))

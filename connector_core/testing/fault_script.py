"""Scripted faults: which request fails, how, and how often.

``502@3`` fails the third request; ``502@3x2`` the third and the fourth; ``stall@2:/groups`` the second request under
``/groups``. Without ``@`` every request fails.
"""

import re
from dataclasses import dataclass

from connector_core.errors import SettingsError
from connector_core.suggestions import did_you_mean
from connector_core.testing.listing_faults import LISTING_FAULTS
from connector_core.testing.network_faults import NETWORK_FAULTS, THROTTLES
from connector_core.testing.spellings import SPELLINGS

KINDS = (*NETWORK_FAULTS, *THROTTLES, *LISTING_FAULTS, *SPELLINGS)
"""Kinds that a script may name besides an HTTP status."""
_FAULT = re.compile(r"(?P<kind>[a-z_]+|[1-5]\d\d)(?:@(?P<first>\d+))?(?:x(?P<times>\d+))?(?::(?P<path>/\S*))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``kind`` is an HTTP status or one of ``KINDS``.

    Example: ``Fault.parse("502@3x2:/people") == Fault("502", first=3, times=2, path="/people")``.
    """

    kind: str
    first: int = 0
    """Number of the first request that fails, counted from 1 under ``path``; 0 for every request."""
    times: int = 1
    path: str = "/"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Parse one part of a script."""
        match = _FAULT.fullmatch(text.strip())
        if not match or not (match["kind"].isdigit() or match["kind"] in KINDS):
            raise SettingsError(
                f"{text!r} is not a valid fault: write a status or one of {', '.join(KINDS)}, then @N, xTIMES, :/path.",
                hint=did_you_mean(re.split("[@:]", text)[0], KINDS)
                or "502@3x2:/profiles answers 502 to the third and fourth request under /profiles.",
            )
        return cls(match["kind"], int(match["first"] or 0), int(match["times"] or 1), match["path"] or "/")

    def applies_to(self, number: int) -> bool:
        """Return True if the request with this number fails."""
        return self.first == 0 or self.first <= number < self.first + self.times


class Faults:
    """The fault script of one server, and the faults that have fired.

    Example: ``simulator.faults = Faults("502@3x2:/people, stall@9")``.
    """

    def __init__(self, script: str = "") -> None:
        self._faults = [Fault.parse(part) for part in script.split(",") if part.strip()]
        self._requests = [0] * len(self._faults)
        self.fired: list[Fault] = []
        self.fired_at: list[str] = []
        """Paths of the requests at which faults fired."""

    def next(self, path: str) -> Fault | None:
        """Count one request for this path, and return the fault that applies to it, if any."""
        applied = None
        for index, fault in enumerate(self._faults):
            if path.startswith(fault.path):
                self._requests[index] += 1
                if applied is None and fault.applies_to(self._requests[index]):
                    applied = fault
        if applied:
            self.fired.append(applied)
            self.fired_at.append(path)
        return applied

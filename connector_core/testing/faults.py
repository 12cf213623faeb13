"""Faults by script: which request fails, how, and how often.

``502@3`` fails the third request; ``502@3x2`` the third and the fourth; ``stall@2:/groups`` the second request
under ``/groups``; without ``@`` every request fails.
"""

import re
from dataclasses import dataclass

from connector_core.errors import SettingsError
from connector_core.testing.listing_faults import DAMAGES
from connector_core.testing.network_faults import STRIKES, THROTTLES

KINDS = (*STRIKES, *THROTTLES, *DAMAGES)
"""Besides a status."""
_SCRIPT = re.compile(r"(?P<kind>[a-z_]+|[1-5]\d\d)(?:@(?P<at>\d+))?(?:x(?P<times>\d+))?(?::(?P<path>/\S*))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``kind`` is a status, a fault of the wire (``strike.py``) or one of a listing (``damage.py``)."""

    kind: str
    at: int = 0
    """The first request that fails, counted from 1 among those under ``path``; 0 for every request."""
    times: int = 1
    path: str = "/"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """One part of a script."""
        found = _SCRIPT.fullmatch(text.strip())
        if not found or not (found["kind"].isdigit() or found["kind"] in KINDS):
            raise SettingsError(
                f"{text!r} is no fault: write a status or one of {', '.join(KINDS)}, then @N, xTIMES, :/path.",
                hint="502@3x2:/profiles answers 502 to the third and fourth request under /profiles.",
            )
        return cls(found["kind"], int(found["at"] or 0), int(found["times"] or 1), found["path"] or "/")

    def strikes(self, number: int) -> bool:
        return self.at == 0 or self.at <= number < self.at + self.times


class Faults:
    """The script of one server, and which of its faults were seen to fire."""

    def __init__(self, script: str = "") -> None:
        self._faults = [Fault.parse(part) for part in script.split(",") if part.strip()]
        self._counts = [0] * len(self._faults)
        self.fired: list[Fault] = []
        self.struck: list[str] = []
        """The paths at which they did."""

    def next(self, path: str) -> Fault | None:
        """The fault that this request meets, if any."""
        struck = None
        for index, fault in enumerate(self._faults):
            if path.startswith(fault.path):
                self._counts[index] += 1
                if struck is None and fault.strikes(self._counts[index]):
                    struck = fault
        if struck:
            self.fired.append(struck)
            self.struck.append(path)
        return struck

"""Facts that a connector's README records: the tier that the kit has found, and what is not verified."""

import re
from dataclasses import dataclass
from functools import cache

from connector_core.sdk.connector import AnyConnector
from connector_core.testing.readme import MARKED, readme_of, tier_in

_CELLS = re.compile(r"(?<!\\)\|")
_ANY_VALUE = frozenset({"a number", "text"})


@dataclass(frozen=True, slots=True)
class OpenFact:
    """A fact about the provider that its public material leaves open: a switch of the connector's simulator."""

    name: str
    meaning: str
    values: str
    assumed: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The facts that ship with a connector; empty where it has no README."""

    tier: str = ""
    open_facts: tuple[OpenFact, ...] = ()


@cache
def recorded(connector: type[AnyConnector]) -> Recorded:
    """Return the facts in a connector's README. It ships with the connector, and does not change while it is loaded."""
    try:
        text = readme_of(connector).read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):
        return Recorded()
    return Recorded(tier_in(text), tuple(_open_facts(text)))


def _open_facts(text: str) -> list[OpenFact]:
    part = next((found[0] for found in MARKED.finditer(text) if found[2] == "switches"), "")
    rows = [[cell.strip().strip("`") for cell in _CELLS.split(line)[1:-1]] for line in part.splitlines()[3:-1]]
    # Numbers set the scale of a simulated tenant: they are no facts about the provider.
    return [
        OpenFact(name, meaning.replace("\\|", "|"), values, assumed)
        for name, values, assumed, meaning in (row for row in rows if len(row) == 4)
        if values not in _ANY_VALUE
    ]

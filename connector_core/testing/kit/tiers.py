"""A rule of the kit, and the tiers that rules belong to."""

from dataclasses import dataclass
from enum import IntEnum


class Tier(IntEnum):
    """Trust in a connector. A tier is reached when all its rules, and those of lower tiers, are kept."""

    NONE = 0
    BRONZE = 1
    """It reads what it declares, keeps secrets, and tells the operator what to do."""
    SILVER = 2
    """No fault of the provider loses, removes or empties an entity."""
    GOLD = 3
    """It respects the provider's quota, resumes, and can be stopped at any moment."""
    PLATINUM = 4
    """It scales: memory stays flat, and requests grow with pages only."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``name`` is SUITE.WORD, ``promise`` what a connector keeps, ``how`` the kit's check of it."""

    name: str
    tier: Tier
    promise: str
    how: str

    @property
    def suite(self) -> str:
        return self.name.partition(".")[0]


def rules(*rows: tuple[str, Tier, str, str]) -> dict[str, Rule]:
    return {name: Rule(name, tier, promise, how) for name, tier, promise, how in rows}

"""Grants of the simulated authorization server: codes that were not used yet, and the tokens of a consent."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that was not used yet."""

    challenge: str
    redirect_uri: str
    scope: str
    until: float


@dataclass(slots=True)
class Family:
    """The refresh tokens of one consent, and the access tokens that they have brought."""

    scope: str
    tokens: list[str] = field(default_factory=list)
    """All of them, the newest last."""
    access: set[str] = field(default_factory=set)
    revoked: bool = False

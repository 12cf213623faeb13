"""Integrations that were checked and not saved yet. Their secrets never travel back to the browser."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from pydantic import SecretStr

from connector_core.http import TokensInMemory
from connector_core.outcomes import CheckReport
from connector_core.sign_in import SignIn

_LIFETIME = 900.0
"""Seconds for which a draft can be saved."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a form, as one user typed them. Without a report they did not pass the check yet."""

    user: str
    connector: str
    name: str
    fields: Mapping[str, str | SecretStr] = field(repr=False)
    report: CheckReport | None
    until: float
    sign_in: SignIn | None = None
    """The sign-in of a user that is awaited."""
    tokens: TokensInMemory | None = field(default=None, repr=False)
    """The tokens of a user who has signed in."""


class Drafts:
    """Drafts by an id that cannot be guessed; kept in memory only, for a quarter of an hour."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, Draft] = {}
        self._saved: dict[str, Draft] = {}

    def add(
        self,
        user: str,
        connector: str,
        name: str,
        fields: Mapping[str, str | SecretStr],
        report: CheckReport | None,
        *,
        sign_in: SignIn | None = None,
        tokens: TokensInMemory | None = None,
    ) -> str:
        """Keep a draft; return its id."""
        now = self._clock()
        # The oldest first: ids are in the order in which they were added.
        for key in [key for key, one in self._kept.items() if one.until <= now]:
            del self._kept[key]
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        key = secrets.token_urlsafe(24)
        self._kept[key] = Draft(user, connector, name, dict(fields), report, now + _LIFETIME, sign_in, tokens)
        return key

    def find(self, key: str, user: str) -> Draft | None:
        """Return a draft of this user, or None if there is none or it is too old."""
        found = self._kept.get(key)
        return found if found and found.user == user and found.until > self._clock() else None

    def awaiting(self, state: str, user: str) -> str:
        """Return the id of this user's draft whose sign-in has this state; empty if there is none."""
        found = [key for key, one in self._kept.items() if one.sign_in and one.sign_in.awaits(state)]
        return next((key for key in found if self.find(key, user)), "")

    def note_saved(self, key: str) -> None:
        """Forget a draft, and remember for a while that its integration was saved."""
        if found := self._kept.pop(key, None):
            saved = Draft(found.user, found.connector, found.name, {}, None, self._clock() + _LIFETIME)
            self._saved[key] = saved
            while len(self._saved) > _MOST:
                del self._saved[next(iter(self._saved))]

    def saved_as(self, key: str, user: str) -> str:
        """Return the name that a draft of this user was saved by a while ago; empty if there was none."""
        found = self._saved.get(key)
        return found.name if found and found.user == user and found.until > self._clock() else ""

    def drop(self, key: str) -> None:
        """Forget a draft."""
        self._kept.pop(key, None)

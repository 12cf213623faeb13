"""The audit log in words: who did what, and when. It holds codes and numbers, and no value of a person."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Detail = str | int | bool
"""A code, a number or a cron expression; never a secret, nor the name, address or id of a person."""

ACTOR: ContextVar[str] = ContextVar("actor", default="local")
"""The name of the user or the part of the program that acts."""


class Action(StrEnum):
    """An action that the audit log tells of."""

    CONNECTED = "connected"
    RECONNECTED = "reconnected"
    """An existing integration was given credentials: the same again, or others."""
    RUN_STARTED = "run_started"
    RUN_CANCELLED = "run_cancelled"
    PLAN_APPLIED = "plan_applied"
    """A held plan, or a part of it."""
    PLAN_DISCARDED = "plan_discarded"
    UNDONE = "undone"
    PAUSED = "paused"
    RESUMED = "resumed"
    SCHEDULED = "scheduled"
    SECRETS_ROTATED = "secrets_rotated"
    REMOVED = "removed"
    PREVIEWED = "previewed"
    """One row was requested from the provider, to be looked at."""
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action."""

    number: int
    """The later an entry, the greater."""
    at: datetime
    actor: str
    action: Action
    integration: str | None
    """It may have been removed since, and its name may have been given to another one."""
    run_id: str | None
    details: Mapping[str, Detail]


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Within this context, and the tasks that are started in it, the audit log names this actor."""
    token = ACTOR.set(actor)
    try:
        yield
    finally:
        ACTOR.reset(token)

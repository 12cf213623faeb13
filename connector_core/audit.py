"""Who does what: the actor of what is going on, and the entries of the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

ACTOR: ContextVar[str] = ContextVar("actor", default="local")


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Within this context what is done is done by this actor."""
    token = ACTOR.set(actor)
    try:
        yield
    finally:
        ACTOR.reset(token)


class Action(StrEnum):
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"

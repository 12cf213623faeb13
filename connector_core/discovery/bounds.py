"""Bounds on what is read of one kind: a listing without an end fills neither the disk nor the memory."""

from collections.abc import Iterable

from connector_core.discovery.tally import Tally
from connector_core.reasons import Code, Reason
from connector_core.settings import BoundSettings
from connector_core.store.staging import StagedRow


def size_of(rows: Iterable[StagedRow]) -> int:
    """Return the bytes of the bodies of these rows."""
    return sum([size_of_body(body) for _, body, *_ in rows])


def size_of_body(body: str | None) -> int:
    """Return the bytes of a body; 0 for a row of another kind."""
    if body is None:
        return 0
    return len(body) if body.isascii() else len(body.encode())


def bound_reached(tally: Tally, size: int, settings: BoundSettings) -> Reason | None:
    """Return the bound that a reading has exceeded, if it has. ``size`` is the bytes of its rows so far."""
    rejected = len(tally.rejected)
    read = {"rows": tally.seen + rejected, "bytes": size, "rejected": rejected}
    for setting, number in read.items():
        bound: int = getattr(settings, setting)
        if number > bound:
            return Reason(Code.BOUND_REACHED, setting=setting, bound=bound)
    return None

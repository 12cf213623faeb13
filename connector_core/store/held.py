"""The plan that waits for an operator, and the fingerprint by which a decision names what was shown."""

import hashlib
from dataclasses import dataclass

from connector_core.store.headcounts import last_move
from connector_core.store.sqlite import Cursor


@dataclass(frozen=True, slots=True)
class Held:
    """The held changes of an integration's newest plan."""

    run_id: str
    changes: int
    fingerprint: str
    """Two that are equal have the same changes, with the same old and new values."""


def find_held(cursor: Cursor, integration: str) -> Held | None:
    """Return the held plan: after a run for one kind, another kind's may be of an older run."""
    # Counted in the order of the index, and then joined: a plan may have a change for each of very many rows.
    found = cursor.execute(
        "SELECT r.id, sum(c.number) FROM (SELECT run_id, kind, count(*) AS number FROM changes WHERE integration = ? "
        "AND state = 'held' GROUP BY kind, run_id) c JOIN runs r ON r.id = c.run_id AND r.verdict IS NOT NULL "
        "GROUP BY r.id ORDER BY max(r.n) DESC LIMIT 1",
        (integration,),
    ).fetchone()
    if not found:
        return None
    run_id, changes = found
    return Held(run_id, changes, _fingerprint(run_id, changes, last_move(cursor, integration)))


def _fingerprint(run_id: str, changes: int, last_move: int) -> str:
    """Return a digest of what determines a held plan, without reading it: it may have very many changes.

    Once its run has ended, a plan gets no further change, and one that waits is never rewritten: it only leaves, so as
    many are the same ones. Their old values, and the names in them, are those of stored rows, which change only when a
    plan is applied or put back.
    """
    return hashlib.blake2b(f"{run_id} {changes} {last_move}".encode(), digest_size=16).hexdigest()

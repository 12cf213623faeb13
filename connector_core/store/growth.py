"""Recent growth of a kind."""

from datetime import UTC, datetime, timedelta

from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, timestamp


def created_before(cursor: Cursor, of: StoredKind, days: int, stored: int) -> int:
    """Count the rows that runs created within the window, without those that the kind began with.

    It began with its first complete reading; before one, with the first run that created any. What an operator has
    approved since, as its run had ended, is no growth to ask about again.
    """
    moment = datetime.now(UTC)
    created = cursor.execute(
        "SELECT n, count(*) FROM (SELECT min(r.n) AS n FROM runs r JOIN changes c ON c.run_id = r.id AND c.kind = ? "
        "WHERE r.integration = ? AND r.started_at BETWEEN ? AND ? AND c.operation = 'create' AND c.state = 'applied' "
        "AND c.decided_at <= r.finished_at AND r.n > coalesce((SELECT o.n FROM runs o JOIN certificates t "
        "ON t.run_id = o.id AND t.kind = ? AND t.complete = 1 WHERE o.integration = ? ORDER BY o.n LIMIT 1), 0) "
        "GROUP BY c.source_id) GROUP BY n ORDER BY n",
        (
            *(of.kind, of.integration, timestamp(moment - timedelta(days=days)), timestamp(moment)),
            *(of.kind, of.integration),
        ),
    ).fetchall()
    counts = [count for _, count in created]
    return sum(counts) if sum(counts) < stored else sum(counts[1:])

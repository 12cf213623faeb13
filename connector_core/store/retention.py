"""Retention: what is too old is deleted, in steps that are short, and whole each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector_core.outcomes import State
from connector_core.settings import RetentionSettings
from connector_core.store.application import end_held
from connector_core.store.sqlite import Cursor, Table, now, reads_in_turn, timestamp, writes
from connector_core.store.staging import close_readings

_ROWS = 5_000
"""Changes in one step: other processes wait that long to write."""
_RUNS = 500
"""Runs in one step."""
_STEPS = 100
"""Most steps of a sort after a run: the rest is left to the next one."""

_EVER = "~"
"""Later than every moment, as texts are compared."""

# Runs that are kept at any age: of plans that wait, of losses and cleared values that still count, of scans that are
# the first witness of a row's absence, and of readings that may be resumed.
_NEEDED = (
    "SELECT run_id FROM changes WHERE integration = ? AND state = 'held' "
    "UNION SELECT run_id FROM changes WHERE integration = ? AND loss > 0 AND decided_at >= ? "
    "UNION SELECT run_id FROM changes WHERE integration = ? AND cleared IS NOT NULL AND decided_at >= ? "
    "UNION SELECT missed_run FROM entities WHERE integration = ? AND missed_run IS NOT NULL "
    "UNION SELECT run_id FROM readings WHERE integration = ? AND is_open = 1 AND run_id IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The moments before which things are too old."""

    newest: str
    """The beginning of the later of the last two runs."""
    runs: str
    changes: str
    held: str
    window: str


class Retention(Table):
    """Deletes history. Stored entities are never touched, and ``Erasures`` clears the files."""

    async def prune(self, integration: str, settings: RetentionSettings, window: int) -> None:
        """Delete what is too old of an integration.

        ``window``: the days for which losses and cleared values count.
        """
        if limits := await self._limits(integration, settings, window):
            await self._date_changes(integration, limits)
            await self._discard_held(integration, limits)
            for step in (self._delete_changes, self._delete_runs, self._delete_headcounts):
                for _ in range(_STEPS):
                    if not await step(integration, limits):
                        break
            await self._delete_empty_readings(integration)

    async def clear(self, integration: str) -> None:
        """Delete all history of an integration that is about to be removed."""
        await self._close(integration)
        while await self._clear_step(integration) or await self._clear_headcounts(integration):
            pass

    @reads_in_turn
    def _limits(self, cursor: Cursor, integration: str, settings: RetentionSettings, window: int) -> _Limits | None:
        last = cursor.execute(
            "SELECT started_at FROM runs WHERE integration = ? ORDER BY n DESC LIMIT 2", (integration,)
        ).fetchall()
        if len(last) < 2:
            return None
        # Counted from the earlier of the last two: a clock that is ahead for one run deletes nothing. And never from a
        # moment to come: however many runs were dated ahead, they delete nothing once the clock is right.
        earlier, later = sorted([started_at for (started_at,) in last])
        moment = datetime.fromisoformat(min(earlier, now()))

        def before(days: int) -> str:
            return timestamp(moment - timedelta(days=days))

        return _Limits(
            newest=later,
            runs=before(settings.runs),
            changes=before(min(settings.changes, settings.runs)),
            held=before(settings.held),
            window=before(window),
        )

    @writes
    def _date_changes(self, cursor: Cursor, integration: str, limits: _Limits) -> None:
        """Let changes that are dated in the future count from now: a clock was ahead, and they would count until then.

        If a run is dated in the future, too, it may be today's clock that is wrong.
        """
        if limits.newest <= (moment := now()):
            for counts in ("loss > 0", "cleared IS NOT NULL"):
                cursor.execute(
                    f"UPDATE changes SET decided_at = ? WHERE integration = ? AND {counts} AND decided_at > ?",  # noqa: S608
                    (moment, integration, moment),
                )

    @writes
    def _discard_held(self, cursor: Cursor, integration: str, limits: _Limits) -> None:
        which = "integration = ? AND run_id IN (SELECT id FROM runs WHERE integration = ? AND started_at < ?)"
        end_held(cursor, integration, State.DISCARDED, which, integration, integration, limits.held)

    @writes
    def _delete_changes(self, cursor: Cursor, integration: str, limits: _Limits) -> bool:
        """Delete some changes of old runs; return False when there are none left."""
        runs = _old_runs(cursor, integration, limits, limits.changes, having="EXISTS")
        _delete_changes_of(cursor, runs)
        return bool(runs)

    @writes
    def _delete_runs(self, cursor: Cursor, integration: str, limits: _Limits) -> bool:
        """Delete some old runs whose changes are gone; return False when there are none left."""
        runs = _old_runs(cursor, integration, limits, limits.runs, having="NOT EXISTS")
        _delete_empty_runs(cursor, runs)
        return bool(runs)

    @writes
    def _delete_headcounts(self, cursor: Cursor, integration: str, limits: _Limits) -> bool:
        """Delete some head-counts that are as old as runs may be; return False when there are none left."""
        return _delete_oldest_headcounts(cursor, integration, limits.runs)

    @writes
    def _delete_empty_readings(self, cursor: Cursor, integration: str) -> None:
        """Delete the readings of which no row is stored any more."""
        cursor.execute(
            "DELETE FROM readings WHERE integration = ? AND is_open = 0 "
            "AND NOT EXISTS (SELECT 1 FROM bodies b WHERE b.reading = readings.id)",
            (integration,),
        )

    @writes
    def _close(self, cursor: Cursor, integration: str) -> None:
        # First of all: once its changes and runs are gone, it is not known which bodies were waiting.
        end_held(cursor, integration, State.DISCARDED, "integration = ?", integration)
        close_readings(cursor, integration)

    @writes
    def _clear_step(self, cursor: Cursor, integration: str) -> bool:
        rows = cursor.execute("SELECT id FROM runs WHERE integration = ? LIMIT ?", (integration, _RUNS))
        runs = [run_id for (run_id,) in rows.fetchall()]
        _delete_empty_runs(cursor, _delete_changes_of(cursor, runs))
        return bool(runs)

    @writes
    def _clear_headcounts(self, cursor: Cursor, integration: str) -> bool:
        return _delete_oldest_headcounts(cursor, integration, _EVER)


def _delete_oldest_headcounts(cursor: Cursor, integration: str, before: str) -> bool:
    """Delete those of the oldest head-counts that are from before a moment; return False if there were none."""
    oldest = "SELECT n, at FROM headcounts WHERE integration = ? ORDER BY n LIMIT ?"
    deleted = cursor.execute(
        f"DELETE FROM headcounts WHERE n IN (SELECT n FROM ({oldest}) WHERE at < ?)",  # noqa: S608 - a constant
        (integration, _RUNS, before),
    ).rowcount
    return deleted > 0


def _old_runs(cursor: Cursor, integration: str, limits: _Limits, before: str, *, having: str) -> list[str]:
    """Return some runs that are too old, the oldest first: those ``having`` changes, EXISTS or NOT EXISTS."""
    rows = cursor.execute(
        "SELECT id FROM runs r WHERE integration = ? AND started_at < ? "  # noqa: S608 - ours
        f"AND {having} (SELECT 1 FROM changes c WHERE c.run_id = r.id) AND id NOT IN ({_NEEDED}) "
        "ORDER BY started_at LIMIT ?",
        (
            *(integration, before, integration, integration, limits.window, integration, limits.window),
            *(integration, integration, _RUNS),
        ),
    )
    return [run_id for (run_id,) in rows.fetchall()]


def _delete_empty_runs(cursor: Cursor, runs: Iterable[str]) -> None:
    cursor.executemany("DELETE FROM runs WHERE id = ?", [(run_id,) for run_id in runs])


def _delete_changes_of(cursor: Cursor, runs: Iterable[str]) -> list[str]:
    """Delete changes of these runs, as many as one step may; return the runs that have none left."""
    left, emptied = _ROWS, []
    for run_id in runs:
        left -= _delete_some_changes(cursor, run_id, left)
        if left <= 0:
            break
        emptied.append(run_id)
    return emptied


def _delete_some_changes(cursor: Cursor, run_id: str, most: int) -> int:
    """Delete changes of a run, at most so many; return how many."""
    last = cursor.execute(
        "SELECT kind, source_id FROM changes WHERE run_id = ? ORDER BY kind, source_id LIMIT 1 OFFSET ?",
        (run_id, most),
    ).fetchone()
    if last is None:
        return cursor.execute("DELETE FROM changes WHERE run_id = ?", (run_id,)).rowcount
    return cursor.execute(
        "DELETE FROM changes WHERE run_id = ? AND (kind, source_id) < (?, ?)", (run_id, *last)
    ).rowcount

"""The rows of a reading beside what is stored: everything that a plan is made from."""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from connector_core.store.growth import created_before
from connector_core.store.rows import Reading, StoredKind
from connector_core.store.sqlite import IDS, Cursor, Table, reads_in_turn, timestamp
from connector_core.store.sqlite_json import filled, holds, values_of

_PAGE = 1000
NEW_ROWS = (
    "latest l WHERE l.reading = ? AND l.digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entities e "
    "WHERE e.integration = ? AND e.kind = ? AND e.source_id = l.source_id)"
)
"""The rows of a reading that are not stored yet."""


class Loss(IntEnum):
    """The severity of a change: the loss that it means."""

    NONE = 0
    OTHER = 1
    """A row that was not active, or is of a kind that knows no status."""
    ACTIVE = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored row that was read with other content. ``stored`` and ``read`` are JSON bodies."""

    source_id: str
    stored: str
    read: str
    digest: bytes
    base_digest: bytes
    page: int | None = None
    """The response that brought the row, and its place in it."""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A stored row that the reading lacks; ``other_kind`` when its row was read and is not of this kind any more."""

    source_id: str
    other_kind: bool
    missed_before: bool
    """An earlier complete scan, long enough ago and read with the same acceptance key, lacked it too."""
    active: bool
    base_digest: bytes
    missed_run: str | None = None
    """The first of the scans in a row that lacked it, before this one."""


@dataclass(frozen=True, slots=True)
class LostBefore:
    """One loss within the window: how much it took away, and whether the row was removed."""

    loss: Loss
    removed: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One reading beside what is stored."""

    staged: int
    """Distinct entities read."""
    stored: int
    """Entities stored from before."""
    active: int
    """Those of them that are active."""
    creates: int
    """Entities read that are not stored."""
    differing: int = 0
    """Entities read with other content than is stored."""
    accepted_key: str | None = None
    """The token, account and rule of the last accepted reading."""
    was_complete: bool = False
    """A complete reading of the kind has been accepted."""
    lost_before: Mapping[str, LostBefore] = field(default_factory=dict)
    """The rows lost within the window, by id."""
    created_before: int = 0
    """The rows that runs created within the window, unasked, after the first reading of the kind."""


class Comparisons(Table):
    """Questions about a reading and the stored rows."""

    @reads_in_turn
    def compare(self, cursor: Cursor, reading: Reading, days: int, growth_days: int = 7) -> Comparison:
        """Compare an indexed reading with what is stored.

        ``days`` is the window for earlier losses, ``growth_days`` that for earlier creates.
        """
        of = reading.of
        (staged,) = cursor.execute(
            "SELECT count(*) FROM latest WHERE reading = ? AND digest IS NOT NULL", (reading.id,)
        ).fetchone()
        stored, active = cursor.execute(
            "SELECT count(*), coalesce(sum(active), 0) FROM entities WHERE integration = ? AND kind = ?",
            (of.integration, of.kind),
        ).fetchone()
        accepted = cursor.execute(
            "SELECT acceptance_key, was_complete FROM acceptances WHERE integration = ? AND kind = ?",
            (of.integration, of.kind),
        ).fetchone()
        creates, differing = staged, 0
        if stored:
            (creates,) = cursor.execute(
                f"SELECT count(*) FROM {NEW_ROWS}",  # noqa: S608 - a constant
                (reading.id, of.integration, of.kind),
            ).fetchone()
            (differing,) = cursor.execute(
                "SELECT count(*) FROM latest l JOIN entities e ON e.integration = ? AND e.kind = ? "
                "AND e.source_id = l.source_id WHERE l.reading = ? AND l.digest <> e.digest",
                (of.integration, of.kind, reading.id),
            ).fetchone()
        lost_before = _lost_before(cursor, of, days)
        return Comparison(
            staged=staged,
            stored=stored,
            active=active,
            creates=creates,
            differing=differing,
            accepted_key=accepted[0] if accepted else None,
            was_complete=bool(accepted and accepted[1]),
            lost_before=lost_before,
            created_before=created_before(cursor, of, growth_days, stored),
        )

    @reads_in_turn
    def missing(
        self, cursor: Cursor, reading: Reading, acceptance_key: str, missed_by: datetime
    ) -> tuple[Missing, ...]:
        """Return the stored rows that a reading lacks, by id. Scans that ended after ``missed_by`` are no witness."""
        rows = cursor.execute(
            "SELECT e.source_id, l.source_id IS NOT NULL, EXISTS (SELECT 1 FROM certificates t JOIN runs r "
            "ON r.id = t.run_id WHERE t.run_id = e.missed_run AND t.kind = e.kind AND t.acceptance_key = ? "
            "AND r.finished_at <= ?), e.active, e.digest, e.missed_run "
            "FROM entities e LEFT JOIN latest l ON l.reading = ? AND l.source_id = e.source_id "
            "WHERE e.integration = ? AND e.kind = ? AND l.digest IS NULL ORDER BY e.source_id",
            (acceptance_key, timestamp(missed_by), reading.id, reading.of.integration, reading.of.kind),
        )
        return tuple([Missing(one, bool(read), bool(was), bool(on), *more) for one, read, was, on, *more in rows])

    async def differences(self, reading: Reading) -> AsyncIterator[list[Difference]]:
        """Yield the stored rows that were read with other content, by id. In batches, so that memory stays flat."""
        after = ""
        while found := await self._differences_after(reading, after):
            after = found[-1].source_id
            yield found

    @reads_in_turn
    def _differences_after(self, cursor: Cursor, reading: Reading, after: str) -> list[Difference]:
        rows = cursor.execute(
            "SELECT l.source_id, o.body, b.body, l.digest, e.digest, b.page, b.place FROM latest l JOIN entities e "
            "ON e.integration = ? AND e.kind = ? AND e.source_id = l.source_id JOIN bodies b ON b.n = l.n "
            "JOIN bodies o ON o.n = e.n WHERE l.reading = ? AND l.digest <> e.digest AND l.source_id > ? "
            "ORDER BY l.source_id LIMIT ?",
            (reading.of.integration, reading.of.kind, reading.id, after, _PAGE),
        )
        return [Difference(*row) for row in rows]

    @reads_in_turn
    def count_values(self, cursor: Cursor, reading: Reading, fields: Mapping[str, str]) -> dict[str, tuple[int, int]]:
        """Count, by field, the stored rows that hold a value: those that were read again, and all.

        ``fields`` has each field's word for what is not known, or an empty text.
        """
        if not fields:
            return {}
        values = [filled(name, unknown) for name, unknown in fields.items()]
        read, all_rows = (
            ", ".join([f"coalesce(sum({value}{condition}), 0)" for value in values])
            for condition in (" AND l.digest IS NOT NULL", "")
        )
        counts = cursor.execute(
            f"SELECT {read}, {all_rows} FROM entities e JOIN bodies b ON b.n = e.n LEFT JOIN latest l "  # noqa: S608
            "ON l.reading = ? AND l.source_id = e.source_id WHERE e.integration = ? AND e.kind = ?",
            (reading.id, reading.of.integration, reading.of.kind),
        ).fetchone()
        return dict(zip(fields, zip(counts[: len(fields)], counts[len(fields) :], strict=True), strict=True))

    @reads_in_turn
    def cleared_before(self, cursor: Cursor, of: StoredKind, days: int) -> dict[tuple[str, ...], int]:
        """Count the rows that lost values within so many days, by the fields that were cleared together."""
        rows = cursor.execute(
            "SELECT cleared, count(*) FROM changes WHERE integration = ? AND kind = ? "
            "AND cleared IS NOT NULL AND state = 'applied' AND decided_at >= ? GROUP BY cleared",
            (of.integration, of.kind, timestamp(datetime.now(UTC) - timedelta(days=days))),
        )
        return {tuple(json.loads(cleared)): number for cleared, number in rows}

    @reads_in_turn
    def some_read(self, cursor: Cursor, reading: Reading, number: int) -> tuple[str, ...]:
        """Return ids of a few rows of the kind that were read, spread evenly by id."""
        return _spread(cursor, number, "latest WHERE reading = ? AND digest IS NOT NULL", reading.id)

    @reads_in_turn
    def some_stored(self, cursor: Cursor, of: StoredKind, number: int, *, without: Collection[str]) -> tuple[str, ...]:
        """Return ids of a few stored rows, spread evenly by id, and none of those ``without``."""
        others = f"source_id NOT IN (SELECT value FROM {IDS})"  # noqa: S608 - a constant
        of_kind = f"entities WHERE integration = ? AND kind = ? AND {others}"
        return _spread(cursor, number, of_kind, of.integration, of.kind, json.dumps(sorted(without)))

    @reads_in_turn
    def stored_among(self, cursor: Cursor, of: StoredKind, source_ids: Collection[str]) -> tuple[Missing, ...]:
        """Return those of the rows with these ids that are stored, by id: a delta reports that they were removed."""
        rows = cursor.execute(
            "SELECT source_id, active, digest, missed_run FROM entities WHERE integration = ? AND kind = ? "  # noqa: S608 - a constant
            f"AND source_id IN (SELECT value FROM {IDS}) ORDER BY source_id",
            (of.integration, of.kind, json.dumps(sorted(source_ids))),
        )
        return tuple([Missing(one, False, False, bool(active), *more) for one, active, *more in rows])

    @reads_in_turn
    def named_by_stored(
        self, cursor: Cursor, of: StoredKind, reading: Reading | None, field: str, source_ids: Collection[str]
    ) -> frozenset[str]:
        """Return which of these ids the stored rows of a kind name in a field that this run leaves as it is.

        ``reading`` is that of the kind; without one, all of its rows stay as they are. A row that it lacks is stored
        still, and names what it named; one whose field came is not asked for here.
        """
        stays = "1" if reading is None else f"(l.n IS NULL OR (r.body IS NOT NULL AND NOT {holds('r.body', field)}))"
        rows = cursor.execute(
            f"SELECT DISTINCT v.value FROM entities e JOIN bodies b ON b.n = e.n "  # noqa: S608 - names of fields
            "LEFT JOIN latest l ON l.reading = ? AND l.source_id = e.source_id LEFT JOIN bodies r ON r.n = l.n, "
            f"{values_of('b.body', field)} v WHERE e.integration = ? AND e.kind = ? AND {stays} "
            f"AND v.value IN (SELECT j.value FROM {IDS} j)",
            (reading.id if reading else None, of.integration, of.kind, json.dumps(sorted(source_ids))),
        )
        return frozenset([value for (value,) in rows])

    @reads_in_turn
    def count_unknown(
        self, cursor: Cursor, target: StoredKind, read: Reading | None, source_ids: Collection[str]
    ) -> int | None:
        """Count the ids that are neither stored nor read; None where nothing of the target kind is known."""
        reading = read.id if read else None
        (known,) = cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM entities WHERE integration = ? AND kind = ?) "
            "OR EXISTS (SELECT 1 FROM latest WHERE reading = ?)",
            (target.integration, target.kind, reading),
        ).fetchone()
        if not known:
            return None
        (unknown,) = cursor.execute(
            f"SELECT count(*) FROM {IDS} j WHERE NOT EXISTS (SELECT 1 FROM entities e "  # noqa: S608 - a constant
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id = j.value) "
            "AND NOT EXISTS (SELECT 1 FROM latest l WHERE l.reading = ? AND l.source_id = j.value "
            "AND l.digest IS NOT NULL)",
            (json.dumps(sorted(source_ids)), target.integration, target.kind, reading),
        ).fetchone()
        return int(unknown)


def _spread(cursor: Cursor, number: int, rows: str, *arguments: Any) -> tuple[str, ...]:
    """Return the ids of a few of these rows, spread evenly by id."""
    (size,) = cursor.execute(f"SELECT count(*) FROM {rows}", arguments).fetchone()  # noqa: S608 - ours
    found = []
    for offset in sorted({size * part // number for part in range(number)}) if size else ():
        (source_id,) = cursor.execute(
            f"SELECT source_id FROM {rows} ORDER BY source_id LIMIT 1 OFFSET ?",  # noqa: S608 - ours
            (*arguments, offset),
        ).fetchone()
        found.append(source_id)
    return tuple(found)


def _lost_before(cursor: Cursor, of: StoredKind, days: int) -> dict[str, LostBefore]:
    rows = cursor.execute(
        "SELECT source_id, max(loss), max(CASE operation WHEN 'remove' THEN 1 ELSE 0 END) FROM changes "
        "WHERE integration = ? AND kind = ? AND loss > 0 AND state = 'applied' AND decided_at >= ? GROUP BY source_id",
        (of.integration, of.kind, timestamp(datetime.now(UTC) - timedelta(days=days))),
    )
    return {source_id: LostBefore(Loss(loss), bool(removed)) for source_id, loss, removed in rows}

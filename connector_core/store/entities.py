"""The stored entities."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TypeVar

from connector_core.store.changes import stored_names
from connector_core.store.rows import StoredKind
from connector_core.store.sqlite import Cursor, Table, reads, writes

T = TypeVar("T")

_PAGE = 1000


class Entities(Table):
    """Reads what is stored; only applying a plan changes it."""

    @reads
    def count(self, cursor: Cursor, of: StoredKind) -> int:
        (count,) = cursor.execute(
            "SELECT count(*) FROM entities WHERE integration = ? AND kind = ?", (of.integration, of.kind)
        ).fetchone()
        return int(count)

    @reads
    def counts(self, cursor: Cursor, integration: str) -> dict[str, int]:
        """Return the number of entities by kind."""
        return dict(
            cursor.execute(
                "SELECT kind, count(*) FROM entities WHERE integration = ? GROUP BY kind ORDER BY kind", (integration,)
            ).fetchall()
        )

    @reads
    def find(self, cursor: Cursor, of: StoredKind, source_id: str, decode: Callable[[str], T]) -> T | None:
        """Return the entity of this id, as ``decode`` makes it from its JSON, or None if there is none."""
        row = cursor.execute(
            "SELECT b.body FROM entities e JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id = ?",
            (of.integration, of.kind, source_id),
        ).fetchone()
        return decode(row[0]) if row else None

    @reads
    def names(self, cursor: Cursor, of: StoredKind, source_ids: Collection[str] | None = None) -> dict[str, str]:
        """Return the names of entities by id: of those with these ids, or of all."""
        return stored_names(cursor, of, source_ids)

    async def decoded(self, of: StoredKind, decode: Callable[[str], T]) -> AsyncIterator[T]:
        """Yield every entity, by id, as ``decode`` makes it from its JSON. Read in pages, so that memory stays flat."""
        after = ""
        while found := await self.page(of, after, _PAGE, decode):
            after = found[-1][0]
            for _, entity in found:
                yield entity

    @reads
    def page(
        self, cursor: Cursor, of: StoredKind, after: str, most: int, decode: Callable[[str], T]
    ) -> list[tuple[str, T]]:
        """Return the entities behind an id, each with its own."""
        rows = cursor.execute(
            "SELECT e.source_id, b.body FROM entities e JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id > ? ORDER BY e.source_id LIMIT ?",
            (of.integration, of.kind, after, most),
        )
        return [(source_id, decode(body)) for source_id, body in rows]

    @writes
    def note_present(self, cursor: Cursor, of: StoredKind, source_ids: Sequence[str]) -> None:
        """Note that the provider still has these rows: they are not missed, even if a scan lacked them."""
        cursor.executemany(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND source_id = ?",
            [(of.integration, of.kind, source_id) for source_id in source_ids],
        )

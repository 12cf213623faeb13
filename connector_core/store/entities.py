"""What is stored now."""

import json
from collections.abc import Collection, Iterator, Sequence

from connector_core.outcomes import Run
from connector_core.sdk.entities import Entity
from connector_core.store.database import Database

_PAGE = 1000

ACTIVE = '"status":"active"'
"""In the body of somebody who is active, and in no other: a quote inside a JSON string is escaped."""


class Entities:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, integration: str, kind: str) -> int:
        rows = self._database.query(
            "SELECT count(*) FROM entities WHERE integration = ? AND kind = ?", (integration, kind)
        )
        return int(rows[0][0])

    def count_active(self, integration: str, kind: str) -> int:
        rows = self._database.query(
            "SELECT count(*) FROM entities e JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND b.body LIKE ?",
            (integration, kind, f"%{ACTIVE}%"),
        )
        return int(rows[0][0])

    def counts(self, integration: str) -> dict[str, int]:
        return dict(
            self._database.query(
                "SELECT kind, count(*) FROM entities WHERE integration = ? GROUP BY kind ORDER BY kind",
                (integration,),
            )
        )

    def bodies(self, integration: str, kind: str) -> Iterator[tuple[str, str]]:
        """Id and JSON body of every entity, by id. Read in pages, so memory stays flat."""
        after = ""
        while rows := self._database.query(
            "SELECT e.source_id, b.body FROM entities e JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id > ? ORDER BY e.source_id LIMIT ?",
            (integration, kind, after, _PAGE),
        ):
            yield from rows
            after = rows[-1][0]

    def unknown(self, run: Run, kind: type[Entity], source_ids: Collection[str]) -> int | None:
        """How many of these are neither stored nor read by this run; None where nothing of this kind is known."""
        name = kind.__name__
        ((stored, read),) = self._database.query(
            "SELECT EXISTS (SELECT 1 FROM entities WHERE integration = ? AND kind = ?), "
            "EXISTS (SELECT 1 FROM latest l JOIN readings g ON g.id = l.reading "
            "WHERE g.run_id = ? AND g.kind = ? AND g.done = 0)",
            (run.integration, name, run.id, name),
        )
        if not (stored or read):
            return None
        rows = self._database.query(
            "SELECT count(*) FROM json_each(?) j WHERE NOT EXISTS (SELECT 1 FROM entities e "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id = j.value) "
            "AND NOT EXISTS (SELECT 1 FROM readings g JOIN latest l ON l.reading = g.id "
            "WHERE g.run_id = ? AND g.kind = ? AND g.done = 0 AND l.source_id = j.value AND l.digest IS NOT NULL)",
            (json.dumps(sorted(source_ids)), run.integration, name, run.id, name),
        )
        return int(rows[0][0])

    def mark_seen(self, run: Run, kind: str) -> None:
        """Rows that this run has read are not missing."""
        self._database.execute(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND missed_run IS NOT NULL "
            "AND EXISTS (SELECT 1 FROM readings g JOIN latest l ON l.reading = g.id WHERE g.run_id = ? "
            "AND g.kind = entities.kind AND g.done = 0 AND l.source_id = entities.source_id)",
            (run.integration, kind, run.id),
        )

    def mark_present(self, run: Run, kind: str, source_ids: Sequence[str]) -> None:
        """Rows that the provider says it has: whatever a scan lacked, they are not missing."""
        self._database.execute_many(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND source_id = ?",
            [(run.integration, kind, source_id) for source_id in source_ids],
        )

    def fill(self, run: Run, kind: str, fields: Sequence[str], *, read_only: bool) -> dict[str, float]:
        """The share of stored entities in which each of these fields is filled; of those that the run has read only."""
        if not fields:
            return {}
        filled = ", ".join(
            f"sum(coalesce(json_extract(b.body, '$.{name}'), '') NOT IN ('', '[]', 0))" for name in fields
        )
        which = (
            # In SQLite, CROSS keeps the order: what was read is few of what is stored.
            "readings g JOIN latest l ON l.reading = g.id AND g.done = 0 CROSS JOIN entities e ON e.integration = ? "
            "AND e.kind = g.kind AND e.source_id = l.source_id JOIN bodies b ON b.n = e.n "
            "WHERE g.kind = ? AND g.run_id = ?"
            if read_only
            else "entities e JOIN bodies b ON b.n = e.n WHERE e.integration = ? AND e.kind = ?"
        )
        arguments = (run.integration, kind, *([run.id] if read_only else []))
        ((total, *counts),) = self._database.query(f"SELECT count(*), {filled} FROM {which}", arguments)  # noqa: S608
        return {name: count / total for name, count in zip(fields, counts, strict=True)} if total else {}

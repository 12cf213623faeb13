"""What is stored now."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from connector_core.entities import Entity
from connector_core.outcomes import Run
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
            "SELECT count(*) FROM entities WHERE integration = ? AND kind = ? AND body LIKE ?",
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
            "SELECT source_id, body FROM entities WHERE integration = ? AND kind = ? AND source_id > ? "
            "ORDER BY source_id LIMIT ?",
            (integration, kind, after, _PAGE),
        ):
            yield from rows
            after = rows[-1][0]

    def known(self, run: Run, kind: type[Entity]) -> set[str]:
        """The ids of this kind that are stored, or staged by this run."""
        rows = self._database.query(
            "SELECT source_id FROM entities WHERE integration = ? AND kind = ? "
            "UNION SELECT source_id FROM staged WHERE run_id = ? AND kind = ? AND body IS NOT NULL",
            (run.integration, kind.__name__, run.id, kind.__name__),
        )
        return {source_id for (source_id,) in rows}

    def mark_seen(self, run: Run, kind: str) -> None:
        """Rows that this run has read are not missing."""
        self._database.execute(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND missed_run IS NOT NULL "
            "AND EXISTS (SELECT 1 FROM staged s WHERE s.run_id = ? AND s.kind = entities.kind "
            "AND s.source_id = entities.source_id)",
            (run.integration, kind, run.id),
        )

    def mark_present(self, run: Run, kind: str, source_ids: Sequence[str]) -> None:
        """Rows that the provider says it has: whatever a scan lacked, they are not missing."""
        self._database.execute_many(
            "UPDATE entities SET missed_run = NULL WHERE integration = ? AND kind = ? AND source_id = ?",
            [(run.integration, kind, source_id) for source_id in source_ids],
        )

    def fill(self, integration: str, kind: str) -> tuple[dict[str, float], int]:
        """The share of stored entities in which each field is filled, and how many there are."""
        filled: Counter[str] = Counter()
        total = 0
        for _, body in self.bodies(integration, kind):
            total += 1
            filled.update(name for name, value in json.loads(body).items() if value)
        return {name: count / total for name, count in filled.items()}, total

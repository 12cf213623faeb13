"""The effect of a held plan on the head-count of each department."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from connector_core.outcomes import Operation
from connector_core.sdk.entities import Department, Employee
from connector_core.store.changes import names_of
from connector_core.store.sqlite import Cursor, Table, reads

_PAGE = 5000
"""Rows in one step: other readers wait that long."""
_NOWHERE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DepartmentEffect:
    """The head-count of one department, before and after a plan. A person who moves leaves one and joins another."""

    source_id: str
    name: str
    """The new one, where the plan renames it; empty if the department is not known."""
    before: int
    """People who are active: not those who have left, or have not begun."""
    joins: int
    leaves: int

    @property
    def after(self) -> int:
        return self.before + self.joins - self.leaves


class _Membership(msgspec.Struct):
    department_source_ids: tuple[str, ...] = ()
    primary_department_source_id: str | None = None


_membership = msgspec.json.Decoder(_Membership).decode


class PlanEffects(Table):
    """Counts the people of departments. Read in pages, so that memory stays flat and others can read in between."""

    async def on_departments(self, integration: str, run_id: str) -> list[DepartmentEffect]:
        """Return the departments that people join or leave if all held changes of a run are applied.

        Those that lose most come first. A change that was overtaken, and so would not be applied, does not count.
        """
        joins, leaves, before = Counter[str](), Counter[str](), Counter[str]()
        after = ""
        while found := await self._moves_after(run_id, after):
            after, step = found
            for was, becomes in step:
                joins.update(becomes - was)
                leaves.update(was - becomes)
        affected = joins.keys() | leaves.keys()
        after = ""
        while affected and (members := await self._members_after(integration, after)):
            after, departments = members
            before.update(one for one in departments if one in affected)
        names = await self._names(run_id, affected)
        effects = [DepartmentEffect(one, names.get(one, ""), before[one], joins[one], leaves[one]) for one in affected]
        return sorted(effects, key=lambda one: (one.after - one.before, one.name, one.source_id))

    @reads
    def _moves_after(
        self, cursor: Cursor, run_id: str, after: str
    ) -> tuple[str, list[tuple[frozenset[str], frozenset[str]]]] | None:
        """Return the departments of people before and after their changes, and the last id; None behind the last."""
        rows = cursor.execute(
            "SELECT c.source_id, c.operation, e.active, s.body, c.active, coalesce(c.body, n.body), "
            "c.operation <> 'create' AND e.digest = c.base_digest OR c.operation = 'create' AND e.n IS NULL "
            "FROM changes c LEFT JOIN entities e ON e.integration = c.integration AND e.kind = c.kind "
            "AND e.source_id = c.source_id LEFT JOIN bodies s ON s.n = e.n LEFT JOIN bodies n ON n.n = c.n "
            "WHERE c.run_id = ? AND c.kind = ? AND c.state = 'held' AND c.source_id > ? ORDER BY c.source_id LIMIT ?",
            (run_id, Employee.__name__, after, _PAGE),
        ).fetchall()
        if not rows:
            return None
        return rows[-1][0], [
            (_departments(was, body), _NOWHERE if operation == Operation.REMOVE else _departments(becomes, new))
            for _, operation, was, body, becomes, new, applies in rows
            if applies
        ]

    @reads
    def _members_after(self, cursor: Cursor, integration: str, after: str) -> tuple[str, list[str]] | None:
        """Return the departments of stored people, each once for each person, and the last id."""
        rows = cursor.execute(
            "SELECT e.source_id, e.active, b.body FROM entities e JOIN bodies b ON b.n = e.n "
            "WHERE e.integration = ? AND e.kind = ? AND e.source_id > ? ORDER BY e.source_id LIMIT ?",
            (integration, Employee.__name__, after, _PAGE),
        ).fetchall()
        if not rows:
            return None
        return rows[-1][0], [one for _, active, body in rows for one in _departments(active, body)]

    @reads
    def _names(self, cursor: Cursor, run_id: str, ids: Iterable[str]) -> dict[str, str]:
        names = names_of(cursor, run_id, Department.__name__, ids)
        return {**names.stored, **names.planned}


def _departments(active: int | None, body: str | None) -> frozenset[str]:
    """Return the departments in which a person counts."""
    if body is None or active == 0:
        return _NOWHERE
    found = _membership(body)
    primary = found.primary_department_source_id
    return frozenset((*found.department_source_ids, primary) if primary else found.department_source_ids)

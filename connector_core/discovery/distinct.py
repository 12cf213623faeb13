"""Entities that come more than once in one reading."""

from collections.abc import Callable
from dataclasses import replace

from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page


def distinct_entities() -> Callable[[Page[Entity]], Page[Entity]]:
    """Return a function that leaves out derived entities which came before: many rows mention the same one."""
    known: set[str] = set()

    def distinct(page: Page[Entity]) -> Page[Entity]:
        if page.derived_from is None:
            return page
        new = [number for number, one in enumerate(page.rows) if one.source_id not in known]
        rows = tuple([page.rows[number] for number in new])
        known.update(one.source_id for one in rows)
        places = [page.places[number] for number in new] if page.places else None
        return replace(page, rows=rows, ids=tuple([one.source_id for one in rows]), places=places)

    return distinct


def completed_rows() -> Callable[[Page[Entity]], Page[Entity]]:
    """Return a function that adds to each row of a delta the fields which earlier rows of the same id have brought.

    A row holds what has changed, and a row may come twice: with its values, and with a reference. The last is stored.
    """
    earlier: dict[str, Entity] = {}

    def completed(page: Page[Entity]) -> Page[Entity]:
        rows = []
        for row in page.rows:
            before = earlier.get(row.source_id)
            if before is not None:
                absent = before.model_fields_set - row.model_fields_set
                row = row.model_copy(update={name: getattr(before, name) for name in absent})  # noqa: PLW2901 - completed
            earlier[row.source_id] = row
            rows.append(row)
        for source_id in page.removed:
            earlier.pop(source_id, None)
        return replace(page, rows=tuple(rows))

    return completed

"""Derived entities, each of which is read once."""

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

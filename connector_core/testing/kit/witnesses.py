"""Questions to the witnesses of a connector, whose answers are known."""

from collections.abc import Mapping
from typing import Any

from connector_core.sdk.connector import Declaration

NOBODY = "98765432101234567"
"""An id that no simulator has."""


async def wrong_answers(
    connector: Any, declaration: Declaration, known: str, paths: Mapping[str, set[str]]
) -> set[tuple[str, str]]:
    """Ask a witness for a row that was just read and for one that does not exist; return the broken rules.

    ``paths`` are those of the lists that each method of the connector has requested. It grows meanwhile.
    """
    kind, name = declaration.kind.__name__, declaration.witness or ""
    api, ask = connector.api, getattr(connector, name)
    reading, api.method = api.method, name
    problems = []
    for source_id, expected in ((known, True), (NOBODY, False)):
        if await ask(source_id) is not expected:
            row = "a row that was just read" if expected else "an id that does not exist"
            problems.append(f"{name}() {'denies' if expected else 'confirms'} {row} of {kind}")
    problems += [f"{name}() requests {path}, from which {kind} is read" for path in paths[name] & paths[reading]]
    return {("reading.witness", one) for one in problems}

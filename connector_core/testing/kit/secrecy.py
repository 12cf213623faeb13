"""Canaries: secrets, and what is sent of people's private life, are looked for wherever anything is kept or said."""

import traceback

from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Round, Stage
from connector_core.testing.kit.watch import package_of

SCRIPTS = ("", "bad_row@1x99", "null@1x99", "cutzip@3x99", "401@3x99", "500@4x99", "html@2x99", "reset@2x99")


async def examine(stage: Stage, notes: Notes) -> None:
    for script in SCRIPTS:
        stage.begin()
        store = await stage.connected()
        # Errors that last are tried over and over; nothing is to be learnt from waiting.
        found = await stage.run(store, script, keep_rows=True)
        _search(stage, f"{script or 'a quiet run'}", found, notes)
        kept = b"".join(file.read_bytes() for file in store.parent.rglob("*") if file.is_file())
        for what, where in _canaries(stage, kept):
            notes.fail(f"secrecy.{what}", f"{script or 'a quiet run'}: {where} is in the store's files")


def _search(stage: Stage, script: str, found: Round, notes: Notes) -> None:
    told = "".join(traceback.format_exception(found.error)) + found.error.hint if found.error else repr(found.report)
    places = {
        "logs or output": found.watch.speech,
        "what the operator is told": told + found.outcome,
        f"the rows that {package_of(stage.connector)} keeps": "\n".join(found.watch.rows),
    }
    for place, text in places.items():
        for what, canary in _canaries(stage, text.encode()):
            notes.fail(f"secrecy.{what}", f"{script}: {canary} is in {place}")


def _canaries(stage: Stage, data: bytes) -> list[tuple[str, str]]:
    """What was found in it: never the value itself."""
    found = []
    fields = stage.connector.credentials_type.form()
    for field in fields:
        value = stage.simulator.credentials.get(field.name, "")
        if field.secret and value and value.encode() in data:
            found.append(("token", f"the {field.name}"))
    if private := stage.simulator.private.search(data):
        found.append(("people", f"a private value that begins {private[0][:3].decode(errors='replace')!r}"))
    return found

"""Canaries: secrets, and what is sent of people's private life, are looked for wherever anything is kept or said."""

import traceback
from collections.abc import Iterator

from connector_core.http.auth import signature
from connector_core.sdk.manifest import ClientCredentials
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Round, Stage
from connector_core.testing.kit.watch import package_of

SCRIPTS = ("", "bad_row@1x99", "null@1x99", "cutzip@3x99", "401@3x99", "500@4x99", "html@2x99", "reset@2x99")


async def examine(stage: Stage, notes: Notes) -> None:
    signed = await _signed(stage)
    for script in SCRIPTS:
        stage.begin()
        store = await stage.connected()
        # Errors that last are tried over and over; nothing is to be learnt from waiting.
        found = await stage.run(store, script, keep_rows=True)
        kept = b"".join(file.read_bytes() for file in store.parent.rglob("*") if file.is_file())
        places = {**_told(stage, found), "the store's files": kept}
        for place, data in places.items():
            for what, canary in _canaries(stage, signed, data):
                notes.fail(f"secrecy.{what}", f"{script or 'a quiet run'}: {canary} is in {place}")


def _told(stage: Stage, found: Round) -> dict[str, bytes]:
    """Where somebody may read what a run has said, and what is said there."""
    told = "".join(traceback.format_exception(found.error)) + found.error.hint if found.error else repr(found.report)
    places = {
        "logs or output": found.watch.speech,
        "what the operator is told": told + found.outcome,
        f"the rows that {package_of(stage.connector)} keeps": "\n".join(found.watch.rows),
    }
    return {place: text.encode() for place, text in places.items()}


async def _signed(stage: Stage) -> str:
    """What stands in the header of every request, where it is not a token that was issued: a pair may be encoded."""
    manifest = stage.connector.manifest
    if isinstance(manifest.auth, ClientCredentials):
        return ""
    credentials = stage.connector.credentials_type.parse(stage.simulator.credentials)
    (value,) = (await signature(manifest, credentials, _nobody).headers()).values()
    return value.rpartition(" ")[2]


async def _nobody(*_: object) -> None:
    """A signature that is the same every time is asked for nowhere."""


def _secrets(stage: Stage, signed: str) -> Iterator[tuple[str, str]]:
    """What each is called, and the secret."""
    for field in stage.connector.credentials_type.form():
        if field.secret:
            yield f"the {field.name}", stage.simulator.credentials.get(field.name, "")
    yield "the header that requests are signed with", signed
    for token in stage.simulator.issued:
        yield "a token that was issued", token


def _canaries(stage: Stage, signed: str, data: bytes) -> list[tuple[str, str]]:
    """What was found in it: never the value itself."""
    found = [("token", name) for name, secret in _secrets(stage, signed) if secret and secret.encode() in data]
    if private := stage.simulator.private.search(data):
        found.append(("people", f"a private value that begins {private[0][:3].decode(errors='replace')!r}"))
    return found

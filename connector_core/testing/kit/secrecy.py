"""Suite ``secrecy``: a search for secrets and private values in everything that is kept, logged or shown."""

import traceback
from collections.abc import Iterable, Iterator, Mapping

from connector_core.http.auth import signature
from connector_core.sdk.authentication import AuthorizationCode, ClientCredentials
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.kit.monitor import package_of
from connector_core.testing.server import all_credentials

SCRIPTS = (
    "",
    "bad_row@1x99",
    "null@1x99",
    "cutzip@3x99",
    "401@3x99",
    "500@4x99",
    "html@2x99",
    "reset@2x99",
    "quote@2x99",
)


async def examine(harness: Harness, findings: Findings) -> None:
    signed = [await _signed(harness, one) for one in all_credentials(harness.simulator)]
    for script in SCRIPTS:
        harness.reset()
        store = await harness.connected_store()
        result = await harness.run(store, script, keep_rows=True)
        files = b"".join(file.read_bytes() for file in store.parent.rglob("*") if file.is_file())
        places = {**_texts(harness, result), "the store's files": files}
        for place, data in places.items():
            for rule, canary in _canaries(harness, signed, data):
                findings.fail(f"secrecy.{rule}", f"{script or 'fault-free run'}: {canary} appears in {place}")


def _texts(harness: Harness, result: RunResult) -> dict[str, bytes]:
    """Return the texts that a run leaves for people to read, by place."""
    error = result.error
    shown = "".join(traceback.format_exception(error)) + error.hint if error else repr(result.report)
    texts = {
        "logs or output": result.monitor.output,
        "what the operator is shown": shown + result.outcome,
        f"the rows that {package_of(harness.connector)} keeps": "\n".join(result.monitor.rows),
    }
    return {place: text.encode() for place, text in texts.items()}


async def _signed(harness: Harness, fields: Mapping[str, str]) -> str:
    """Return the credentials as encoded in the header of each request; empty if that holds an issued token."""
    credentials = harness.connector.credentials_type.parse(fields)
    manifest = harness.connector.manifest.reached_with(credentials)
    if isinstance(manifest.auth, ClientCredentials | AuthorizationCode):
        return ""
    (value,) = (await signature(manifest, credentials, _never_called).headers()).values()
    return value.get_secret_value().rpartition(" ")[2]


async def _never_called(*_: object) -> None:
    """Stand in for the request that fetches a token: a constant signature needs none."""


def _secrets(harness: Harness, signed: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a description of each secret, and the secret."""
    for field in harness.connector.credentials_type.form():
        if field.secret:
            for given in all_credentials(harness.simulator):
                # A part of a key is secret, too.
                for part in given.get(field.name, "").splitlines():
                    yield f"the {field.name}", "" if "-----" in part else part
    for value in signed:
        yield "the header that signs requests", value
    for token in harness.simulator.issued:
        yield "an issued token", token


def _canaries(harness: Harness, signed: Iterable[str], data: bytes) -> list[tuple[str, str]]:
    """Return the rule broken by each canary in the data, and a description that does not reveal it."""
    found = [("token", name) for name, secret in _secrets(harness, signed) if secret and secret.encode() in data]
    if private := harness.simulator.private.search(data):
        found.append(("people", f"a private value that starts with {private[0][:3].decode(errors='replace')!r}"))
    return found

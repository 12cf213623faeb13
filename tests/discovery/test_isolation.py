"""Calls into a connector: whatever it raises or returns is its own fault, and ends no other integration's run."""

import asyncio
import sqlite3
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import field_validator

from connector_core import (
    Account,
    Connector,
    ConnectorCoreError,
    DiscoveryError,
    Employee,
    InvalidCredentialsError,
    Page,
    Product,
    RejectedCredentialsError,
    SecretStr,
    discovers,
    witnesses,
)
from connector_core.cli.runs import _run_each
from connector_core.discovery.connector_errors import connector_errors, credentials_of, has_row, next_page, pages_of
from connector_core.sdk.connector import AnyConnector, Context
from installed import CONNECTOR, Folder
from planted.example import Example, ExampleCredentials
from world import Discover, Running

INIT = "    def __init__(self, context):\n        {}\n\n    async def check"
RULE = "    def rule(self, kind):\n        {}\n\n    async def check"
VALIDATOR = '    @field_validator("domain")\n    def odd(cls, value):\n        raise KeyError(value)\n\nclass Stranger('
OPTIONS = """class Odd(Options):
    size: int = 1

    @field_serializer("size")
    def odd(self, value):
        raise SystemExit("canary")

class Stranger(Connector[StrangerCredentials, Odd])"""
CHECK, LISTING = 'return Account("one", "1")', "yield Page.single(())"

ENDS_ITS_RUN = {
    "init": ("    async def check", INIT.format("raise KeyError('canary')")),
    "exits": ("    async def check", INIT.format("raise SystemExit(0)")),
    "validates": ("class Stranger(", VALIDATOR),
    "cancels": (CHECK, "raise asyncio.CancelledError"),
    "serializes": ("class Stranger(Connector[StrangerCredentials])", OPTIONS),
    "nobody": (CHECK, "return None"),
    "number": (CHECK, "return Account('one', 1)"),
}
"""Misbehaviour at a call without which there is no run: the text of the connector, and what it becomes."""
ENDS_ITS_KIND = {
    "rule": ("    async def check", RULE.format("raise KeyError('canary')")),
    "no_rule": ("    async def check", RULE.format("return None")),
    "quits": (LISTING, "yield Page.single(()); raise SystemExit(3)"),
    "stops": (LISTING, "yield Page.single(()); raise asyncio.CancelledError"),
    "rude": (LISTING, "yield Page.single(()); raise BaseException('canary')"),
    "no_page": (LISTING, "yield 5"),
    "no_ids": (LISTING, "yield Page((), (1,))"),
}
"""Misbehaviour at a call without which one kind cannot be read."""


def install(folder: Folder, name: str, changed: tuple[str, str]) -> None:
    source = CONNECTOR.replace('"stranger"', f'"{name}"').replace("api_key", "personal_access_token")
    folder.add(
        "import asyncio\nfrom pydantic import field_serializer, field_validator\n" + source.replace(*changed), name=name
    )


def add_integrations(store: Path, names: tuple[str, ...]) -> None:
    """Add an integration for each connector, with the secrets of acme."""
    with closing(sqlite3.connect(store)) as database, database:
        for name in names:
            database.execute("CREATE TEMP TABLE copied AS SELECT * FROM integrations WHERE name = 'acme'")
            fields = '{"domain": "one.stranger.example"}'
            database.execute("UPDATE copied SET name = ?, connector = ?, fields = ?", (name, name, fields))
            database.execute("INSERT INTO integrations SELECT * FROM copied")
            database.execute("DROP TABLE copied")


@pytest.mark.attack(
    "Connectors that raise, exit, cancel or return nonsense at any call, in a run of all",
    "Their own runs or kinds end; the others are complete",
)
def test_no_connector_ends_the_runs_of_others(
    acme: Running, folder: Folder, discover: Discover, tmp_path: Path
) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    misbehaving = ENDS_ITS_RUN | ENDS_ITS_KIND
    for name, changed in misbehaving.items():
        install(folder, name, changed)
    tables = "".join(f"[plugins.{name}]\n" for name in misbehaving)
    (tmp_path / "plugins.toml").write_text(acme.settings(plugins=tables))
    add_integrations(tmp_path / "discover.sqlite", tuple(misbehaving))

    done = discover("run", "--all", "--json")
    runs = {one["integration"]: one for one in done.json()["runs"]}
    assert done.code == 4
    assert runs.pop("acme")["verdict"] == "complete"
    assert {name for name, run in runs.items() if run.get("error", {}).get("code") == "discovery"} == set(ENDS_ITS_RUN)
    reasons = {name: runs[name]["kinds"][0]["certificate"]["reasons"] for name in ENDS_ITS_KIND}
    found = {name: [(one["code"], one["parameters"]["error"]) for one in said] for name, said in reasons.items()}
    assert found == {name: [("read_failed", "discovery")] for name in ENDS_ITS_KIND}
    assert "canary" not in done.out + done.err
    said = {name: runs[name]["error"]["message"] for name in ENDS_ITS_RUN}
    assert said["init"].startswith("The connector init failed with KeyError in __init__, line")
    assert said["nobody"] == "The connector nobody returned NoneType from check, not an Account of texts."


class Closing(Example):
    """Fails when its listing is closed."""

    @discovers(Employee, products={Product.SMP}, resource="People", description="All people.")
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        try:
            yield Page.single(())
        finally:
            raise KeyError("canary")


def opened(connector: type[AnyConnector]) -> AnyConnector:
    credentials = ExampleCredentials(domain="acme.hr.example", api_key=SecretStr("key"))
    none: Any = None
    return connector(Context(credentials, connector.options_type(), none, none))


async def test_an_error_when_a_listing_is_closed_is_the_connectors() -> None:
    connector = opened(Closing)
    with pytest.raises(DiscoveryError, match="example failed with KeyError in employees"):
        async with pages_of(connector, "employees") as pages:
            assert await next_page(connector, pages)


async def test_an_error_when_a_listing_is_closed_hides_no_earlier_one() -> None:
    connector = opened(Closing)
    with pytest.raises(ZeroDivisionError):
        async with pages_of(connector, "employees") as pages:
            assert await next_page(connector, pages)
            raise ZeroDivisionError


@pytest.mark.jumping
async def test_a_cancellation_that_was_asked_for_is_not_the_connectors() -> None:
    async def waits() -> None:
        with connector_errors(Example):
            await asyncio.sleep(9)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waits(), 1)
    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Mute(Example):
    """Has a witness that asks, and does not return the answer."""

    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:
        assert source_id
        return None  # type: ignore[return-value]


class Exiting(Example):
    @witnesses(Employee)
    async def has_person(self, source_id: str) -> bool:
        raise SystemExit(source_id)


@pytest.mark.parametrize("connector", [Mute, Exiting])
async def test_a_witness_that_gives_no_answer_does_not_say_that_a_row_is_gone(connector: type[AnyConnector]) -> None:
    with pytest.raises(DiscoveryError):
        await has_row(opened(connector), connector.declarations["Employee"], "1")


@pytest.mark.parametrize("bug", [ZeroDivisionError, SystemExit])
async def test_a_bug_of_ours_in_one_run_ends_no_other(bug: type[BaseException]) -> None:
    async def run(integration: str) -> Any:
        if integration == "bad":
            raise bug
        return integration

    bad, good = await _run_each(["bad", "good"], run, 1)
    assert (bad.exit_code, type(bad.error)) == (4, bug)
    assert (str(good.report), good.error) == ("good", None)


class Quoting(ExampleCredentials):
    """Quotes the secret in an error of its own."""

    @field_validator("api_key", mode="after")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        raise ValueError(f"the key {value.get_secret_value()} is not known")


class Nested(ExampleCredentials):
    """Has a field that is neither a text nor a secret."""

    places: tuple[str, ...] = ("here",)


def with_credentials(credentials: type[ExampleCredentials]) -> type[AnyConnector]:
    class Other(Connector[Any]):
        manifest = Example.manifest
        credentials_type = credentials

        async def check(self) -> Account:
            raise NotImplementedError

    return Other


@pytest.mark.attack("A connector quotes the secret that it was given in an error", "The error is shown without it")
@pytest.mark.parametrize("key", ["canary-key", SecretStr("canary-key")], ids=["text", "secret"])
def test_a_validator_of_a_connector_cannot_quote_a_secret(key: str | SecretStr) -> None:
    fields: Mapping[str, str | SecretStr] = {"domain": "acme.hr.example", "api_key": key}
    with pytest.raises(InvalidCredentialsError) as caught:
        credentials_of(with_credentials(Quoting), fields)
    assert caught.value.message == "api_key: the key … is not known."


class Advising(ExampleCredentials):
    """Quotes the secret in each text of an error of ours."""

    @field_validator("api_key", mode="after")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        raise InvalidCredentialsError(f"{key} is not known.", hint=f"Not {key}, nor {quote(key, safe='')}.", field=key)


class Trimming(ExampleCredentials):
    """Quotes the secret without the space around it."""

    @field_validator("api_key", mode="before")
    @classmethod
    def _known(cls, value: str | SecretStr) -> str:
        key = value.get_secret_value() if isinstance(value, SecretStr) else value
        raise RejectedCredentialsError(f"{key.strip()} is not known.", hint=key)


class Leaving(ExampleCredentials):
    """Quotes the secret in an exit."""

    @field_validator("api_key", mode="after")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        raise SystemExit(value.get_secret_value())


@pytest.mark.attack("A connector quotes the secret that it was given in an error of ours", "It is shown without it")
@pytest.mark.parametrize("credentials", [Advising, Trimming, Leaving])
@pytest.mark.parametrize("typed", [str, SecretStr])
@pytest.mark.parametrize("key", ["canary/key", "  canary/key "])
def test_an_error_of_ours_cannot_quote_a_secret_either(
    credentials: type[ExampleCredentials], typed: Callable[[str], str | SecretStr], key: str
) -> None:
    with pytest.raises(ConnectorCoreError) as caught:
        credentials_of(with_credentials(credentials), {"domain": "acme.hr.example", "api_key": typed(key)})
    error = caught.value
    assert "canary" not in f"{error} {error.message} {error.hint} {getattr(error, 'field', '')}"


def test_a_secret_of_spaces_leaves_an_error_readable() -> None:
    with pytest.raises(InvalidCredentialsError, match="api_key: contains a space"):
        credentials_of(Example, {"domain": "acme.hr.example", "api_key": "  "})


@pytest.mark.attack("Credentials bring their own secrets() or public()", "The connector is refused")
@pytest.mark.parametrize("name", ["secrets", "public"])
def test_what_the_host_asks_credentials_throughout_a_run_is_not_the_connectors(name: str) -> None:
    def exits(_: object) -> None:
        raise SystemExit(3)

    with pytest.raises(TypeError, match=f"Own must not define {name}, which the host calls"):
        type("Own", (ExampleCredentials,), {"__module__": __name__, name: exits})
    with pytest.raises(TypeError, match=f"Own must not define {name}"), warnings.catch_warnings(action="ignore"):
        type("Own", (ExampleCredentials,), {"__module__": __name__, "__annotations__": {name: str}})


def test_credentials_that_cannot_be_kept_are_the_connectors_fault() -> None:
    fields = {"domain": "acme.hr.example", "api_key": "key"}
    with pytest.raises(DiscoveryError, match="returned tuple from the fields of its credentials, not a text"):
        credentials_of(with_credentials(Nested), fields)

"""Several ways to authenticate, and hosts that operators name: one way is chosen, and secrets go to that host only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from pydantic import Field

from connector_core import ConnectorCoreError, InvalidCredentialsError, PageNumber, ProtocolError
from connector_core.doctor.providers import clocks
from connector_core.host import Host
from connector_core.operator_pages import hosts_in_words, mechanism, ways_in_words
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import environment, new_rsa_key, serve
from connector_core.testing.kit.declaration import _check_form
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import open_harness
from connector_core.testing.kit.reading import _check_refusals
from connector_core.testing.kit.secrecy import _secrets, _signed
from connector_core.testing.readme import credentials, facts, setup_here
from planted.example import Example, ExampleCredentials, Owner, People
from planted.ways import BASE, HOST, TOKEN, Anywhere, AnywhereCredentials, AnywhereSimulator, key
from world import reached

BY_TOKEN = {"base_url": BASE, "api_token": TOKEN}
BY_KEY = {"base_url": BASE, "client_id": "app-1", "private_key": key()}
SAID = "Fill in api_token, or client_id and private_key."


@asynccontextmanager
async def host_of(simulator: AnywhereSimulator, store: Path) -> AsyncIterator[Host]:
    async with serve(simulator) as served:
        settings = Settings(
            host=HostSettings(store=store, key_file=store.with_name("key"), resolve=served.resolve, http=HttpSettings())
        )
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            async with Host(settings, registry=registry_of(Anywhere)) as host:
                yield host


# ---- one way of several


@pytest.mark.parametrize("fields", [BY_TOKEN, BY_KEY], ids=["a token", "a key"])
async def test_each_way_connects_and_runs(fields: Mapping[str, str], tmp_path: Path) -> None:
    async with host_of(AnywhereSimulator(30, 1), tmp_path / "people.sqlite") as host:
        assert (await host.connect("anywhere", "acme", fields)).ok
        report = await host.run("acme")
    assert [one.certificate.complete for one in report.kinds] == [True]


@pytest.mark.parametrize(
    ("fields", "said", "field"),
    [
        ({}, "", "api_token"),
        ({"client_id": "app-1"}, "Missing: private_key. ", "private_key"),
        ({"private_key": key()}, "Missing: client_id. ", "client_id"),
        ({**BY_TOKEN, **BY_KEY}, "client_id and private_key cannot be used beside api_token. ", "client_id"),
        ({"api_token": TOKEN, "client_id": "x"}, "client_id cannot be used beside api_token. ", "client_id"),
    ],
    ids=["none", "a part", "another part", "both", "one and a part of the other"],
)
async def test_the_fields_of_exactly_one_way_are_filled_in(
    fields: Mapping[str, str], said: str, field: str, tmp_path: Path
) -> None:
    simulator = AnywhereSimulator(3, 1)
    async with host_of(simulator, tmp_path / "people.sqlite") as host:
        with pytest.raises(InvalidCredentialsError) as caught:
            await host.connect("anywhere", "acme", {"base_url": BASE, **fields})
    assert (caught.value.message, caught.value.field) == (said + SAID, field)
    assert simulator.requests == []


async def test_a_field_that_is_sent_empty_is_not_filled_in(tmp_path: Path) -> None:
    async with host_of(AnywhereSimulator(3, 1), tmp_path / "people.sqlite") as host:
        empty = {"client_id": "", "private_key": ""}
        assert (await host.connect("anywhere", "acme", {**BY_TOKEN, **empty})).ok
        (saved,) = await host.integrations()
    assert dict(saved.fields) == {"base_url": BASE, "region": "eu"}


async def test_another_way_may_replace_the_first(tmp_path: Path) -> None:
    simulator = AnywhereSimulator(3, 1)
    async with host_of(simulator, tmp_path / "people.sqlite") as host:
        await host.connect("anywhere", "acme", BY_TOKEN)
        await host.connect("anywhere", "acme", BY_KEY)
        assert (await host.check("acme")).ok
    assert simulator.forms[0]["scope"] == "people.eu"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (key()[:200], "private_key: is not a private key in PEM"),
        (key().replace(key().splitlines()[3], "A" * 64), "private_key: is not a private key in PEM that can be read"),
        (new_rsa_key(1024), "private_key: is an RSA key of 1024 bits; RS256 needs 2048 at least."),
    ],
)
async def test_a_key_that_cannot_sign_is_refused_before_any_request(wrong: str, problem: str, tmp_path: Path) -> None:
    simulator = AnywhereSimulator(3, 1)
    async with host_of(simulator, tmp_path / "people.sqlite") as host:
        with pytest.raises(InvalidCredentialsError) as caught:
            await host.connect("anywhere", "acme", {**BY_KEY, "private_key": wrong})
    assert caught.value.message.startswith(problem)
    assert caught.value.field == "private_key"
    assert simulator.requests == []


async def test_the_kit_mistypes_every_secret_of_every_way() -> None:
    findings = Findings()
    async with open_harness(Anywhere) as harness:
        harness.reset(12)
        await _check_refusals(harness, findings)
        assert not findings.problems
        simulator: Any = harness.simulator
        assert len(simulator.forms) == 2  # The good key, and another one.
        simulator.other_credentials = ()
        await _check_refusals(harness, findings)
        assert set(findings.problems) == {"reading.refusal"}


async def test_the_kit_searches_for_the_secrets_of_every_way() -> None:
    async with open_harness(Anywhere) as harness:
        signed = [await _signed(harness, one) for one in (BY_TOKEN, BY_KEY)]
        assert signed == [TOKEN, ""]
        searched = {secret for _, secret in _secrets(harness, signed)}
    assert {TOKEN, key().splitlines()[5]} <= searched
    assert "-----BEGIN PRIVATE KEY-----" not in searched


@pytest.mark.jumping
async def test_no_part_of_a_key_an_assertion_or_a_token_is_logged_stored_or_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    simulator, told = AnywhereSimulator(30, 1), list[str]()
    folder = tmp_path / "store"
    folder.mkdir()
    with structlog.testing.capture_logs() as logged:
        async with host_of(simulator, folder / "people.sqlite") as host:
            await host.connect("anywhere", "acme", BY_KEY)
            for script in ("", "500@2x99", "garbage@1x99:/token", "403@1x9:/token", "reset@2x99"):
                simulator.script(script)
                try:
                    told.append(repr(await host.run("acme")))
                except ConnectorCoreError as error:
                    told.append(repr(vars(error)))
    told += [repr(logged), *capfd.readouterr(), repr(host), repr(simulator.forms[0].keys())]
    kept = b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
    secret = [line for line in key().splitlines() if "-----" not in line]
    secret += [form["client_assertion"] for form in simulator.forms] + sorted(simulator.issued)
    assert len(simulator.issued) >= 2
    for one in secret:
        assert one.encode() not in kept
        assert not any(one in text for text in told)


# ---- a host that the operator names


async def test_the_token_goes_to_the_host_that_the_operator_named_and_nowhere_else() -> None:
    elsewhere = (f"https://{HOST}/v1/me", f"https://{HOST}:8444/v1/me", "https://other.acme.example:8443/v1/me")
    simulator = AnywhereSimulator(3, 1)
    given = Anywhere.credentials_type.parse(BY_TOKEN)
    async with reached(simulator, Anywhere.manifest, given) as api:
        assert (await api.get("/me", Owner)).id == "o1"
        for url in elsewhere:
            with pytest.raises(ProtocolError, match="is not a host of this connector"):
                await anext(api.pages("/people", People, paging=PageNumber(size=50), url=url))
    assert {one.path for one in simulator.requests} == {"/me"}


async def test_a_redirect_of_that_host_is_not_followed() -> None:
    simulator = AnywhereSimulator(3, 1)
    simulator.script("302")
    async with reached(simulator, Anywhere.manifest, Anywhere.credentials_type.parse(BY_TOKEN)) as api:
        with pytest.raises(ProtocolError, match="a redirect, so it is not the API"):
            await api.get("/me", Owner)
    assert len(simulator.requests) == 1


@pytest.mark.parametrize(
    ("base_url", "hosts"),
    [
        ("https://people.acme.example", ("people.acme.example",)),
        ("https://people.acme.example:443/a/b", ("people.acme.example",)),
        ("https://people.acme.example:8443", ("people.acme.example:8443",)),
        ("https://10.0.0.7/scim/v2", ("10.0.0.7",)),
    ],
)
def test_the_host_of_the_base_url_is_the_only_one(base_url: str, hosts: tuple[str, ...]) -> None:
    manifest = Anywhere.manifest.reached_with(Anywhere.credentials_type.parse({**BY_TOKEN, "base_url": base_url}))
    assert (manifest.hosts, manifest.base_url) == (hosts, base_url)


def test_a_resolved_manifest_stays_as_it_is() -> None:
    given = Anywhere.credentials_type.parse(BY_KEY)
    manifest = Anywhere.manifest.reached_with(given)
    assert manifest.reached_with(given) == manifest
    assert not manifest.placeholders


@pytest.mark.parametrize(
    "base_url",
    [
        "http://people.acme.example",
        "https://user@people.acme.example",
        "https://people.acme.example/?a=b",
        "people",
        "",
    ],
)
def test_only_an_address_over_tls_without_user_and_query_is_a_base_url(base_url: str) -> None:
    with pytest.raises(InvalidCredentialsError, match="base_url: "):
        Anywhere.credentials_type.parse({**BY_TOKEN, "base_url": base_url})


async def test_the_doctor_asks_the_host_that_the_operator_named(tmp_path: Path) -> None:
    simulator = AnywhereSimulator(3, 1)
    async with host_of(simulator, tmp_path / "people.sqlite") as host:
        await host.connect("anywhere", "acme", BY_KEY)
        simulator.requests.clear()
        (found,) = await clocks(host.settings.host, host.registry, await host.integrations())
    assert (found.subject, found.state) == (f"clock {HOST}", "ok")
    assert len(simulator.requests) == 1


def test_every_face_says_it_in_words() -> None:
    assert hosts_in_words(Anywhere) == ("the host of the Base URL",)
    assert ways_in_words(Anywhere) == "Fill in API token, or Client id and Private key."
    assert mechanism(Anywhere.manifest) == "API key or Client credentials"
    assert "| hosts | the host of the Base URL |" in facts(Anywhere)
    table = credentials(Anywhere)
    assert table.startswith("Fill in API token, or Client id and Private key.\n\n| field |")
    assert "| Region | `region` | `eu` or `us` |" in table
    assert "| Private key | `private_key` | secret, of several lines |" in table
    assert "--api-token-file FILE" in setup_here(Anywhere)
    assert "--private-key-file" not in setup_here(Anywhere)


def test_a_subclass_of_a_connector_may_name_other_credentials() -> None:
    class Nearer(Anywhere):
        pass

    assert Nearer.credentials_type is Anywhere.credentials_type is AnywhereCredentials
    assert Example.credentials_type is ExampleCredentials


async def test_the_kit_wants_the_first_choice_to_be_the_default_and_no_secret_of_the_id_of_a_key() -> None:
    class Chosen(AnywhereCredentials):
        region: Literal["eu", "us"] = Field("us", title="Region", description="The region.")
        key_id: str | None = Field(None, title="Key id", description="The id of the key.")

    class Misleading(Anywhere):
        credentials_type = Chosen

    findings = Findings()
    _check_form(Misleading, findings)
    assert findings.problems == {"declaration.form": ["the default of region is not its first choice"]}

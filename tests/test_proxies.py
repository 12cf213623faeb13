"""Proxies of the environment and of the settings: credentials that are never shown, and TLS that is verified."""

import asyncio
import ssl
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from local_proxy import LocalProxy, running
from pydantic import ValidationError
from structlog.testing import capture_logs

from connector_core import (
    ConnectorCoreError,
    InsecureError,
    ProviderError,
    SecretStr,
    SettingsError,
    Streamed,
    UnavailableError,
    Verdict,
)
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.quotas import Quotas
from connector_core.plugins import registry_of
from connector_core.proxies import OFF, SETTING, Proxies, Proxy
from connector_core.secrecy import hiding, secrets_in_use
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import Served, environment, serve
from connector_core.testing.certificates import Certificate, server_context
from planted.example import Example, ExampleCredentials, Owner, People
from planted.simulator import ExampleSimulator

HOST = ExampleSimulator.host
CREDENTIALS = ExampleCredentials.parse(ExampleSimulator.credentials)


# ---- addresses


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        (" HTTP://Proxy.Example/ ", "http://proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://user:password@10.0.0.1:8080", "http://10.0.0.1:8080"),
    ],
)
def test_an_address_is_read_as_other_tools_read_it_and_shown_without_credentials(address: str, wanted: str) -> None:
    assert str(Proxy.parse(SecretStr(address))) == wanted


@pytest.mark.parametrize(
    ("user", "pair"),
    [
        ("user:canary", "user:canary"),
        ("us%40er:p%2Fa%3Ass%25", "us@er:p/a:ss%"),
        ("user:%C3%A9", "user:é"),
        ("user:p@ss", "user:p@ss"),
        ("token", "token:"),
        ("user:", "user:"),
    ],
)
def test_credentials_are_decoded(user: str, pair: str) -> None:
    proxy = Proxy.parse(SecretStr(f"http://{user}@proxy.example:3128"))
    assert proxy.authorization
    assert proxy.authorization.get_secret_value() == f"Basic {b64encode(pair.encode()).decode()}"


def test_a_proxy_without_credentials_has_none() -> None:
    assert Proxy.parse(SecretStr("http://proxy.example")).authorization is None


@pytest.mark.parametrize(
    "address",
    [
        *("socks5://canary:canary@proxy.example:1080", "ftp://canary", "http://", "http://canary:canary/pass@proxy:80"),
        *("http://proxy.example:canary", "http://proxy.example:99999", "http://proxy example", "http://[canary"),
        *("http://proxy.example/canary", "http://proxy.example?canary", "http://canary:can#ary@proxy.example"),
    ],
)
def test_what_is_no_address_of_a_proxy_is_refused_without_being_quoted(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY (is not the address of a proxy|must begin with)") as caught:
        Proxies().to(HOST, 443)
    assert "canary" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint
    with pytest.raises(ValidationError) as refused:
        HttpSettings(proxy=address)
    assert "canary" not in str(refused.value)


# ---- the choice


def found(setting: str = "", host: str = HOST, **variables: str) -> tuple[str, str] | None:
    """Return the address and the source of the proxy to a host, with these variables."""
    with environment(variables):
        proxy = Proxies(setting).to(host, 443)
    return (str(proxy), proxy.source) if proxy else None


ONE, OTHER = "http://one.example:1", "http://other.example:2"


def test_the_environment_names_the_proxy() -> None:
    assert found() is None
    assert found(HTTPS_PROXY=ONE) == (ONE, "HTTPS_PROXY")
    assert found(https_proxy=ONE, HTTPS_PROXY=OTHER) == (ONE, "https_proxy")
    assert found(ALL_PROXY=ONE) == (ONE, "ALL_PROXY")
    assert found(ALL_PROXY=ONE, HTTPS_PROXY=OTHER) == (OTHER, "HTTPS_PROXY")
    # It is for another scheme.
    assert found(HTTP_PROXY=ONE, http_proxy=ONE) is None


@pytest.mark.parametrize(
    ("excluded", "direct"),
    [
        ("*", True),
        (HOST, True),
        ("localhost, .hr.example", True),
        ("hr.example", True),
        (HOST.upper(), True),
        (f"{HOST}:443", True),
        (f"{HOST}:8443", False),
        ("r.example", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_no_proxy_lists_the_hosts_that_are_reached_without_one(excluded: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert found(**{"HTTPS_PROXY": ONE, name: excluded}) == (None if direct else (ONE, "HTTPS_PROXY"))


def test_the_settings_come_before_the_environment() -> None:
    assert found(OTHER, HTTPS_PROXY=ONE, NO_PROXY="*") == (OTHER, SETTING)
    assert found(OFF, HTTPS_PROXY=ONE) is None


def test_a_host_with_an_address_of_its_own_is_reached_without_a_proxy() -> None:
    assert Proxies(ONE, {HOST: "127.0.0.1:1"}).to(HOST, 443) is None
    assert Proxies(ONE, {"other.hr.example": "127.0.0.1:1"}).to(HOST, 443)


def test_credentials_are_hidden_where_the_proxy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:canary%2Fproxy@proxy.example:3128")
    with hiding([]):
        proxy = Proxies().to(HOST, 443)
        assert proxy
        assert proxy.authorization
        pair = proxy.authorization.get_secret_value().removeprefix("Basic ")
        shown = secrets_in_use().hidden_in(f"{proxy!r} {proxy} canary/proxy canary%2Fproxy {pair}")
    assert "canary" not in shown
    assert pair not in shown
    # Half of all proxies have a user such as this, which is no secret.
    assert "someone" not in repr(proxy)


def test_settings_with_credentials_are_refused_with_the_place_for_them(tmp_path: Path) -> None:
    file = tmp_path / "plugins.toml"
    file.write_text('[host.http]\nproxy = "http://user:canary@proxy.example:3128"\n')
    with pytest.raises(SettingsError) as caught:
        Settings.load(file)
    assert "line 2: host.http.proxy: must not hold credentials: set the environment variable HTTPS_PROXY" in str(
        caught.value
    )
    assert "canary" not in str(caught.value)


# ---- requests through a proxy


@asynccontextmanager
async def tunnelled(
    proxy: LocalProxy, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[LocalProxy, Served]]:
    """A proxy before a simulator, whose authority is trusted."""
    async with serve(ExampleSimulator(30, 1)) as served, running(proxy, tls):
        proxy.upstream = served.port
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            yield proxy, served


@asynccontextmanager
async def client(**http: Any) -> AsyncIterator[HttpApi]:
    """A client that can resolve no name of the provider."""
    settings = HttpSettings(**{"tries": 1, "page_timeout": 20, **http})
    manifest = Example.manifest.model_copy(update={"limits": ()})
    api = HttpApi(
        open_session({}),
        tls_context(),
        manifest.reached_with(CREDENTIALS),
        CREDENTIALS,
        settings=settings,
        quotas=Quotas(()),
    )
    try:
        yield api
    finally:
        await api.aclose()


async def me(**http: Any) -> str:
    async with client(**http) as api:
        return (await api.get("/me", Owner)).id


@contextmanager
def fails(error: type[ConnectorCoreError], *words: str) -> Iterator[None]:
    """Expect an error whose message and hint have these words, and that no proxy's credentials appear anywhere."""
    with hiding([]), capture_logs() as logged, pytest.raises(error) as caught:
        yield
    assert type(caught.value) is error
    shown = [*traceback.format_exception(caught.value), caught.value.hint, repr(caught.value), str(logged)]
    ours = (one for one, _ in traceback.walk_tb(caught.tb) if "tests" not in one.f_code.co_filename)
    text = "\n".join([*shown, *(repr(one.f_locals) for one in ours)])
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"
    assert "canary" not in text
    assert b64encode(b"user:canary").decode() not in text
    if isinstance(caught.value, ProviderError):
        assert caught.value.call


async def test_requests_pass_a_proxy_which_is_told_the_host_and_its_own_credentials_only() -> None:
    async with tunnelled(LocalProxy(0, credentials="us@er:can/ary")) as (proxy, served):
        address = f"http://us%40er:can%2Fary@127.0.0.1:{proxy.port}"
        with environment({"HTTPS_PROXY": address}):
            async with client() as api:
                assert (await api.get("/me", Owner)).id == "o1"
                pages = [page async for page in api.pages("/people", People, paging=Streamed())]
    assert sum(len(page.rows) for page in pages) == 25
    assert len(served.simulator.requests) == 2
    # One connection is used again.
    assert proxy.targets == [f"{HOST}:443"]
    sent = "\n".join(proxy.asked[0]).lower()
    assert "bearer" not in sent
    assert "/people" not in sent
    assert f"host: {HOST}" in sent


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
async def test_a_run_passes_the_proxy_of_the_settings_with_the_programs_connector_too(
    tmp_path: Path, given: bool
) -> None:
    async with tunnelled(LocalProxy(0)) as (proxy, _):
        host = HostSettings(store=tmp_path / "people.sqlite", http=HttpSettings(proxy=proxy.address))
        session = open_session({}) if given else None
        async with Host(Settings(host=host), session=session, registry=registry_of(Example)) as opened:
            await opened.connect("example", "acme", ExampleSimulator.credentials)
            assert (await opened.run("acme")).verdict is Verdict.COMPLETE
        if session:
            await session.close()
    assert set(proxy.targets) == {f"{HOST}:443"}


async def test_a_simulator_is_reached_beside_a_proxy(tmp_path: Path) -> None:
    async with serve(ExampleSimulator(30, 1)) as served:
        variables = {"SSL_CERT_FILE": str(served.ca_file), "HTTPS_PROXY": "http://127.0.0.1:9"}
        host = HostSettings(store=tmp_path / "people.sqlite", resolve=served.resolve)
        with environment(variables):
            async with Host(Settings(host=host), registry=registry_of(Example)) as opened:
                await opened.connect("example", "acme", ExampleSimulator.credentials)


async def test_a_proxy_may_be_reached_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with tunnelled(LocalProxy(0), tls=context) as (proxy, served):
        address = {"HTTPS_PROXY": f"https://localhost:{proxy.port}"}
        with environment(address), fails(InsecureError, f"The certificate of the proxy https://localhost:{proxy.port}"):
            await me()
        both = tmp_path / "both.pem"
        both.write_bytes(served.ca_file.read_bytes() + authority.cert_pem.bytes())
        with environment({**address, "SSL_CERT_FILE": str(both)}):
            assert await me() == "o1"
    assert proxy.targets == [f"{HOST}:443"]


# ---- TLS through it


@pytest.mark.attack(
    "A proxy ends TLS itself, with a certificate that is not trusted, or is another host's",
    "No request is sent, and no secret",
)
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (Certificate.UNKNOWN_AUTHORITY, "is signed by an authority that is not trusted here"),
        (Certificate.SELF_SIGNED, "is self-signed"),
        (Certificate.OTHER_HOST, "is for another host name"),
    ],
)
async def test_the_providers_certificate_is_verified_through_a_proxy(
    tmp_path: Path, certificate: Certificate, words: str
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    async with tunnelled(LocalProxy(0, inspects=server_context(authority, HOST, certificate))) as (proxy, served):
        with (
            environment({"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": str(trusted)}),
            fails(InsecureError, f"of Example HR ({HOST}) through the proxy {proxy.address} {words}"),
        ):
            await me()
    assert proxy.targets == [f"{HOST}:443"]
    assert served.simulator.requests == []


# ---- errors of the proxy


ADDRESS = "http://user:canary@127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (407, SettingsError, "refuses the credentials in HTTPS_PROXY (407)"),
        (403, SettingsError, f"refuses to connect to {HOST}: it answered 403"),
        (302, SettingsError, f"refuses to connect to {HOST}: it answered 302"),
        (502, UnavailableError, f"cannot reach Example HR ({HOST}): it answered 502"),
        (504, UnavailableError, f"cannot reach Example HR ({HOST}): it answered 504"),
    ],
)
async def test_a_proxy_that_refuses_is_named_with_its_reason_and_whose_it_is(
    status: int, error: type[ConnectorCoreError], words: str
) -> None:
    async with running(LocalProxy(0, status=status)) as proxy:
        with (
            environment({"HTTPS_PROXY": ADDRESS.format(port=proxy.port)}),
            fails(error, f"proxy http://127.0.0.1:{proxy.port} {words}"),
        ):
            await me()
    assert (error.exit_code, error.retryable) == ((2, False) if error is SettingsError else (3, True))


async def test_a_proxy_that_asks_for_credentials_is_told_apart() -> None:
    async with running(LocalProxy(0, credentials="user:canary")) as proxy:
        with (
            environment({"HTTPS_PROXY": proxy.address}),
            fails(SettingsError, f"The proxy {proxy.address} asks for credentials (407).", "http://USER:PASSWORD@"),
        ):
            await me()


async def test_a_proxy_that_fails_once_is_asked_again() -> None:
    async with tunnelled(LocalProxy(0, status=503)) as (proxy, _):
        with environment({"HTTPS_PROXY": proxy.address}):
            asked = asyncio.create_task(me(tries=2, first_wait=0.05))
            while not proxy.asked:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.001)
            proxy.status = 200
            assert await asked == "o1"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://user:canary@127.0.0.1:9", "the proxy http://127.0.0.1:9 cannot be reached"),
        ("http://user:canary@proxy.invalid:3128", "the proxy http://proxy.invalid:3128 cannot be resolved"),
    ],
)
async def test_a_proxy_that_is_not_there_is_named(address: str, words: str) -> None:
    with environment({"HTTPS_PROXY": address}), fails(UnavailableError, words, "Check HTTPS_PROXY"):
        await me()


@pytest.mark.jumping
async def test_a_proxy_that_does_not_answer_is_named() -> None:
    async with running(LocalProxy(0, silent=True)) as proxy:
        with (
            environment({"HTTPS_PROXY": ADDRESS.format(port=proxy.port)}),
            fails(UnavailableError, f"did not answer in time through the proxy http://127.0.0.1:{proxy.port}"),
        ):
            await me()


async def test_a_provider_that_breaks_the_connection_behind_a_proxy_is_named_with_it() -> None:
    async with tunnelled(LocalProxy(0)) as (proxy, served):
        served.simulator.script("reset")
        with (
            environment({"HTTPS_PROXY": ADDRESS.format(port=proxy.port)}),
            fails(UnavailableError, "Example HR broke the connection", f"through the proxy {proxy.address}"),
        ):
            await me()

"""TLS: each reason for which a certificate is refused is told, and so is a trust store that cannot be read."""

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import pytest
import structlog
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from local_proxy import LocalProxy, running

from connector_core import (
    ClientCertificate,
    ConnectorCoreError,
    InsecureError,
    InvalidCredentialsError,
    Manifest,
    Pem,
    PrivateKey,
    ProtocolError,
    RejectedCredentialsError,
    SecretStr,
    SettingsError,
    UnavailableError,
)
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, showing, tls_context
from connector_core.http.client_certificates import _file_in_memory, _private_file
from connector_core.http.quotas import Quotas
from connector_core.plugins import registry_of
from connector_core.settings import Endpoint, HostSettings, HttpSettings, Settings
from connector_core.testing import environment, serve
from connector_core.testing.certificates import Certificate, client_pair, demand_certificates, server_context
from planted.example import Example, ExampleCredentials, Owner
from planted.simulator import ExampleSimulator
from world import reached

HOST = ExampleSimulator.host
CREDENTIALS = ExampleCredentials.parse(ExampleSimulator.credentials)
MANIFEST = Example.manifest.reached_with(CREDENTIALS)


# ---- the provider's certificate


@pytest.mark.parametrize(
    ("certificate", "finding", "advice"),
    [
        (Certificate.EXPIRED, "has expired", "Check this machine's clock."),
        (Certificate.NOT_YET_VALID, "is not valid yet", "Check this machine's clock."),
        (Certificate.OTHER_HOST, "is for another host name", "Check the address in the integration's credentials"),
        (Certificate.SELF_SIGNED, "is self-signed, so it is not trusted", "SSL_CERT_FILE"),
        (Certificate.UNKNOWN_AUTHORITY, "is signed by an authority that is not trusted here", "SSL_CERT_FILE"),
    ],
)
async def test_a_certificate_is_refused_with_the_reason(certificate: Certificate, finding: str, advice: str) -> None:
    simulator = ExampleSimulator(1, 1)
    async with reached(simulator, Example.manifest, CREDENTIALS, certificate=certificate) as api:
        with pytest.raises(InsecureError) as caught:
            await api.get("/me", Owner)
    assert caught.value.message == f"GET /me: The certificate of Example HR ({HOST}) {finding}"
    assert advice in caught.value.hint
    assert simulator.requests == []


@pytest.mark.parametrize("certificate", [Certificate.SELF_SIGNED, Certificate.UNKNOWN_AUTHORITY, Certificate.EXPIRED])
@pytest.mark.parametrize("direct", [(), (HOST,)])
async def test_a_host_that_resolve_leads_elsewhere_may_be_a_simulator(
    certificate: Certificate, direct: tuple[str, ...]
) -> None:
    simulator = ExampleSimulator(1, 1)
    async with reached(simulator, Example.manifest, CREDENTIALS, certificate=certificate, direct=direct) as api:
        with pytest.raises(InsecureError) as caught:
            await api.get("/me", Owner)
    advised = caught.value.hint.endswith(" For a simulator, set SSL_CERT_FILE as `discover simulate` printed it.")
    assert advised is (bool(direct) and certificate is not Certificate.EXPIRED)


async def test_a_good_certificate_is_accepted() -> None:
    async with reached(ExampleSimulator(1, 1), Example.manifest, CREDENTIALS, certificate="good") as api:
        assert (await api.get("/me", Owner)).id == "o1"


async def test_a_server_without_tls_is_told_apart_from_one_that_is_not_there() -> None:
    async with TestServer(web.Application()) as server:
        session = open_session({HOST: Endpoint("127.0.0.1", server.port or 0)})
        settings = HttpSettings(tries=1)
        api = HttpApi(session, tls_context(), MANIFEST, CREDENTIALS, settings=settings, quotas=Quotas(()))
        with pytest.raises(UnavailableError, match=rf"Example HR \({HOST}\) cannot be reached over TLS \([A-Z_]+\)"):
            await api.get("/me", Owner)
        await api.aclose()


# ---- our trust


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with files that are no trust store."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.pem", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
        ("empty.pem", "holds no valid certificate"),
        ("text.pem", "holds no valid certificate"),
        ("broken.pem", "holds no valid certificate"),
    ],
)
def test_a_trust_store_that_is_no_good_is_named_with_its_variable(files: Path, name: str, problem: str) -> None:
    with environment({"SSL_CERT_FILE": str(files / name)}), pytest.raises(SettingsError) as caught:
        tls_context()
    assert caught.value.message == f"SSL_CERT_FILE names '{files / name}', which {problem}."
    assert caught.value.exit_code == 2


def test_a_variable_that_is_empty_names_no_file() -> None:
    with environment({"SSL_CERT_FILE": ""}), pytest.raises(SettingsError, match=r"^SSL_CERT_FILE names ''"):
        tls_context()


def test_of_several_folders_of_authorities_one_has_to_exist(files: Path) -> None:
    with environment({"SSL_CERT_DIR": str(files / "missing")}), pytest.raises(SettingsError, match="is not a folder"):
        tls_context()
    with environment({"SSL_CERT_DIR": os.pathsep.join([str(files / "missing"), str(files)])}):
        assert tls_context().verify_mode is ssl.CERT_REQUIRED


async def test_a_trust_store_that_is_missing_is_told_before_any_request(tmp_path: Path) -> None:
    simulator = ExampleSimulator(1, 1)
    async with serve(simulator) as served:
        settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite", resolve=served.resolve))
        with environment({"SSL_CERT_FILE": str(tmp_path / "missing.pem")}):
            async with Host(settings, registry=registry_of(Example)) as host:
                with pytest.raises(SettingsError, match="SSL_CERT_FILE"):
                    await host.connect("example", "acme", simulator.credentials)
    assert simulator.requests == []


# ---- the client's certificate (mutual TLS)


AUTHORITY = trustme.CA()
CERTIFICATE, KEY = client_pair(AUTHORITY, "client.example")


class Shown(ExampleCredentials):
    certificate: Annotated[str, Pem()] | None = None
    private_key: Annotated[SecretStr, PrivateKey()] | None = None


class Mutual(Example):
    credentials_type = Shown
    manifest = Example.manifest.model_copy(update={"client_certificate": ClientCertificate()})


class Demanding(ExampleSimulator):
    client_authority = AUTHORITY


BARE = {**ExampleSimulator.credentials}
PAIR = {**BARE, "certificate": CERTIFICATE, "private_key": KEY}


async def me(simulator: ExampleSimulator, fields: Mapping[str, str], manifest: Manifest = Mutual.manifest) -> str:
    async with reached(simulator, manifest, Shown.parse(fields), tries=1) as api:
        return (await api.get("/me", Owner)).id


async def test_the_certificate_is_shown_to_a_server_that_demands_one() -> None:
    assert await me(Demanding(1, 1), PAIR) == "o1"
    # A server that demands none gets along with it, too.
    assert await me(ExampleSimulator(1, 1), PAIR) == "o1"


async def test_a_chain_of_certificates_may_follow_that_of_the_client() -> None:
    root = trustme.CA()
    between = root.create_child_ca()
    issued = between.issue_cert("client.example")
    chain = "".join(one.bytes().decode() for one in issued.cert_chain_pems)

    class Rooted(ExampleSimulator):
        client_authority = root

    key = issued.private_key_pem.bytes().decode()
    assert await me(Rooted(1, 1), {**BARE, "certificate": chain, "private_key": key}) == "o1"


@contextmanager
def strict_server(newest: ssl.TLSVersion) -> Iterator[tuple[int, str]]:
    """A server that demands certificates, and says in an alert what it has against one: its port, and its authority."""
    servers = trustme.CA()
    context = server_context(servers, HOST, Certificate.GOOD)
    context.maximum_version = newest
    demand_certificates(context, AUTHORITY)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_all() -> None:
        with suppress(OSError):
            while True:
                opened, _ = listener.accept()
                with (
                    suppress(OSError),
                    context.wrap_socket(opened, server_side=True, do_handshake_on_connect=False) as one,
                ):
                    with pytest.raises(ssl.SSLError):
                        one.do_handshake()
                    # The request is read, since one that is not would cut the alert off.
                    one.shutdown(socket.SHUT_WR)
                    while one.recv(4096):
                        pass

    thread = threading.Thread(target=serve_all)
    thread.start()
    try:
        with servers.cert_pem.tempfile() as trusted:
            yield listener.getsockname()[1], trusted
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


async def refusal(
    fields: Mapping[str, str], newest: ssl.TLSVersion, manifest: Manifest = Mutual.manifest
) -> ConnectorCoreError:
    """The error of a client with these credentials at a strict server."""
    keys = Shown.parse(fields)
    manifest = manifest.reached_with(keys)
    with strict_server(newest) as (port, trusted):
        with environment({"SSL_CERT_FILE": trusted}):
            tls = showing(manifest, keys) or tls_context()
        session = open_session({HOST: Endpoint("127.0.0.1", port)})
        api = HttpApi(session, tls, manifest, keys, settings=HttpSettings(tries=1), quotas=Quotas(()))
        try:
            with pytest.raises(ConnectorCoreError) as caught:
                await api.get("/me", Owner)
        finally:
            await api.aclose()
    return caught.value


VERSIONS = pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@VERSIONS
async def test_a_server_that_demands_a_certificate_and_gets_none_says_what_to_fill_in(newest: ssl.TLSVersion) -> None:
    error = await refusal(BARE, newest)
    assert isinstance(error, RejectedCredentialsError)
    assert error.message == f"Example HR ({HOST}) demands a certificate of the client."
    assert error.hint == "Connect again with certificate and private_key."


@VERSIONS
async def test_a_certificate_of_an_authority_that_the_server_does_not_know_is_rejected(newest: ssl.TLSVersion) -> None:
    strange, key = client_pair(trustme.CA(), "client.example")
    error = await refusal({**BARE, "certificate": strange, "private_key": key}, newest)
    assert isinstance(error, RejectedCredentialsError)
    assert error.message == f"Example HR ({HOST}) does not accept the client's certificate."
    assert "certificate and private_key" in error.hint


async def test_a_connector_that_shows_none_cannot_reach_a_server_that_demands_one() -> None:
    error = await refusal(BARE, ssl.TLSVersion.TLSv1_3, Example.manifest)
    assert isinstance(error, ProtocolError)
    assert error.message == f"GET /me: Example HR ({HOST}) demands a certificate of the client"


async def test_a_server_that_breaks_off_without_a_word_may_demand_a_certificate() -> None:
    with pytest.raises(UnavailableError, match="broke the connection") as caught:
        await me(Demanding(1, 1), BARE)
    assert "check certificate and private_key" in caught.value.hint
    with pytest.raises(UnavailableError) as caught:
        await me(Demanding(1, 1), BARE, Example.manifest)
    assert caught.value.hint == ""


def encrypted(pem: str) -> str:
    key = load_pem_private_key(pem.encode(), None)
    held: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x"))
    return held.decode()


EXPIRED, EXPIRED_KEY = client_pair(AUTHORITY, "client.example", expired=True)


@pytest.mark.parametrize(
    ("changed", "field", "problem"),
    [
        ({"private_key": client_pair(AUTHORITY, "x.example")[1]}, "private_key", "does not belong to the certificate"),
        ({"private_key": encrypted(KEY)}, "private_key", "is encrypted: give the key without its passphrase"),
        ({"certificate": EXPIRED, "private_key": EXPIRED_KEY}, "certificate", "has expired on 20"),
        (
            {"certificate": CERTIFICATE.replace("MII", "AAA", 1)},
            "certificate",
            "is not a certificate in PEM that can be",
        ),
        ({"certificate": KEY}, "certificate", "holds a private key, too: give the certificate only"),
        ({"certificate": ""}, "certificate", "Fill in certificate and private_key, or neither."),
        ({"private_key": ""}, "private_key", "Fill in certificate and private_key, or neither."),
    ],
)
async def test_a_pair_that_cannot_be_shown_is_refused_by_its_field_before_any_request(
    changed: Mapping[str, str], field: str, problem: str, tmp_path: Path
) -> None:
    simulator = Demanding(1, 1)
    async with serve(simulator) as served:
        settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite", resolve=served.resolve))
        async with Host(settings, registry=registry_of(Mutual)) as host:
            with pytest.raises(InvalidCredentialsError) as caught:
                await host.connect("example", "acme", {**PAIR, **changed})
    assert caught.value.field == field
    assert problem in caught.value.message
    assert simulator.requests == []


async def test_runs_show_the_certificate_and_keep_the_key_nowhere_but_sealed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "temporary", tmp_path / "store" / "people.sqlite"
    folder.mkdir()
    store.parent.mkdir()
    async with serve(Demanding(30, 1)) as served:
        host_settings = HostSettings(store=store, key_file=tmp_path / "key", resolve=served.resolve)
        variables = {"SSL_CERT_FILE": str(served.ca_file), "TMPDIR": str(folder)}
        with environment(variables), structlog.testing.capture_logs() as logged:
            async with Host(Settings(host=host_settings), registry=registry_of(Mutual)) as host:
                await host.connect("example", "acme", PAIR)
                report = await host.run("acme")
                (saved,) = await host.integrations()
    assert report.kinds[0].certificate.complete
    assert dict(saved.fields)["certificate"] == CERTIFICATE
    kept = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    told = [repr(logged), repr(report), repr(saved), *capfd.readouterr()]
    for line in KEY.splitlines()[1:-1]:
        assert line.encode() not in kept
        assert not any(line in text for text in told)


@pytest.mark.parametrize("opened", [_file_in_memory, _private_file])
def test_the_file_that_openssl_reads_is_private_and_gone_afterwards(
    opened: Callable[[SecretStr], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with environment({"TMPDIR": str(tmp_path)}):
        tempfile.tempdir = None
        try:
            with opened(SecretStr(KEY)) as path:
                assert Path(path).read_text() == KEY
                on_disk = list(tmp_path.iterdir())
                assert len(on_disk) == (opened is _private_file)
                assert all(one.stat().st_mode & 0o077 == 0 for one in on_disk)
        finally:
            tempfile.tempdir = None
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match=r"No such file|not permitted"):
        Path(path).read_text()


async def test_a_certificate_is_shown_through_a_proxy_too() -> None:
    simulator, keys = Demanding(1, 1), Shown.parse(PAIR)
    manifest = Mutual.manifest.reached_with(keys)
    async with serve(simulator) as served, running(LocalProxy(served.port)) as proxy:
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            tls = showing(manifest, keys)
        assert tls is not None
        settings = HttpSettings(proxy=proxy.address)
        api = HttpApi(open_session({}), tls, manifest, keys, settings=settings, quotas=Quotas(()))
        try:
            assert (await api.get("/me", Owner)).id == "o1"
        finally:
            await api.aclose()
    assert len(simulator.requests) == 1
    assert proxy.targets == [f"{HOST}:443"]

"""TLS: each reason for which a certificate is refused is told, and so is a trust store that cannot be read."""

import os
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector_core import InsecureError, SettingsError, UnavailableError
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.quotas import Quotas
from connector_core.plugins import registry_of
from connector_core.settings import Endpoint, HostSettings, HttpSettings, Settings
from connector_core.testing import environment, serve
from connector_core.testing.certificates import Certificate
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

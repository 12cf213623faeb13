"""What `serve` refuses at its start: each time the operator's to fix, with the flag or the file that is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from connector_core.cli.demo_web import _in_a_terminal, _to_try
from connector_core.cli.flags import Flags
from connector_core.errors import SettingsError
from connector_core.web.server import refuse_unnamed_host, tls_of
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from web_host import web_settings
from world import Discover


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("listen", ["8098", ":8098", "localhost", "127.0.0.1:99999", "foo:bar", ""])
def test_an_address_that_is_none_is_named_by_its_flag(discover: Discover, listen: str) -> None:
    done = discover("serve", "--listen", listen)
    assert done.code == 2
    assert "--listen is not an address and a port such as 127.0.0.1:8443." in words(done.err)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Files of a certificate and its key."""
    made, certificate, key = trustme.CA().issue_cert("127.0.0.1"), tmp_path / "cert.pem", tmp_path / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    return str(certificate), str(key)


@pytest.mark.parametrize("listen", ["0.0.0.0:8098", "[::]:8098"])
def test_a_host_that_no_request_could_name_does_not_start(
    discover: Discover, files: tuple[str, str], listen: str
) -> None:
    done = discover("serve", "--listen", listen, "--certificate", files[0], "--key", files[1])
    assert done.code == 2
    assert f"{listen} stands for every address of this machine, and no name is set" in words(done.err)
    assert '[web] hosts = ["discovery.example.com"]' in words(done.err)


def test_a_named_host_and_one_address_are_not_refused() -> None:
    refuse_unnamed_host(web_settings(listen="0.0.0.0:8098", hosts=("discovery.example.com",)))
    refuse_unnamed_host(web_settings(listen="192.0.2.7:8098"))


@pytest.mark.parametrize(("part", "place"), [("certificate", 0), ("key", 1)])
def test_the_file_that_is_missing_or_no_pem_is_named(files: tuple[str, str], part: str, place: int) -> None:
    file = Path(files[place])
    named = web_settings(certificate=files[0], key=files[1])
    file.write_bytes(b"\x30\x82 in another format")
    with pytest.raises(SettingsError) as raised:
        tls_of(named)
    assert raised.value.message == f"The file {file} holds no {part} in PEM format."
    file.unlink()
    with pytest.raises(SettingsError) as raised:
        tls_of(named)
    assert raised.value.message == f"The {part} {file} cannot be read: No such file or directory."


def test_a_key_of_another_certificate_is_told_from_a_damaged_one(files: tuple[str, str]) -> None:
    named, key = web_settings(certificate=files[0], key=files[1]), Path(files[1])
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    with pytest.raises(SettingsError, match="cannot be used: the key is that of another certificate"):
        tls_of(named)
    key.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SettingsError, match="cannot be used: one is damaged, or the key needs a password"):
        tls_of(named)


@pytest.mark.parametrize("arguments", [("serve",), ("demo", "--web")])
def test_without_the_extra_for_the_web_it_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    script = (
        "import sys; sys.modules['jinja2'] = None; from connector_core.cli.main import invoke; "
        f"sys.exit(invoke({list(arguments)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "The web host needs jinja2, which is not installed." in words(done.stderr)
    assert 'Install it: pip install "connector-core[web]" (in a clone: pip install ".[web]")' in words(done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_in_a_browser_names_another_integration_and_how_a_terminal_reaches_it(tmp_path: Path) -> None:
    simulator = NamelySimulator(Tenant(50, 1, Behaviour()), Behaviour())
    assert "  name: acme-2" in _to_try(simulator)
    lines = _in_a_terminal(tmp_path / "ca.pem", Flags(settings=Path(".demo/plugins.toml")))
    assert f"  export SSL_CERT_FILE={tmp_path}/ca.pem" in lines
    assert any(one.endswith("run acme --settings .demo/plugins.toml") for one in lines)

"""Simulators as an operator uses them: found again after a restart, reached by settings they write, and ageing."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import CertificateBuilder, load_pem_x509_certificate, random_serial_number

from connector_core import SettingsError
from connector_core.cli.simulated_settings import SimulatedSettings
from connector_core.cli.simulation import SimulateFlags, _about_settings, _commands
from connector_core.plugins import load as load_plugins
from connector_core.settings import Settings
from connector_core.testing import Served, SimulatorOptions, load, serve
from connector_core.testing.authority import authority_in, cache_folder
from connector_core.testing.serving import port_of
from processes import killed_at_every_instant, run_script, simulating, typed
from world import DISCOVER, OURS, Discover, free_port

PLACE = "127.0.0.1:8443"


# ---- ports


def test_every_simulator_has_a_port_of_its_own_that_no_system_hands_out() -> None:
    ports = [port_of(name) for name in OURS]
    assert ports == [26416, 21686, 24602, 23746, 29716, 29446, 29900]
    assert all(20_000 <= port_of(name) < 30_000 for name in ("example", "acmehr", ""))


def test_a_port_that_is_in_use_is_the_operators_to_fix(discover: Discover) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port_of("personio")))
            taken.listen()
        except OSError:
            pass  # So it is in use already.
        done = discover("simulate", "personio")
    assert done.code == 2
    assert done.err.startswith("Error: Port 29446 is in use, perhaps by another simulator.\n")
    assert "--port 0 takes a free one" in done.err


# ---- the authority


async def test_the_authority_is_made_once_and_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "simulator"
    _, certificate = await authority_in(folder)
    first = certificate.read_bytes()
    again, _ = await authority_in(folder)
    assert again.cert_pem.bytes() == certificate.read_bytes() == first
    assert b"PRIVATE" not in first
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_authority_is_kept_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here" / "connector-core" / "simulator"


def _ending(pem: bytes, after: timedelta) -> bytes:
    """The same authority with another end."""
    old, key = load_pem_x509_certificate(pem), load_pem_private_key(pem, None)
    builder = CertificateBuilder(old.issuer, old.subject, old.public_key(), random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime.now(UTC) + after)  # noqa: DTZ001 - in UTC
    for one in old.extensions:
        builder = builder.add_extension(one.value, one.critical)
    assert isinstance(key, EllipticCurvePrivateKey)
    certificate = builder.sign(key, SHA256())
    return trustme.CA.from_pem(pem, pem).private_key_pem.bytes() + certificate.public_bytes(Encoding.PEM)


def _with_other_key(pem: bytes) -> bytes:
    return trustme.CA().private_key_pem.bytes() + trustme.CA.from_pem(pem, pem).cert_pem.bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda pem: pem[:100],
        lambda pem: pem.replace(b"CERTIFICATE", b"CERTIFICATION"),
        _with_other_key,
        lambda pem: _ending(pem, timedelta(days=20)),
        lambda pem: _ending(pem, timedelta(days=-1)),
    ],
    ids=["empty", "cut", "no certificate", "another key", "ends soon", "has ended"],
)
async def test_an_authority_that_is_of_no_use_is_made_anew(tmp_path: Path, damage: Any) -> None:
    before, certificate = await authority_in(tmp_path)
    file = tmp_path / "authority.pem"
    file.write_bytes(damage(file.read_bytes()))
    after, _ = await authority_in(tmp_path)
    assert after.cert_pem.bytes() != before.cert_pem.bytes()
    assert certificate.read_bytes() == after.cert_pem.bytes()
    assert (await authority_in(tmp_path))[0].cert_pem.bytes() == after.cert_pem.bytes()


async def test_an_authority_that_lasts_is_kept(tmp_path: Path) -> None:
    await authority_in(tmp_path)
    file = tmp_path / "authority.pem"
    file.write_bytes(_ending(file.read_bytes(), timedelta(days=40)))
    kept = file.read_bytes()
    _, certificate = await authority_in(tmp_path)
    assert file.read_bytes() == kept
    # Of the file for clients, too, there is one truth.
    assert kept.endswith(certificate.read_bytes())


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
async def test_an_authority_whose_key_others_could_read_is_made_anew(tmp_path: Path) -> None:
    before, _ = await authority_in(tmp_path)
    (tmp_path / "authority.pem").chmod(0o644)
    assert (await authority_in(tmp_path))[0].cert_pem.bytes() != before.cert_pem.bytes()


def test_simulators_that_start_together_share_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: asyncio.run(authority_in(tmp_path))[0].cert_pem.bytes(), range(8)))
    assert len(set(made)) == 1


@pytest.mark.slow
def test_a_simulator_that_is_killed_while_it_makes_its_authority_leaves_one_that_works_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "simulator"
    imports = "import asyncio; from pathlib import Path; from connector_core.testing.authority import authority_in"
    work = f"asyncio.run(authority_in(Path({str(folder)!r})))"
    for killed in killed_at_every_instant(imports, work):
        if killed and (folder / "authority.pem").exists():
            pem = (folder / "authority.pem").read_bytes()
            assert load_pem_x509_certificate(pem).public_key() == load_pem_private_key(pem, None).public_key()
            asyncio.run(authority_in(folder))
            (folder / "authority.pem").unlink()
    assert {one.name for one in folder.iterdir()} == {".lock", "authority.pem", "ca.pem"}


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be kept in .*/file/simulator") as caught:
        await authority_in(tmp_path / "file" / "simulator")
    assert "XDG_CACHE_HOME" in caught.value.hint


async def test_a_client_that_trusts_a_simulator_trusts_it_after_a_restart(tmp_path: Path) -> None:
    trust = None
    for _ in range(2):
        simulator = load("connectors.namely.simulator", SimulatorOptions(5))
        async with serve(simulator, keep=tmp_path) as served:
            trust = trust or ssl.create_default_context(cafile=served.ca_file)
            _, writer = await asyncio.open_connection(
                "127.0.0.1", served.port, ssl=trust, server_hostname=simulator.host
            )
            writer.close()
            await writer.wait_closed()


# ---- settings


def written(file: Path, plugins: tuple[str, ...], resolve: dict[str, str]) -> SimulatedSettings:
    return asyncio.run(SimulatedSettings(file, plugins, resolve).save())


def test_the_settings_are_whole_and_keep_their_store_and_key_beside_them(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    written(file, ("namely",), {"acme.namely.com": PLACE})
    settings = Settings.load(file)
    assert set(settings.plugins or ()) == {"namely"}
    assert settings.host.resolve == {"acme.namely.com": PLACE}
    assert (settings.host.store, settings.host.key_file) == (tmp_path / "acme.sqlite", tmp_path / "acme.key")


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / 'a "b" \\ ü.toml'
    made = written(file, ("namely",), {"acme.namely.com": PLACE})
    assert Settings.load(file).host.store == tmp_path / 'a "b" \\ ü.sqlite'
    assert SimulatedSettings.of(file) == made


def test_several_simulators_share_one_file(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    written(file, ("namely",), {"acme.namely.com": "127.0.0.1:1"})
    with ThreadPoolExecutor(4) as threads:
        for number, name in enumerate(OURS, 2):
            threads.submit(written, file, (name,), {f"{name}.example": f"127.0.0.1:{number}"})
    written(file, ("namely",), {"acme.namely.com": PLACE})
    settings = Settings.load(file)
    assert set(settings.plugins or ()) == set(OURS)
    assert settings.host.resolve["acme.namely.com"] == PLACE
    assert {f"{name}.example" for name in OURS} < set(settings.host.resolve)


@pytest.mark.parametrize(
    "text", ["", "[plugins.namely]\n", "not TOML", "plugins = 5\n", "[plugins.namely]\n[host]\nresolve = 5\n"]
)
def test_a_file_of_the_operators_own_is_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    assert SimulatedSettings.of(tmp_path / "own.toml") is None


def test_a_file_that_the_operator_has_changed_is_theirs(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    made = written(file, ("namely",), {"acme.namely.com": PLACE})
    assert SimulatedSettings.of(file) == made
    file.write_text(file.read_text() + "\n[host.http]\nat_once = 4\n")
    assert SimulatedSettings.of(file) is None


def about(tmp_path: Path, own: str | None) -> str:
    """Return the message about settings that the operator wrote."""
    flags = SimulateFlags()
    if own is not None:
        (tmp_path / "plugins.toml").write_text(own)
    served = Served(load("connectors.namely.simulator", SimulatorOptions(5)), 8443, tmp_path / "ca.pem")
    return "\n".join(_about_settings(served, None, flags))


LINE = f'"acme.namely.com" = "{PLACE}"'


@pytest.mark.parametrize("own", [None, "[plugins.namely]\n", '[plugins.namely]\n[host]\nstore = "a.sqlite"\n'])
def test_what_is_to_be_put_into_settings_can_be_pasted_at_their_end(tmp_path: Path, own: str | None) -> None:
    said = about(tmp_path, own)
    assert "Put this into plugins.toml" in said
    _, table, lines = said.partition("[host.resolve]")
    assert tomllib.loads((own or "") + table + lines)["host"]["resolve"] == {"acme.namely.com": PLACE}


def test_a_table_that_is_there_is_not_declared_twice(tmp_path: Path) -> None:
    own = '[plugins.namely]\n[host.resolve]\n"api.hibob.com" = "127.0.0.1:1"\n'
    assert about(tmp_path, own) == f"\nPut this below [host.resolve] in plugins.toml:\n\n{LINE}"


def test_settings_that_lead_to_the_simulator_need_nothing(tmp_path: Path) -> None:
    assert about(tmp_path, f"[host.resolve]\n{LINE}\n") == "The settings in plugins.toml lead to it."


# ---- commands


def _commands_of(name: str, settings: SimulatedSettings | None) -> str:
    connector = load_plugins(Settings()).connector(name)
    served = Served(load(f"connectors.{name}.simulator", SimulatorOptions(5)), 8443, Path("my cache/ca.pem"))
    flags = SimulateFlags(settings=Path("it's.toml"), store=Path("my.sqlite"))
    return "\n".join(_commands(connector, served, settings, flags))


def test_what_is_to_be_typed_is_quoted_for_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["my venv/bin/discover", "simulate"])
    said = _commands_of("namely", None)
    assert "export SSL_CERT_FILE='my cache/ca.pem'\n" in said
    assert said.endswith("""'my venv/bin/discover' run acme --settings 'it'"'"'s.toml' --store my.sqlite""")
    assert "\n'my venv/bin/discover' connect namely --name acme" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bamboohr", "hibob"])
def test_what_a_simulator_says_to_type_works(name: str, tmp_path: Path) -> None:
    with simulating(name, "--people", "5", "--port", "0") as (said, _):
        (tmp_path / "plugins.toml").write_text("[host.resolve]" + re.split(r"\[host.resolve\]|\nRun", said)[1])
        assert "is connected." in run_script(typed(said))


@pytest.mark.slow
def test_after_a_restart_nothing_is_to_be_done_anew(tmp_path: Path) -> None:
    command = ("namely", "--people", "60", "--settings", "acme.toml", "--port", str(free_port()))
    with simulating(*command) as (said, _):
        assert "acme: complete" in run_script(typed(said))
    assert not (tmp_path / "plugins.toml").exists()
    trusted = re.search(r"SSL_CERT_FILE=(.*)", said)
    assert trusted
    with simulating(*command) as (again, _):
        assert again == said
        run = run_script("discover run acme --settings acme.toml", SSL_CERT_FILE=trusted[1])
        assert "acme: complete" in run
        # A second one adds itself, and its integration has a name of its own.
        with simulating("personio", "--people", "5", "--settings", "acme.toml", "--port", "0") as (other, _):
            assert "acme-personio: complete" in run_script(typed(other))
            assert "--name acme " in _commands_of("namely", SimulatedSettings.of(tmp_path / "acme.toml"))
    # The key is the file's own, not the one in the environment.
    assert (tmp_path / "acme.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_time_passes_at_the_interval_that_was_given(tmp_path: Path) -> None:
    command = [str(DISCOVER), "simulate", "hibob", "--people", "60", "--port", "0", "--every", "1s", "--json"]
    with subprocess.Popen([*command, "--settings", "acme.toml"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [json.loads(process.stdout.readline()) for _ in range(11)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert lines[0]["settings"] == "acme.toml"
    assert (tmp_path / "acme.toml").exists()
    events = [(datetime.fromisoformat(one["at"]), one["event"]) for one in lines[1:]]
    assert [event.split()[2:4] for _, event in events[:2]] == [["is", "promoted."], ["moves", "to"]]
    assert events[4][1].endswith("is hired.")
    assert timedelta(seconds=1) <= events[5][0] - events[0][0] <= timedelta(seconds=10)


@pytest.mark.parametrize("every", ["30", "s", "0s", "25h", "1d", "-1s", "1.5s", "canary"])
def test_an_interval_that_makes_no_sense_is_the_operators_to_fix(discover: Discover, every: str) -> None:
    done = discover("simulate", "namely", "--every", every)
    assert done.code == 2
    assert "such as 30s, 5m or 1h" in done.err or every == "-1s"
    assert "canary" not in done.err


def test_a_recording_does_not_age(discover: Discover) -> None:
    done = discover("simulate", "namely", "--recorded", "folder", "--every", "30s")
    assert (done.code, "a recording does not change" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("nowhere/acme.toml", "The folder nowhere does not exist."),
        ("acme.toml/acme.toml", "The folder acme.toml does not exist."),
    ],
)
def test_settings_that_cannot_be_written_are_the_operators_to_fix(
    discover: Discover, tmp_path: Path, file: str, says: str
) -> None:
    (tmp_path / "acme.toml").write_text("")
    done = discover("simulate", "namely", "--port", "0", "--settings", file)
    assert done.code == 2
    assert says in done.err
    assert not (tmp_path / "nowhere").exists()


# ---- time


@pytest.mark.parametrize("people", [1, 5, 60])
@pytest.mark.parametrize("name", OURS)
def test_time_may_pass_as_often_as_one_likes(name: str, people: int) -> None:
    simulator = load(f"connectors.{name}.simulator", SimulatorOptions(people))
    sizes = []
    for _ in range(300):
        events = " ".join(simulator.evolve())
        assert "hired" in events
        assert "move" in events
        assert re.search(r"leaves|left", events)
        sizes.append(len(simulator.people))
    assert sizes == sorted(sizes)
    assert sizes[-1] < 1_000
    assert len({title for title in re.findall(r"renamed (.*)", events) if title.count("Partners") > 1}) == 0


@pytest.mark.parametrize("name", OURS)
def test_while_time_passes_by_the_clock_people_are_hired_now(name: str) -> None:
    def newest(*, live: bool) -> datetime:
        simulator = load(f"connectors.{name}.simulator", SimulatorOptions(60))
        simulator.live = live
        simulator.evolve()
        created = simulator.people[-1].created_at if name == "namely" else simulator.people[-1].created
        return datetime.fromtimestamp(created, UTC) if isinstance(created, int) else created

    assert datetime.now(UTC) - newest(live=True) < timedelta(seconds=30)
    # Elsewhere they were hired before the next reading begins.
    assert newest(live=False) < datetime(2026, 2, 1, tzinfo=UTC)

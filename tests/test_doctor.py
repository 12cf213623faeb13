"""The examination of an installation: each finding with a thing that is really broken, and nothing changed by it."""

import asyncio
import os
import re
import socket
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from cryptography.fernet import Fernet
from pydantic import SecretStr
from stores import changed_by_hand, connected

from connector_core.doctor import Finding, Health, examine, read_settings
from connector_core.doctor.finding import found_by
from connector_core.doctor.machine import packages, proxy, python, trust, web_host
from connector_core.doctor.plugins import load_plugins, of_plugin
from connector_core.doctor.providers import clocks, judged
from connector_core.doctor.stored import examine_store
from connector_core.settings import HostSettings, PluginSettings, Settings
from connector_core.store import Store
from connector_core.store.schema import VERSION
from connector_core.vault import Vault
from installed import Folder
from world import Discover, Place, Running, Start

OK, WARNING, PROBLEM = Health.OK, Health.WARNING, Health.PROBLEM


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


async def of(settings: Settings, subject: str, **more: object) -> Finding:
    """Return the finding about one subject, without the network."""
    (found,) = [one for one in await examine(settings, offline=True, **more) if one.subject == subject]  # type: ignore[arg-type]
    return found


# ---- the machine


def test_the_versions_are_those_of_this_process() -> None:
    assert python().message.startswith("CPython 3.")
    assert "pydantic 2." in packages().message
    assert (python().state, packages().state) == (OK, OK)


def test_a_package_that_is_too_old_is_named(folder: Folder) -> None:
    info = folder.path / "connector_core-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: connector-core\nVersion: 0.1.0\nRequires-Dist: pydantic>=99\n"
    )
    found = packages()
    assert found.state is PROBLEM
    assert found.message.startswith("Too old or too new: pydantic>=99 (installed: 2.")


def test_a_missing_package_of_the_web_host_is_named_with_the_command_that_installs_it(folder: Folder) -> None:
    assert web_host().state is OK
    info = folder.path / "connector_core-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: connector-core\nVersion: 0.1.0\nProvides-Extra: web\nProvides-Extra: author\n"
        "Requires-Dist: no-such-page-maker>=1; extra == 'web'\nRequires-Dist: jinja2>=99; extra == 'web'\n"
        "Requires-Dist: no-such-copier; extra == 'author'\nRequires-Dist: aiohttp>=1\n"
    )
    found = web_host()
    assert found.state is WARNING
    assert found.message.endswith(": no-such-page-maker, jinja2.")
    assert found.remedy == 'If you use it: pip install "connector-core[web]" (in a clone: pip install ".[web]")'


def test_a_good_file_of_authorities_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert trust() == Finding("trust", OK, f"1 certificate authority in {file} (SSL_CERT_FILE)")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ca.pem", None, "cannot be read: No such file or directory."),
        ("", None, "names '', which cannot be read"),
        (".", None, "cannot be read"),
        ("ca.pem", "no certificate", "holds no valid certificate."),
        ("ca.pem", "", "holds no valid certificate."),
    ],
    ids=["missing", "empty variable", "folder", "text", "empty file"],
)
async def test_a_bad_file_of_authorities_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, said: str
) -> None:
    if content is not None:
        Path(name).write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", name)
    found = await found_by("trust", trust)
    assert found.state is PROBLEM
    assert said in found.message
    assert found.message.startswith("SSL_CERT_FILE")
    assert "Name a PEM file" in found.remedy


def test_the_systems_authorities_are_counted() -> None:
    assert (trust().state, "of the system" in trust().message) == (OK, True)


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize(
    ("given", "exceptions", "state", "said"),
    [
        ("", "", OK, "none"),
        ("http://proxy.example:3128", "", OK, "http://proxy.example:3128 (HTTPS_PROXY)"),
        ("proxy.example:3128", "", OK, "http://proxy.example:3128"),
        (
            "http://ann:s3cret@proxy.example",
            "a.b",
            OK,
            "http://proxy.example:80 (HTTPS_PROXY), with credentials; not for",
        ),
        ("http://ann:s3cret@proxy.example:port", "", PROBLEM, "HTTPS_PROXY is not the address of a proxy"),
        ("http://", "", PROBLEM, "HTTPS_PROXY is not the address of a proxy"),
    ],
)
async def test_the_proxy_is_shown_without_its_credentials(
    monkeypatch: pytest.MonkeyPatch, given: str, exceptions: str, state: Health, said: str
) -> None:
    for name, value in {"HTTPS_PROXY": given, "NO_PROXY": exceptions}.items():
        if value:
            monkeypatch.setenv(name, value)
    found = await found_by("proxy", proxy)
    assert (found.state, found.message.startswith(said)) == (state, True)
    assert "s3cret" not in str(found)
    assert "ann" not in str(found)
    assert proxy("http://other.example:1").message == "http://other.example:1 ([host.http] proxy)"
    assert proxy("none").message == "none"


@pytest.mark.jumping
async def test_a_part_that_hangs_is_given_up_and_one_that_fails_fails_alone() -> None:
    def fail() -> Finding:
        raise ZeroDivisionError

    release = threading.Event()

    def hang() -> Finding:
        release.wait(30)
        raise AssertionError

    before = asyncio.get_running_loop().time()
    hung = await found_by("disk", hang)
    assert asyncio.get_running_loop().time() - before == pytest.approx(10, abs=0.1)
    release.set()
    assert (hung.state, hung.message) == (PROBLEM, "It did not answer within 10 s.")
    assert (await found_by("disk", fail)).message == "It could not be examined: ZeroDivisionError."


# ---- the settings


def test_the_file_that_was_read_is_named(tmp_path: Path) -> None:
    assert read_settings(None)[1].message == f"The defaults: there is no {tmp_path / 'plugins.toml'}"
    (tmp_path / "plugins.toml").write_text("[plugins.namely]\n")
    assert read_settings(None)[1] == Finding("settings", OK, f"{tmp_path / 'plugins.toml'}")


async def test_settings_that_cannot_be_read_leave_the_machine_to_examine(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[host]\nstroe = 'a'\n")
    settings, found = read_settings(tmp_path / "mine.toml")
    assert (settings, found.state) == (None, PROBLEM)
    assert "line 2: host.stroe: there is no such key" in found.message
    assert found.message.endswith(". The store and the plugins are examined when it can be read.")
    assert found.remedy == "Every key, with its meaning: discover settings"
    assert [one.subject for one in await examine(None)] == ["python", "packages", "web host", "trust", "proxy"]


# ---- the store


async def test_nothing_is_created_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    settings = Settings(host=HostSettings(store=tmp_path / "people.sqlite"))
    findings = {one.subject: one for one in await examine(settings)}
    assert findings["store"].message.startswith(f"None yet: {tmp_path / 'people.sqlite'} is made")
    assert findings["key"].message.startswith(f"None yet: {tmp_path / 'config'}")
    assert {one.state for one in findings.values()} == {OK}
    assert [*tmp_path.iterdir()] == []


async def test_a_good_store_is_undamaged_and_left_as_it_is(tmp_path: Path) -> None:
    path = await connected(tmp_path / "people.sqlite")
    before = contents(tmp_path)
    found, (stored,) = await examine_store(path)
    assert found.state is OK
    assert found.message.endswith(f"MB, version {VERSION}, 1 integration, undamaged")
    assert (stored.integration.name, stored.last, stored.held) == ("acme", None, None)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("script", "state", "said"),
    [
        ("PRAGMA user_version = 99", PROBLEM, "was written by a newer version of this program"),
        ("PRAGMA user_version = 0", WARNING, "the next command keeps a copy of it and brings it to version"),
        ("PRAGMA application_id = 7", PROBLEM, "is the database of another program"),
    ],
)
async def test_a_store_of_another_version_or_program_is_left_as_it_is(
    tmp_path: Path, script: str, state: Health, said: str
) -> None:
    path = await connected(tmp_path / "people.sqlite")
    changed_by_hand(path, f"PRAGMA journal_mode = DELETE; {script};")
    before = contents(tmp_path)
    found, stored = await examine_store(path)
    assert (found.state, stored) == (state, [])
    assert said in found.message
    assert contents(tmp_path) == before


async def test_a_damaged_store_is_a_problem(tmp_path: Path) -> None:
    path = await connected(tmp_path / "people.sqlite")
    content = bytearray(path.read_bytes())
    page = 4096
    content[page : 2 * page] = b"\xff" * page
    path.write_bytes(content)
    found, _ = await examine_store(path)
    assert found.state is PROBLEM
    assert "Restore" in found.remedy or "restore" in found.remedy


@pytest.mark.parametrize("kind", ["text", "folder", "no folder"])
async def test_what_is_no_store_is_a_problem(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there" / "people.sqlite" if kind == "no folder" else tmp_path / "people.sqlite"
    if kind == "text":
        path.write_text("no database" * 1000)
    elif kind == "folder":
        path.mkdir()
    before = contents(tmp_path)
    found, stored = await examine_store(path)
    assert (found.state, stored, contents(tmp_path)) == (PROBLEM, [], before)
    assert str(path) in found.message or str(path.parent) in found.message


async def test_a_store_that_is_too_large_to_be_checked_is_not_called_damaged(tmp_path: Path) -> None:
    path = await connected(tmp_path / "people.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE ballast (n INTEGER PRIMARY KEY, text)")
        connection.executemany("INSERT INTO ballast (text) VALUES (?)", [("x" * 500,)] * 20_000)
    store = Store(path)
    try:
        assert await store.inspection.damage(0.0) is None
        assert await store.inspection.damage(30.0) == ""
    finally:
        await store.aclose()


# ---- the key


@pytest.fixture
async def place(namely: Start) -> Place:
    """A tenant that is connected, and has been read."""
    return await namely(scanned=True)


async def test_the_key_that_opens_all_secrets_is_well(place: Place) -> None:
    found = await of(place.settings, "key")
    assert found == Finding("key", OK, "DISCOVER_SECRET_KEY, opens the secrets of 1 integration")


async def test_a_key_file_that_others_can_read_is_a_problem(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret.key"
    file.write_text(os.environ["DISCOVER_SECRET_KEY"])
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    file.chmod(0o600)
    good = await of(place.settings, "key", vault=Vault(key_file=file))
    assert good == Finding("key", OK, f"{file}, opens the secrets of 1 integration")
    named = place.settings.model_copy(update={"host": place.settings.host.model_copy(update={"key_file": file})})
    assert await of(named, "key") == good
    file.chmod(0o644)
    bad = await of(place.settings, "key", vault=Vault(key_file=file))
    assert (bad.state, bad.remedy) == (PROBLEM, f"Run: chmod 600 {file}")
    file.unlink()
    missing = await of(place.settings, "key", vault=Vault(key_file=file))
    assert (missing.state, "is missing" in missing.message) == (PROBLEM, True)
    assert not file.exists()


async def test_a_key_that_is_another_or_none_is_a_problem(place: Place) -> None:
    other = SecretStr(Fernet.generate_key().decode())
    found = await of(place.settings, "key", vault=Vault(other))
    assert found.message.startswith("acme: The stored secrets were sealed with another key")
    found = await of(place.settings, "key", vault=Vault(SecretStr("no-key-at-all")))
    assert (found.state, "is not a Fernet key" in found.message) == (PROBLEM, True)
    assert "no-key-at-all" not in str(found)


# ---- plugins and integrations


async def test_plugins_that_fail_are_problems_and_others_are_ready(folder: Folder) -> None:
    folder.add("raise RuntimeError('no luck')", name="broken")
    folder.add("", name="unwanted")
    plugins = {"broken": PluginSettings(), "namely": PluginSettings()}
    registry = await load_plugins(Settings(plugins=plugins))
    found = {one.subject: one for one in map(of_plugin, registry.entries)}
    assert found["plugin namely"].message == "Ready (connector-core 0.1.0)"
    assert found["plugin broken"].state is PROBLEM
    assert "no luck" in found["plugin broken"].message
    assert (found["plugin unwanted"].state, "Not allowed" in found["plugin unwanted"].message) == (OK, True)


async def test_an_integration_tells_its_last_run_and_its_plan(place: Place) -> None:
    found = await of(place.settings, "integration acme")
    assert (found.state, found.message.endswith(" UTC: complete")) == (OK, True)
    place.simulator.evolve()
    await place.run(apply=False)
    found = await of(place.settings, "integration acme")
    assert (found.state, found.remedy) == (WARNING, "Look at it: discover apply acme")
    assert found.message.endswith("changes waiting.")


async def test_an_integration_whose_token_is_too_old_is_a_problem(place: Place) -> None:
    place.execute("UPDATE integrations SET credentials_at = '2020-01-01T00:00:00+00:00'")
    found = await of(place.settings, "integration acme")
    assert (found.state, "has expired" in found.message) == (PROBLEM, True)
    assert found.remedy == "Connect again with a new one: discover connect namely --name acme"


async def test_an_integration_without_its_connector_is_a_problem(place: Place) -> None:
    settings = place.settings.model_copy(update={"plugins": {}})
    found = await of(settings, "integration acme")
    assert (
        found.message == "The connector 'namely' is not allowed: It is not named in plugins.toml: add [plugins.namely]."
    )


# ---- the providers' clocks


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.4, OK), (-4.9, OK), (5.1, WARNING), (-60, WARNING), (121, PROBLEM), (-4000, PROBLEM)]
)
def test_clocks_are_judged_by_their_difference(ahead: float, state: Health) -> None:
    assert judged("clock a", ahead, "Namely").state is state


async def seen(place: Place, settings: Settings | None = None) -> Finding:
    chosen = settings or place.settings
    (found,) = await clocks(chosen.host, place.host.registry, await place.host.integrations())
    return found


@pytest.mark.parametrize(
    ("ahead", "said"), [(-600, r"(599|60[01]) s ahead of"), (0, "agree"), (90, r"(89|9[01]) s behind")]
)
async def test_the_clock_is_compared_with_that_of_any_answer(place: Place, ahead: int, said: str) -> None:
    asked = list[web.Request]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
        return web.Response(status=401, headers={"Date": date})

    place.served.handle = answer
    found = await seen(place)
    assert found.subject == f"clock {place.simulator.host}"
    # A Date has whole seconds.
    assert re.search(said, found.message)
    # One cheap request, without credentials.
    assert [one.method for one in asked] == ["HEAD"]
    assert "Authorization" not in asked[0].headers


async def test_a_provider_that_is_not_trusted_is_a_problem(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    found = await seen(place)
    assert (found.state, "is not trusted" in found.message) == (PROBLEM, True)
    assert "SSL_CERT_FILE" in found.remedy


async def test_a_provider_that_cannot_be_reached_is_a_warning(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    host = place.settings.host.model_copy(update={"resolve": {place.simulator.host: f"127.0.0.1:{port}"}})
    found = await seen(place, Settings(host=host))
    assert (found.state, "cannot be reached" in found.message) == (WARNING, True)
    assert "--offline" in found.remedy


@pytest.mark.jumping
async def test_a_provider_that_never_answers_is_a_warning(namely: Start) -> None:
    place = await namely(connected=True)

    async def stall(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    place.served.handle = stall
    found = await seen(place)
    assert (found.state, "did not answer in time" in found.message) == (WARNING, True)
    assert asyncio.get_running_loop().time() < 60


# ---- the command


def test_the_command_ends_with_2_if_something_is_to_fix(
    acme: Running, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = ("connect", "namely", "--name", "acme", "--domain", acme.host)
    assert discover(*connect).code == 0
    well = discover("doctor", "--json")
    assert well.code == 0
    assert well.json()["well"] is True
    assert {one["state"] for one in well.json()["findings"]} == {"ok"}
    assert well.json()["findings"][-1]["subject"] == f"clock {acme.host}"
    assert acme.token not in well.out

    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    bad = discover("doctor", "--offline")
    assert bad.code == 2
    assert re.search(r"^trust +problem ", bad.out, re.MULTILINE)
    assert "clock" not in bad.out
    # Where columns have no room, the subject is the heading of a list.
    monkeypatch.setenv("COLUMNS", "60")
    narrow = discover("doctor", "--offline").out
    headings = [line.strip() for line in narrow.splitlines() if line.strip() and not line.startswith(" ")]
    subjects = [one["subject"] for one in discover("doctor", "--offline", "--json").json()["findings"]]
    assert headings == subjects
    assert discover("doctor", "--settings", "missing.toml").code == 2

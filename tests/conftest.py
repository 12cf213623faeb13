"""Fixtures: a simulated Namely over real TLS, a host that reaches it, and the command line."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet

from connector_core import Account
from connector_core.cli.main import invoke
from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, LossSettings, PluginSettings, Settings
from connector_core.store import Store
from connector_core.testing import Simulator, SimulatorOptions, load, serve
from connector_core.testing.clock import JumpingLoop
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from installed import Folder
from run_steps import RunSteps
from world import Discover, Outcome, Place, Provider, Start, StartProvider, Threaded, serve_in_thread

QUICK: dict[str, Any] = {
    "first_wait": 0.01,
    "tries": 3,
    "page_timeout": 5.0,
    "throttle_tries": 4,
    "throttle_wait": 0.05,
}


KEY = Fernet.generate_key().decode()
MEMORY = Path("/dev/shm")

# A store waits for the disk with every transaction, so folders lie in memory where there is enough of it.
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests that are marked ``jumping`` by the clock that jumps."""
    return {"jumping": JumpingLoop} if item.get_closest_marker("jumping") else {"real": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the settings, keys or certificates of the user who runs it."""
    for name in [name for name in os.environ if name.startswith("DISCOVER_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DISCOVER_SECRET_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def _begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stores that tests begin with: made once, and copied."""
    return tmp_path_factory.mktemp("begun")


@pytest.fixture
async def namely(_begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Start a simulated Namely, and return it with a host. Everything is closed at the end of the test.

    With ``connected`` the integration acme exists; with ``scanned`` a first run of it has been applied, too.
    """
    async with AsyncExitStack() as stack:

        async def place_of(
            made: Simulator, store: Path, options: Any, http: Mapping[str, Any], losses: LossSettings
        ) -> Place:
            served = await stack.enter_async_context(serve(made))
            monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
            settings = Settings(
                host=HostSettings(
                    store=store, resolve=served.resolve, http=HttpSettings(**{**QUICK, **http}), losses=losses
                ),
                plugins={"namely": PluginSettings(options=options)},
            )
            return Place(served, await stack.enter_async_context(Host(settings)), settings)

        async def begun(people: int, *, scanned: bool) -> Path:
            store = _begun / f"{people}-{'scanned' if scanned else 'connected'}.sqlite"
            if not store.exists():
                draft = store.with_suffix(".draft")
                simulator = NamelySimulator(Tenant(people, 7, Behaviour()), Behaviour())
                place = await place_of(simulator, draft, {}, {}, LossSettings())
                await place.connect()
                if scanned:
                    await place.run()
                await place.host.aclose()
                draft.rename(store)
            return store

        async def start(
            people: int = 60,
            *,
            connected: bool = False,
            scanned: bool = False,
            simulator: Callable[[Tenant, Behaviour], Simulator] | None = None,
            http: Mapping[str, Any] | None = None,
            options: Mapping[str, Any] | None = None,
            losses: LossSettings = LossSettings(),  # noqa: B008 - frozen
            **behaviour: Any,
        ) -> Place:
            switches = Behaviour(**behaviour)
            made = (simulator or NamelySimulator)(Tenant(people, 7, switches), switches)
            store = tmp_path / "people.sqlite"
            if connected or scanned:
                shutil.copy(await begun(people, scanned=scanned), store)
            return await place_of(made, store, options or {}, http or {}, losses)

        yield start


@pytest.fixture
async def steps(tmp_path: Path) -> AsyncIterator[RunSteps]:
    """A store with one integration."""
    path = tmp_path / "people.sqlite"
    async with aclosing(Store(path)) as store:
        await store.integrations.save("acme", "example", {}, b"", Account("One", "1"))
        yield RunSteps(store, path)


@pytest.fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartProvider]:
    """Start the simulator of any connector, with its switches, and return it with a host."""
    async with AsyncExitStack() as stack:

        async def start(
            name: str,
            people: int = 60,
            *,
            losses: LossSettings = LossSettings(),  # noqa: B008 - frozen
            plugin: PluginSettings = PluginSettings(),  # noqa: B008 - frozen
            simulator: Simulator | None = None,
            **behaviour: str,
        ) -> Provider:
            options = SimulatorOptions(people=people, seed=7, behaviour=behaviour)
            simulator = simulator or load(f"connectors.{name}.simulator", options)
            served = await stack.enter_async_context(serve(simulator))
            monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
            store, http = tmp_path / "people.sqlite", HttpSettings(**QUICK)
            settings = Settings(
                host=HostSettings(store=store, resolve=served.resolve, http=http, losses=losses),
                plugins={name: plugin},
            )
            return Provider(name, served, await stack.enter_async_context(Host(settings)))

        yield start


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    return Folder(path)


@pytest.fixture
def discover(capsys: pytest.CaptureFixture[str]) -> Discover:
    """The command line in this process, without a terminal."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = invoke(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def simulated() -> Iterator[Threaded]:
    """A simulated Namely for commands, which run a loop of their own."""
    behaviour = Behaviour(quota=1_000_000)
    simulator = NamelySimulator(Tenant(60, 1, behaviour), behaviour)
    with serve_in_thread(simulator) as served:
        token = simulator.credentials["personal_access_token"]
        yield Threaded(simulator.host, served.port, str(served.ca_file), token, simulator)


@pytest.fixture
def acme(simulated: Threaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Threaded]:
    """A working directory whose plugins.toml reaches the simulated tenant, and the token in the environment."""
    (tmp_path / "plugins.toml").write_text(simulated.settings())
    monkeypatch.setenv("SSL_CERT_FILE", simulated.ca_file)
    monkeypatch.setenv("DISCOVER_PERSONAL_ACCESS_TOKEN", simulated.token)
    yield simulated
    simulated.simulator.script("")

"""What tests share: a simulated Namely over real TLS, a host that reaches it, and the command line."""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet

from connector_core.cli.main import invoke
from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, PluginSettings, Settings
from connector_core.testing import Simulator, SimulatorOptions, load, serve
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import DISCOVER, Discover, Outcome, Place, Provider, Running, Start, StartProvider

QUICK: dict[str, Any] = {
    "first_wait": 0.01,
    "tries": 3,
    "page_timeout": 5.0,
    "throttle_tries": 4,
    "throttle_wait": 0.05,
}


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the settings, keys or certificates of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("DISCOVER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DISCOVER_SECRET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


@pytest.fixture
async def namely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts a simulated Namely, and gives it with a host. Everything is closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(
            people: int = 60,
            *,
            simulator: Callable[[Tenant, Behaviour], Simulator] | None = None,
            http: Mapping[str, Any] | None = None,
            options: Mapping[str, Any] | None = None,
            **behaviour: Any,
        ) -> Place:
            switches = Behaviour(**behaviour)
            made = (simulator or NamelySimulator)(Tenant(people, 7, switches), switches)
            served = await stack.enter_async_context(serve(made))
            monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
            settings = Settings(
                host=HostSettings(
                    store=tmp_path / "people.sqlite",
                    resolve=served.resolve,
                    http=HttpSettings(**{**QUICK, **(http or {})}),
                ),
                plugins={"namely": PluginSettings(options=options or {})},
            )
            host = await stack.enter_async_context(Host(settings))
            return Place(served, host, settings)

        yield start


@pytest.fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartProvider]:
    """Starts the simulator of any connector, with its switches, and gives it with a host."""
    async with AsyncExitStack() as stack:

        async def start(name: str, people: int = 60, **behaviour: str) -> Provider:
            options = SimulatorOptions(people=people, seed=7, behaviour=behaviour)
            simulator = load(f"connectors.{name}.simulator", options)
            served = await stack.enter_async_context(serve(simulator))
            monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
            store, http = tmp_path / "people.sqlite", HttpSettings(**QUICK)
            settings = Settings(
                host=HostSettings(store=store, resolve=served.resolve, http=http), plugins={name: PluginSettings()}
            )
            return Provider(name, simulator, await stack.enter_async_context(Host(settings)))

        yield start


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
def simulated() -> Iterator[Running]:
    with subprocess.Popen(
        [DISCOVER, "simulate", "namely", "--people", "60", "--set", "quota=1000000", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        token = said["credentials"]["personal_access_token"]
        yield Running(said["host"], said["port"], said["ca_file"], token)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130


@pytest.fixture
def acme(simulated: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """A working directory whose plugins.toml reaches the simulated tenant, and the token in the environment."""
    (tmp_path / "plugins.toml").write_text(simulated.settings())
    monkeypatch.setenv("SSL_CERT_FILE", simulated.ca_file)
    monkeypatch.setenv("DISCOVER_PERSONAL_ACCESS_TOKEN", simulated.token)
    return simulated

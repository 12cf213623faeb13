"""Test harness: one simulated provider served over TLS, and monitored runs of the host against it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_core.errors import ConnectorCoreError, PluginContractError
from connector_core.host import Host
from connector_core.messages import message
from connector_core.outcomes import Certificate, KindPlan, Progress, Report
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.entities import Entity
from connector_core.settings import HostSettings, LossSettings, Settings
from connector_core.testing.answers import Request
from connector_core.testing.kit.monitor import Monitor, monitoring
from connector_core.testing.kit.monitored import monitored
from connector_core.testing.server import Simulator, SimulatorOptions, environment, load
from connector_core.testing.serving import Served, serve
from connector_core.vault import KEY_VARIABLE

NAME = "kit"
"""Name of the integration that is run."""
_UNGUARDED = LossSettings(second_scan_after=0, vanished_rows=1_000_000, vanished_share=1)
"""The kit looks for what a connector makes of a provider, so a second scan comes at once and few losses are held."""
PEOPLE = 70
"""Enough for a few pages of fifty."""
SEED = 7

Stored = dict[str, dict[str, Entity]]
"""Stored entities by kind and id."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run of the host: its report or error, what it stored, and what was observed meanwhile."""

    report: Report | None
    error: ConnectorCoreError | None
    stored: Stored
    requests: tuple[Request, ...]
    seconds: float
    """Duration by the jumping clock."""
    ended_at: float
    monitor: Monitor
    fired_at: frozenset[str]
    """Paths at which a fault fired."""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return tuple([one.certificate for one in self.report.kinds]) if self.report else ()

    @property
    def plans(self) -> tuple[KindPlan, ...]:
        return tuple([one.plan for one in self.report.kinds]) if self.report else ()

    @property
    def complete(self) -> bool:
        return self.report is not None and all(one.complete for one in self.certificates)

    @property
    def outcome(self) -> str:
        """All text that the operator is shown."""
        texts = [self.error.message, self.error.hint] if self.error else []
        for one in self.certificates:
            texts += [*map(message, one.reasons), one.remedy, str(dict(one.profile.unread)), str(one.rejected)]
        return " ".join(texts)


class Harness:
    """A served simulator, and stores for runs against it."""

    def __init__(self, connector: type[AnyConnector], served: Served, folder: Path) -> None:
        self.connector = connector
        self.served = served
        self.folder = folder
        self._stores = 0

    @property
    def simulator(self) -> Simulator:
        return self.served.simulator

    def reset(self, people: int = PEOPLE, *, seed: int = SEED) -> Simulator:
        """Serve a new organisation, which is the same every time; with another ``seed``, another one.

        A user who has signed in stays so. Refresh tokens stay valid, since many copies of a store use the same one:
        how they rotate is the subject of the suite ``auth``.
        """
        before = self.simulator.oauth
        self.served.simulator = simulator_of(self.connector, people, seed)
        if before and (oauth := self.simulator.oauth):
            oauth.rotation = "none"
            oauth.adopt_consents(before)
        return self.simulator

    def expected_ids(self) -> dict[str, set[str]]:
        """Return the ids that the connector should find now, by kind."""
        return {name: self.simulator.ids(one.kind) for name, one in self.connector.declarations.items()}

    def new_store(self, original: Path | None = None) -> Path:
        """Return the path for a new store, which starts as a copy of ``original`` if one is given."""
        self._stores += 1
        path = self.folder / f"{self._stores}" / "store.sqlite"
        path.parent.mkdir()
        if original:
            shutil.copy(original, path)
        return path

    @contextmanager
    def copy_of(self, store: Path) -> Iterator[Path]:
        """Copy a store, and delete the copy when the context ends."""
        path = self.new_store(store)
        try:
            yield path
        finally:
            shutil.rmtree(path.parent)

    @asynccontextmanager
    async def host(
        self,
        store: Path,
        monitor: Monitor,
        **settings_of_host: Any,
    ) -> AsyncIterator[Host]:
        """Open a host whose connector is monitored, with other values of ``[host]`` where they are given."""
        values = {"losses": _UNGUARDED, **settings_of_host}
        settings = Settings(host=HostSettings(store=store, resolve=self.served.resolve, **values))
        monitor.port = self.served.port
        with monitoring(monitor):
            async with Host(settings, registry=registry_of(monitored(self.connector, monitor))) as host:
                yield host

    async def connected_store(self, typed: Mapping[str, str] | None = None) -> Path:
        """Return a new store to which the integration has been added, with these credentials if they are given."""
        path = self.new_store()
        async with self.host(path, Monitor(self.connector)) as host:
            fields = self.fields(typed or self.simulator.credentials)
            await host.connect(self.connector.manifest.name, NAME, fields)
        return path

    def fields(self, typed: Mapping[str, str]) -> dict[str, str | SecretStr]:
        """Return fields to connect with: what an operator types, and the refresh token of a user who has signed in."""
        oauth, obtained = self.simulator.oauth, self.connector.credentials_type.obtained()
        return {**typed, **({name: SecretStr(oauth.consent()) for name in obtained} if oauth else {})}

    async def run(
        self,
        store: Path,
        script: str = "",
        *,
        delta: bool = False,
        keep_rows: bool = False,
        asks_witnesses: bool = False,
        read_stored: bool = True,
        on_start: Callable[["asyncio.Task[Any]"], None] | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        **settings_of_host: Any,
    ) -> RunResult:
        """Run the integration once, monitored.

        Args:
            store: A connected store.
            script: Faults that the run meets.
            delta: Read only what has changed, if possible.
            keep_rows: Keep the text of all rows that the connector receives.
            asks_witnesses: Ask each witness for a row that was read, and for one that does not exist.
            read_stored: Read the stored entities afterwards.
            on_start: Called with the task of the run, so that it can be cancelled later.
            progress: Called as by ``Host.run``.
            settings_of_host: Values of ``[host]``, if not the defaults.
        """
        monitor = Monitor(self.connector, keep_rows=keep_rows, asks_witnesses=asks_witnesses)
        earlier, loop = len(self.simulator.requests), asyncio.get_running_loop()
        self.simulator.script(script)
        report: Report | None = None
        failure: ConnectorCoreError | None = None
        async with self.host(store, monitor, **settings_of_host) as host:
            started_at = loop.time()
            task = asyncio.ensure_future(host.run(NAME, delta=delta, progress=progress))
            if on_start:
                on_start(task)
            try:
                report = await task
            except asyncio.CancelledError:
                if not task.cancelled():
                    raise
            except ConnectorCoreError as error:
                failure = error
            ended_at = loop.time()
            stored = await self._stored(host) if read_stored else {}
        fired_at = frozenset(self.simulator.faults.fired_at)
        self.simulator.script("")
        requests = tuple(self.simulator.requests[earlier:])
        return RunResult(report, failure, stored, requests, ended_at - started_at, ended_at, monitor, fired_at)

    async def cancel_after_page(self, store: Path, page: int, *, delta: bool = False) -> None:
        """Run the integration, and cancel the run after this many pages."""
        tasks: list[asyncio.Task[Any]] = []
        pages = 0

        def progress(_: Progress) -> None:
            nonlocal pages
            pages += 1
            if pages == page:
                tasks[0].cancel()

        await self.run(store, delta=delta, on_start=tasks.append, progress=progress)

    async def _stored(self, host: Host) -> Stored:
        return {
            name: {one.source_id: one async for one in host.entities(NAME, declaration.kind)}
            for name, declaration in self.connector.declarations.items()
        }


def simulator_of(connector: type[AnyConnector], people: int, seed: int = SEED) -> Simulator:
    """Return a new simulator of the connector's provider. Raises PluginContractError if the manifest names none."""
    module = connector.manifest.simulator
    if module is None:
        raise PluginContractError(
            f"The connector {connector.manifest.name} names no simulator, so nothing can be proven.",
            hint="Write one on connector_core.testing.Simulator, and name its module in the manifest.",
        )
    return load(module, SimulatorOptions(people=people, seed=seed))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a temporary folder, in memory if possible: there are many runs, and each commit waits for the disk."""
    memory = "/dev/shm"  # noqa: S108 - a private folder is created in it
    # In a worker process the default folder already lies in memory.
    parent = memory if os.access(memory, os.W_OK) and not tempfile.gettempdir().startswith(memory) else None
    with tempfile.TemporaryDirectory(prefix="connector-core-kit-", dir=parent) as folder:
        yield Path(folder)


@asynccontextmanager
async def open_harness(connector: type[AnyConnector]) -> AsyncIterator[Harness]:
    """Serve the connector's simulator until the context ends."""
    with temporary_folder() as folder:
        async with serve(simulator_of(connector, PEOPLE)) as served:
            with environment({"SSL_CERT_FILE": str(served.ca_file), KEY_VARIABLE: Fernet.generate_key().decode()}):
                yield Harness(connector, served, folder)

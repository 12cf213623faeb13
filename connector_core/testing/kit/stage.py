"""The stage: one provider served over TLS, and rounds of runs against it, each from a store that is known."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from connector_core.errors import ConnectorCoreError, PluginContractError
from connector_core.host import Host
from connector_core.outcomes import Progress, Report
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.entities import Entity
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing.kit.watch import Watch, watched, watching
from connector_core.testing.server import Request, Served, Simulator, SimulatorOptions, environment, load, serve
from connector_core.vault import KEY_VARIABLE

NAME = "kit"
PEOPLE = 70
"""Enough for a few pages of fifty."""

Stored = dict[str, dict[str, Entity]]
"""Kind, id, entity."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one run came to."""

    report: Report | None
    error: ConnectorCoreError | None
    stored: Stored
    requests: tuple[Request, ...]
    seconds: float
    """By the clock that jumps."""
    ended_at: float
    watch: Watch
    struck: frozenset[str]
    """The paths at which a fault was seen to strike."""

    @property
    def complete(self) -> bool:
        return self.report is not None and all(one.complete for one in self.report.certificates)

    @property
    def outcome(self) -> str:
        """All that the operator is told."""
        told = [self.error.message, self.error.hint] if self.error else []
        for one in self.report.certificates if self.report else ():
            told += [*one.reasons, one.remedy, str(dict(one.unread)), str(one.rejected)]
        return " ".join(told)


class Stage:
    """Serves one simulator at a time."""

    def __init__(self, connector: type[AnyConnector], served: Served, folder: Path) -> None:
        self.connector = connector
        self.served = served
        self.folder = folder
        self._stores = 0

    @property
    def simulator(self) -> Simulator:
        return self.served.simulator

    def begin(self, people: int = PEOPLE) -> Simulator:
        """Puts on a fresh organisation, the same every time."""
        self.served.simulator = simulator_of(self.connector, people)
        return self.simulator

    def store(self, copy: Path | None = None) -> Path:
        """A path for a store; with ``copy`` it begins as that one."""
        self._stores += 1
        path = self.folder / f"{self._stores}" / "store.sqlite"
        path.parent.mkdir()
        if copy:
            shutil.copy(copy, path)
        return path

    @contextmanager
    def copy_of(self, store: Path) -> Iterator[Path]:
        """A copy for one round."""
        path = self.store(store)
        try:
            yield path
        finally:
            shutil.rmtree(path.parent)

    @asynccontextmanager
    async def host(self, store: Path, watch: Watch, http: HttpSettings | None = None) -> AsyncIterator[Host]:
        settings = Settings(
            host=HostSettings(store=store, resolve=self.served.resolve, http=http or HttpSettings()),
        )
        watch.port = self.served.port
        with watching(watch):
            async with Host(settings, registry=registry_of(watched(self.connector, watch))) as host:
                yield host

    async def connected(self, store: Path | None = None) -> Path:
        """A store with the integration, checked and saved."""
        path = store or self.store()
        async with self.host(path, Watch(self.connector)) as host:
            await host.connect(self.connector.manifest.name, NAME, dict(self.simulator.credentials))
        return path

    async def run(
        self,
        store: Path,
        script: str = "",
        *,
        http: HttpSettings | None = None,
        keep_rows: bool = False,
        look: bool = True,
        interrupt: Callable[["asyncio.Task[Any]"], None] | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Round:
        """One run, watched.

        Args:
            store: With the integration in it.
            script: The faults that it meets.
            http: The client's settings, if not the defaults.
            keep_rows: Keep the text of what the connector is handed.
            look: Read what is stored afterwards.
            interrupt: Is given the run's task, to cancel it some time.
            progress: As ``Host.run`` takes it.
        """
        watch = Watch(self.connector, keep_rows=keep_rows)
        asked, loop = len(self.simulator.requests), asyncio.get_running_loop()
        self.simulator.script(script)
        report: Report | None = None
        failed: ConnectorCoreError | None = None
        async with self.host(store, watch, http) as host:
            began = loop.time()
            task = asyncio.ensure_future(host.run(NAME, progress=progress))
            if interrupt:
                interrupt(task)
            try:
                report = await task
            except asyncio.CancelledError:
                if not task.cancelled():
                    raise
            except ConnectorCoreError as error:
                failed = error
            ended_at = loop.time()
            stored = self._stored(host) if look else {}
        struck = frozenset(self.simulator.faults.struck)
        self.simulator.script("")
        requests = tuple(self.simulator.requests[asked:])
        return Round(report, failed, stored, requests, ended_at - began, ended_at, watch, struck)

    def _stored(self, host: Host) -> Stored:
        return {
            name: {one.source_id: one for one in host.entities(NAME, declaration.kind)}
            for name, declaration in self.connector.declarations.items()
        }

    def there(self) -> dict[str, set[str]]:
        """The ids that a connector should find now, by kind."""
        return {name: self.simulator.ids(one.kind) for name, one in self.connector.declarations.items()}


def simulator_of(connector: type[AnyConnector], people: int) -> Simulator:
    module = connector.manifest.simulator
    if module is None:
        raise PluginContractError(
            f"The connector {connector.manifest.name} names no simulator, so nothing can be proven.",
            hint="Write one on connector_core.testing.Simulator, and name its module in the manifest.",
        )
    return load(module, SimulatorOptions(people=people, seed=7))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a while; in memory where that is to be had: the rounds are many, and commits wait for the disk."""
    memory = "/dev/shm"  # noqa: S108 - a folder of its own is made in it
    # A worker's temporary folder lies there already.
    place = memory if os.access(memory, os.W_OK) and not tempfile.gettempdir().startswith(memory) else None
    with tempfile.TemporaryDirectory(prefix="connector-core-kit-", dir=place) as folder:
        yield Path(folder)


@asynccontextmanager
async def staged(connector: type[AnyConnector]) -> AsyncIterator[Stage]:
    """A stage with an organisation on it."""
    with scratch() as folder:
        async with serve(simulator_of(connector, PEOPLE)) as served:
            with environment({"SSL_CERT_FILE": str(served.ca_file), KEY_VARIABLE: Fernet.generate_key().decode()}):
                yield Stage(connector, served, folder)

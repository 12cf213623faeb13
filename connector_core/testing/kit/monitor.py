"""Monitoring of one run: what a connector requests, receives, logs, opens and waits for."""

import asyncio
import io
import logging
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from types import FrameType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from connector_core.errors import ConnectorCoreError, DiscoveryError, NotFoundError
from connector_core.sdk.connector import AnyConnector, Api, Context, Declaration, Params
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Paging, Streamed
from connector_core.sdk.wire import Listing, R
from connector_core.testing.clock import JumpingLoop
from connector_core.testing.kit.witnesses import SAMPLE, differing_rows, wrong_answers

MAX_PAGES = 2_000
"""More pages than any listing of the kit has: a connector that reads on does not notice that a page repeats."""


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """One page as the client gave it to the connector."""

    path: str
    size: int | None
    """Rows that were requested, where the paging has a size."""
    rows: int
    last: bool
    own_answer: bool
    """False for a page that came in the same answer as the page before it."""


@dataclass
class Monitor:
    """Observations of one run."""

    connector: type[AnyConnector]
    port: int = 0
    """Port of the simulator."""
    errors: list[ConnectorCoreError] = field(default_factory=list)
    """Errors that the client raised into the connector."""
    pages: list[ReceivedPage] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """Text of the rows that the connector received, if ``keep_rows``."""
    keep_rows: bool = False
    derived: set[str] = field(default_factory=set)
    """Kinds whose pages were derived from another listing's rows."""
    violations: set[tuple[str, str]] = field(default_factory=set)
    """Broken rules, and how each was broken."""
    log_events: list[EventDict] = field(default_factory=list)
    printed: io.StringIO = field(default_factory=io.StringIO)
    asks_witnesses: bool = False
    """At the end of each reading, ask its witness for a row that was read, and for one that does not exist."""
    longest_step: float = 0.0
    """Seconds of CPU time of the longest step from receiving a page to yielding it."""
    received_at: float = 0.0
    """CPU time at which the current page was received; 0 between two pages."""

    @property
    def output(self) -> str:
        """All that was logged or printed."""
        return "\n".join([*(str(event) for event in self.log_events), self.printed.getvalue()])

    def is_connector_code(self, frame: FrameType | None) -> bool:
        """Return True if the connector's code is on this stack."""
        package, simulator = package_of(self.connector), self.connector.manifest.simulator or "-"
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith("importlib."):
                return False
            if f"{name}.".startswith(f"{package}.") and not f"{name}.".startswith(f"{simulator}."):
                return True
            frame = frame.f_back
        return False

    # ---- callbacks of the event loop, the interpreter and the logger

    def on_sleep(self, frame: FrameType | None) -> None:
        # A sleep of the host's client is not the connector's, though its code is on the stack.
        if frame is not None and self.is_connector_code(frame) and not _is_host_code(frame):
            self.violations.add(("manners.waits", f"it sleeps in {frame.f_code.co_name}()"))

    def on_audit_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        frame = sys._getframe(2)  # noqa: SLF001 - only the stack shows which code caused the event
        if event == "socket.connect":
            address = arguments[1]
            if not (isinstance(address, tuple) and address[1] == self.port):
                self.violations.add(("manners.client", f"it connects to {address}"))
        elif event == "socket.getaddrinfo":
            self.violations.add(("manners.client", f"it resolves the host name {arguments[0]}"))
        elif event == "open" and self.is_connector_code(frame):
            self.violations.add(("manners.files", f"it opens {arguments[0]}"))
        elif event == "time.sleep" and self.is_connector_code(frame):
            self.violations.add(("manners.waits", "it calls time.sleep, which blocks the event loop"))
        elif event in {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"} and self.is_connector_code(frame):
            self.violations.add(("manners.client", "it starts a process"))

    def on_log_event(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        """Record and drop an event. As the only structlog processor, it sees events before anything is redacted."""
        self.log_events.append(dict(structlog.processors.format_exc_info(logger, name, event)))
        raise structlog.DropEvent


def package_of(connector: type[AnyConnector]) -> str:
    """Return the connector's package: ``connectors.namely``, or the first label outside of ``connectors``."""
    labels = connector.__module__.split(".")
    return ".".join(labels[: 2 if labels[0] == "connectors" else 1])


def _is_host_code(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("connector_core.")


class _MonitoredApi:
    """The client, with each answer and error recorded on its way to the connector."""

    def __init__(self, api: Api, monitor: Monitor) -> None:
        self._api = api
        self._monitor = monitor
        self.method = ""
        """Name of the connector's method that reads at present."""
        self._failed: set[tuple[str, str]] = set()
        self.paths: defaultdict[str, set[str]] = defaultdict(set)
        """Paths of the listings and single answers that each method has requested."""

    def _check_repeat(self, path: str) -> None:
        self.paths[self.method].add(path)
        if (self.method, path) in self._failed and self.method:
            self._monitor.violations.add(("manners.waits", f"it requests {path} again after a failure"))

    def _record(self, path: str, error: ConnectorCoreError) -> None:
        self._failed.add((self.method, path))
        self._monitor.errors.append(error)

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Page[R], None]:
        self._check_repeat(path)
        # Called here and not in the generator: the client promises to request the first page at once.
        listed = self._api.pages(path, listing, paging=paging, params=params, body=body, headers=headers)
        return self._recorded(path, paging, listed)

    async def _recorded(
        self, path: str, paging: Paging, listed: AsyncGenerator[Page[R], None]
    ) -> AsyncGenerator[Page[R], None]:
        monitor = self._monitor
        try:
            async with aclosing(listed) as pages:
                async for page in pages:
                    if page.place.number > MAX_PAGES:
                        raise DiscoveryError(f"The connector {monitor.connector.manifest.name} failed to end")
                    rows = len(page.rows) + len(page.rejected)
                    own_answer = page.place.number == 1 or not isinstance(paging, Streamed)
                    size = getattr(paging, "size", None)
                    monitor.pages.append(ReceivedPage(path, size, rows, page.place.last, own_answer))
                    if monitor.keep_rows:
                        monitor.rows += [repr(row) for row in page.rows]
                    monitor.received_at = time.thread_time()
                    yield page
                    monitor.received_at = 0.0
        except ConnectorCoreError as error:
            self._record(path, error)
            raise

    async def get(self, path: str, model: type[T], *, params: Params | None = None, authenticated: bool = True) -> T:
        self._check_repeat(path)
        try:
            found = await self._api.get(path, model, params=params, authenticated=authenticated)
        except ConnectorCoreError as error:
            self._record(path, error)
            raise
        if self._monitor.keep_rows:
            self._monitor.rows.append(repr(found))
        return found

    async def find(self, path: str, source_id: str, model: type[T], *, params: Params | None = None) -> T | None:
        try:
            found = await self._api.find(path, source_id, model, params=params)
        except ConnectorCoreError as error:
            # Neither for a repeated request: the same path is asked for the next row.
            self._monitor.errors.append(error)
            raise
        if self._monitor.keep_rows and found is not None:
            self._monitor.rows.append(repr(found))
        return found

    async def sign_in(self) -> None:
        try:
            await self._api.sign_in()
        except ConnectorCoreError as error:
            self._record("", error)
            raise

    async def exists(self, path: str, source_id: str, *, params: Params | None = None) -> bool:
        try:
            return await self._api.exists(path, source_id, params=params)
        except NotFoundError:  # pragma: no cover - the client answers False
            return False


def monitored(connector: type[AnyConnector], monitor: Monitor) -> type[AnyConnector]:
    """Return a subclass of the connector whose client and readings are monitored."""

    def __init__(self: AnyConnector, context: Context[Any, Any]) -> None:  # noqa: N807 - it becomes the method
        connector.__init__(self, replace(context, api=_MonitoredApi(context.api, monitor)))

    members: dict[str, Any] = {"__init__": __init__, "__module__": connector.__module__}
    for one in connector.declarations.values():
        members[one.method] = _monitored_reading(getattr(connector, one.method), one, monitor)
    subclass: type[AnyConnector] = type(connector.__name__, (connector,), members)
    # In the author's order, which the subclass would lose.
    subclass.declarations = connector.declarations
    return subclass


def _monitored_reading(
    method: Callable[[Any], Any], declaration: Declaration, monitor: Monitor
) -> Callable[[Any], Any]:
    kind = declaration.kind.__name__

    @wraps(method)
    async def read(self: Any) -> AsyncIterator[Page[Any]]:
        self.api.method = method.__name__
        some: list[Any] = []
        async with aclosing(method(self)) as pages:
            async for page in pages:
                if monitor.asks_witnesses:
                    some += page.rows[:: max(1, len(page.rows) // SAMPLE)]
                if monitor.received_at:
                    monitor.longest_step = max(monitor.longest_step, time.thread_time() - monitor.received_at)
                if page.derived_from is not None:
                    monitor.derived.add(kind)
                yield page
        if some and declaration.witness:
            monitor.violations |= await wrong_answers(self, declaration, some[0].source_id, self.api.paths)
        if some and declaration.fetch:
            monitor.violations |= await differing_rows(self, declaration, some[:SAMPLE])

    return read


class _AuditHook:
    """The interpreter's audit events, passed to the active monitor. An audit hook can never be removed."""

    def __init__(self) -> None:
        self.monitor: Monitor | None = None
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.monitor is not None and event in {
            "socket.connect", "socket.getaddrinfo", "open", "time.sleep",
            "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec",
        }:  # fmt: skip
            self.monitor.on_audit_event(event, arguments)


@cache
def _audit_hook() -> _AuditHook:
    return _AuditHook()


class _LogHandler(logging.Handler):
    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self._monitor = monitor

    def emit(self, record: logging.LogRecord) -> None:
        self._monitor.log_events.append({"event": self.format(record)})


@contextmanager
def monitoring(monitor: Monitor) -> Iterator[None]:
    """Send logs, output, sleeps and audit events to the monitor, and restore everything when the context ends."""
    loop, hook, handler = asyncio.get_running_loop(), _audit_hook(), _LogHandler(monitor)
    before = structlog.get_config()
    structlog.configure(
        processors=[monitor.on_log_event],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(handler)
    if isinstance(loop, JumpingLoop):
        loop.on_sleep = monitor.on_sleep
    hook.monitor = monitor
    try:
        with redirect_stdout(monitor.printed), redirect_stderr(monitor.printed):
            yield
    finally:
        hook.monitor = None
        if isinstance(loop, JumpingLoop):
            loop.on_sleep = lambda _: None
        logging.getLogger().removeHandler(handler)
        structlog.configure(**before)

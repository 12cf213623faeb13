"""Monitoring of one run: what a connector requests, receives, logs, opens and waits for."""

import asyncio
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from connector_core.errors import ConnectorCoreError
from connector_core.sdk.connector import AnyConnector
from connector_core.testing.clock import JumpingLoop


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

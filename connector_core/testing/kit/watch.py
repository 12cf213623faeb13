"""What a connector does while it runs: what it asks for, is handed, says, opens and waits for."""

import asyncio
import io
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from types import FrameType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from connector_core.errors import ConnectorCoreError, DiscoveryError, NotFoundError
from connector_core.sdk.connector import AnyConnector, Api, Context, Params
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Paging, Streamed
from connector_core.sdk.wire import Listing, R
from connector_core.testing.clock import JumpingLoop

PAGES_AT_MOST = 2_000
"""No listing of the kit has so many: whoever reads on has missed that the same page comes again and again."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One page as the client handed it to the connector: how many rows were asked for, and came."""

    path: str
    asked: int | None
    rows: int
    last: bool
    answer: bool
    """Whether it came in an answer of its own, and not with the page before it."""


@dataclass
class Watch:
    """What was seen in one round."""

    connector: type[AnyConnector]
    port: int = 0
    """Where the simulator listens."""
    errors: list[ConnectorCoreError] = field(default_factory=list)
    """What the client raised into the connector."""
    pages: list[Handed] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """What the connector was handed, as text."""
    keep_rows: bool = False
    derived: set[str] = field(default_factory=set)
    """Kinds whose pages were derived from another listing's rows."""
    trespasses: set[tuple[str, str]] = field(default_factory=set)
    """Rules that were broken, and by what."""
    said: list[EventDict] = field(default_factory=list)
    printed: io.StringIO = field(default_factory=io.StringIO)
    turn: float = 0.0
    """Seconds of the longest turn between being handed a page and giving it on."""
    handed_at: float = 0.0

    def is_its_own(self, frame: FrameType | None) -> bool:
        """Whether the connector's code is on this stack."""
        package, simulator = package_of(self.connector), self.connector.manifest.simulator or "-"
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith("importlib."):
                return False
            if f"{name}.".startswith(f"{package}.") and not f"{name}.".startswith(f"{simulator}."):
                return True
            frame = frame.f_back
        return False

    # ---- what the event loop and the interpreter tell

    def slept(self, frame: FrameType | None) -> None:
        # Who sleeps by way of the host's client does not sleep by itself.
        if frame is not None and self.is_its_own(frame) and not _is_ours(frame):
            self.trespasses.add(("manners.waits", f"it sleeps, in {frame.f_code.co_name}"))

    def resolved(self, host: str) -> None:
        self.trespasses.add(("manners.client", f"it looks up {host} by itself"))

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        frame = sys._getframe(2)  # noqa: SLF001 - who did it is seen nowhere else
        if event == "socket.connect":
            address = arguments[1]
            if not (isinstance(address, tuple) and address[1] == self.port):
                self.trespasses.add(("manners.client", f"it connects to {address}"))
        elif event == "open" and self.is_its_own(frame):
            self.trespasses.add(("manners.files", f"it opens {arguments[0]}"))
        elif event == "time.sleep" and self.is_its_own(frame):
            self.trespasses.add(("manners.waits", "it calls time.sleep, which stops everything"))
        elif event in {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"} and self.is_its_own(frame):
            self.trespasses.add(("manners.client", "it starts a process"))

    def overheard(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """A structlog processor, before any that hides."""
        self.said.append(dict(event))
        raise structlog.DropEvent

    @property
    def speech(self) -> str:
        """All that was logged or printed."""
        return "\n".join([*(str(event) for event in self.said), self.printed.getvalue()])


def package_of(connector: type[AnyConnector]) -> str:
    """``connectors.namely`` of connectors.namely.connector; elsewhere the first label."""
    labels = connector.__module__.split(".")
    return ".".join(labels[: 2 if labels[0] == "connectors" else 1])


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(("connector_core.", "stamina", "pyrate_limiter"))


class _WatchedApi:
    """The client, with every answer and error noted on its way to the connector."""

    def __init__(self, api: Api, watch: Watch) -> None:
        self._api = api
        self._watch = watch
        self.reading = ""
        self._failed: set[tuple[str, str]] = set()

    def _begin(self, path: str) -> None:
        if (self.reading, path) in self._failed and self.reading:
            self._watch.trespasses.add(("manners.waits", f"it asks for {path} again after that has failed"))

    def _note(self, path: str, error: ConnectorCoreError) -> None:
        self._failed.add((self.reading, path))
        self._watch.errors.append(error)

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Page[R]]:
        self._begin(path)
        # The first page is asked for at once, as the client promises.
        return self._watched(path, paging, self._api.pages(path, listing, paging=paging, params=params, body=body))

    async def _watched(self, path: str, paging: Paging, listed: AsyncIterator[Page[R]]) -> AsyncIterator[Page[R]]:
        watch = self._watch
        try:
            async with aclosing(listed) as pages:  # type: ignore[type-var]
                async for page in pages:
                    if page.place.number > PAGES_AT_MOST:
                        raise DiscoveryError(f"The connector {self._watch.connector.manifest.name} failed to end")
                    rows = len(page.rows) + len(page.rejected)
                    answer = page.place.number == 1 or not isinstance(paging, Streamed)
                    watch.pages.append(Handed(path, getattr(paging, "size", None), rows, page.place.last, answer))
                    if watch.keep_rows:
                        watch.rows += [repr(row) for row in page.rows]
                    watch.handed_at = time.thread_time()
                    yield page
                    watch.handed_at = 0.0
        except ConnectorCoreError as error:
            self._note(path, error)
            raise

    async def get(self, path: str, model: type[T], *, params: Params | None = None, authenticated: bool = True) -> T:
        self._begin(path)
        try:
            found = await self._api.get(path, model, params=params, authenticated=authenticated)
        except ConnectorCoreError as error:
            self._note(path, error)
            raise
        if self._watch.keep_rows:
            self._watch.rows.append(repr(found))
        return found

    async def sign_in(self) -> None:
        try:
            await self._api.sign_in()
        except ConnectorCoreError as error:
            self._note("", error)
            raise

    async def exists(self, path: str, source_id: str, *, params: Params | None = None) -> bool:
        try:
            return await self._api.exists(path, source_id, params=params)
        except NotFoundError:  # pragma: no cover - the client answers False
            return False


def watched(connector: type[AnyConnector], watch: Watch) -> type[AnyConnector]:
    """The connector, with all that it is given and does seen by the watch."""

    def __init__(self: AnyConnector, context: Context[Any, Any]) -> None:  # noqa: N807 - it becomes the method
        connector.__init__(self, replace(context, api=_WatchedApi(context.api, watch)))

    members: dict[str, Any] = {"__init__": __init__, "__module__": connector.__module__}
    for one in connector.declarations.values():
        members[one.method] = _watched_reading(getattr(connector, one.method), one.kind.__name__, watch)
    found: type[AnyConnector] = type(connector.__name__, (connector,), members)
    # In the order in which the author wrote them.
    found.declarations = connector.declarations
    return found


def _watched_reading(method: Callable[[Any], Any], kind: str, watch: Watch) -> Callable[[Any], Any]:
    @wraps(method)
    async def read(self: Any) -> AsyncIterator[Page[Any]]:
        self.api.reading = method.__name__
        async with aclosing(method(self)) as pages:
            async for page in pages:
                if watch.handed_at:
                    watch.turn = max(watch.turn, time.thread_time() - watch.handed_at)
                if page.derived_from is not None:
                    watch.derived.add(kind)
                yield page

    return read


class _Auditor:
    """The interpreter's audit events, told to the watch that is on. A hook can never be taken away."""

    def __init__(self) -> None:
        self.watch: Watch | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watch is not None and event in {
            "socket.connect", "open", "time.sleep", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec",
        }:  # fmt: skip
            self.watch.audited(event, arguments)


@cache
def _auditor() -> _Auditor:
    return _Auditor()


class _Listener(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.said.append({"event": record.getMessage()})


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Within this context the watch hears all; afterwards everything is as it was."""
    loop, auditor, listener = asyncio.get_running_loop(), _auditor(), _Listener(watch)
    before = structlog.get_config()
    structlog.configure(
        processors=[watch.overheard],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(listener)
    if isinstance(loop, JumpingLoop):
        loop.on_sleep, loop.on_resolve = watch.slept, watch.resolved
    auditor.watch = watch
    try:
        with redirect_stdout(watch.printed), redirect_stderr(watch.printed):
            yield
    finally:
        auditor.watch = None
        if isinstance(loop, JumpingLoop):
            loop.on_sleep = loop.on_resolve = lambda _: None
        logging.getLogger().removeHandler(listener)
        structlog.configure(**before)

"""The claim of a certificate: every row that was listed throughout was read, however the listing moves meanwhile.

Rows leave, arrive, come back and are sorted anew between any two responses, while a listing is read into an empty or a
full store, interrupted and resumed. The claim ends where the counters do: a row that comes back, with its old creation
time, while another leaves.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import hypothesis.strategies as st
import pytest
from aiohttp import web
from attacks import EMPTY, FULL
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings

from connector_core import (
    UNSET,
    Cursor,
    Employee,
    ExpectedIds,
    LinkHeader,
    Listing,
    Maybe,
    NextUrl,
    Offset,
    Page,
    PageNumber,
    Paging,
    SinglePage,
    Streamed,
    Wire,
)
from connector_core import field as key
from connector_core.beginnings import Began, Proof
from connector_core.host import Host
from connector_core.outcomes import Operation, State
from connector_core.plugins import registry_of
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.paging import Chained
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import Answer, Served, json_answer, serve
from connector_core.testing.clock import JumpingLoop
from connector_core.vault import KEY_VARIABLE
from kills import silence
from planted.example import Example, Person, to_employee
from planted.misreading import declared
from planted.simulator import JSON, ExampleSimulator

T = TypeVar("T")
SIZE = 3
LONG_AGO = "2020-01-01T00:00:00+00:00"


class Dated(Person):
    created: Maybe[str] = UNSET


class Untold(Listing[Dated]):
    """Announces no total."""

    rows: list[Dated] = key(name="people")
    next: str | None = None
    address: str | None = None

    @property
    def next_cursor(self) -> str | None:
        return self.next

    @property
    def next_url(self) -> str | None:
        return self.address


class People(Untold):
    total: int | None = None

    @property
    def announced(self) -> int | None:
        return self.total


class DatedPeople(People):
    def created(self, row: Dated) -> Maybe[str]:
        return row.created


class DatedUntold(Untold):
    def created(self, row: Dated) -> Maybe[str]:
        return row.created


class Ids(Wire):
    ids: list[str]


class Count(Wire):
    count: int


@dataclass(frozen=True)
class Kind:
    """One kind of listing."""

    name: str
    paging: Paging
    listing: type[Listing[Dated]] = People
    expects: bool = False
    """True if another response says which rows there are."""
    counts: Literal["", "exact", "lags"] = ""
    """How another response counts the rows, if one does."""
    keyset: bool = False
    """True if a cursor is the id of the row before the page, and the rows are sorted by their ids."""

    @property
    def appends(self) -> bool:
        """True if the listing has new rows last, by a key that never changes: where it is resumed, it must."""
        return self.paging.resumable

    def connector(self) -> type[AnyConnector]:
        kind = self

        class Reader(Example):
            @declared
            async def employees(self) -> AsyncIterator[Page[Employee]]:
                pages = self.api.pages("/people", kind.listing, paging=kind.paging)
                expected = ExpectedIds((await self.api.get("/ids", Ids)).ids) if kind.expects else None
                count = (await self.api.get("/count", Count)).count if kind.counts else None
                async for page in pages:
                    mapped = page.map(to_employee)
                    if kind.expects:
                        yield mapped.with_expected_ids(expected)
                    elif kind.counts:
                        yield mapped.with_count(count, exact=kind.counts == "exact")
                    else:
                        yield mapped

        return Reader


COUNTS: tuple[Literal["exact", "lags"], ...] = ("exact", "lags")


def keeps_place(paging: Paging) -> bool:
    return isinstance(paging, Cursor) and paging.keeps_place


KINDS = [
    Kind("streamed", Streamed(rows=SIZE)),
    Kind("single page", SinglePage()),
    Kind("single page, dated", SinglePage(), DatedPeople),
    *(
        Kind(f"{type(paging).__name__}, {'appends, ' if paging.resumable else ''}{listing.__name__}", paging, listing)
        for paging in (
            PageNumber(SIZE),
            PageNumber(SIZE, appends=True),
            Offset(SIZE),
            Offset(SIZE, appends=True),
        )
        for listing in (People, DatedPeople, Untold, DatedUntold)
    ),
    *(
        Kind(
            f"{type(paging).__name__}, {'keyset, ' if keyset else ''}{listing.__name__}", paging, listing, keyset=keyset
        )
        for paging in (Cursor(SIZE), NextUrl(), LinkHeader())
        for keyset in (False, True)
        for listing in (People, DatedPeople, Untold, DatedUntold)
    ),
    Kind("expected", PageNumber(SIZE, appends=True), Untold, expects=True),
    *(
        Kind(
            f"{type(paging).__name__}, {counts}{', keeps its place' if keeps_place(paging) else ''}",
            paging,
            Untold,
            counts=counts,
            keyset=keeps_place(paging),
        )
        for paging in (Cursor(SIZE), Cursor(SIZE, keeps_place=True), PageNumber(SIZE))
        for counts in COUNTS
    ),
    Kind("Cursor that keeps its place", Cursor(SIZE, keeps_place=True), People, keyset=True),
]


@dataclass(frozen=True)
class Event:
    """A change of the listing. ``place`` is taken modulo the rows that there are."""

    what: str
    place: int


@dataclass
class Moves:
    """The changes of a listing since a reading began."""

    left: bool = False
    came_back: bool = False


class Moving(ExampleSimulator):
    """Changes its listing after each of its responses, as it is told."""

    def __init__(self, people: int, kind: Kind) -> None:
        super().__init__(0, 1)
        self.kind = kind
        self.numbers = iter(range(1, 1_000))
        self.gone: list[dict[str, Any]] = []
        self.events: list[list[Event]] = []
        self.moves = Moves()
        self.throughout: set[str] = set()
        for _ in range(people):
            self.arrive(len(self.people), LONG_AGO)

    def arrive(self, place: int, created: str) -> None:
        number = next(self.numbers)
        row = {"id": f"p{number:03}", "name": f"Person {number}", "active": True, "created": created}
        self.people.insert(place, row)

    def happen(self, events: list[Event]) -> None:
        for event in events:
            self._happen(event, self.kind.appends)

    def _happen(self, event: Event, appends: bool) -> None:
        people, now = self.people, datetime.now(UTC).isoformat()
        place = event.place % (len(people) or 1)
        if event.what == "leave" and people:
            self.gone.append(people.pop(place))
            self.throughout.discard(self.gone[-1]["id"])
            self.moves.left = True
        elif event.what == "arrive":
            self.arrive(len(people) if appends else place, now)
        elif event.what == "come back" and self.gone:
            row = self.gone.pop(event.place % len(self.gone))
            people.insert(place, row)
            if appends:
                people.sort(key=lambda one: str(one["id"]))
            self.moves.came_back = True
        elif event.what == "sort" and people and not appends:
            people.insert(event.place // 7 % len(people), people.pop(place))

    def start_of(self, cursor: str | None) -> int:
        """Return the place of the first row behind a cursor."""
        if self.kind.keyset:
            return sum(one["id"] <= (cursor or "") for one in self.people)
        return int(cursor or 0)

    def answer(self, request: web.Request) -> Answer:
        path, query = self.path_of(request), request.query
        if path == "/ids":
            return json_answer({"ids": [one["id"] for one in self.people]}, 200, JSON)
        if path == "/count":
            # An index that lags still counts a row that has left.
            lag = self.kind.counts == "lags" and bool(self.gone)
            return json_answer({"count": len(self.people) + lag}, 200, JSON)
        if path != "/people":
            return super().answer(request)
        paging, size = self.kind.paging, SIZE
        if isinstance(paging, Offset):
            start = int(query["offset"])
        elif isinstance(paging, Chained):
            start = self.start_of(query.get("cursor"))
        elif isinstance(paging, Streamed):
            start, size = 0, len(self.people)
        else:
            start = (int(query.get("page", 1)) - 1) * SIZE
        total = len(self.people)
        rows = self.people[start : start + size]
        # A cursor that is a place lets rows move past it.
        following = (rows[-1]["id"] if self.kind.keyset else str(start + size)) if start + size < total else None
        address = f"https://{self.host}/v1/people?cursor={following}" if following else None
        headers = (*JSON, ("Link", f'<{address}>; rel="next"')) if address else JSON
        answer = json_answer({"people": rows, "total": total, "next": following, "address": address}, 200, headers)
        if self.events:
            self.happen(self.events.pop(0))
        return answer


EVENTS = st.lists(
    st.builds(Event, st.sampled_from(["leave", "arrive", "come back", "sort", "leave", "arrive"]), st.integers(0, 48)),
    max_size=2,
)


@dataclass(frozen=True)
class Story:
    kind: Kind
    people: int
    full: bool
    between: list[Event]
    first: list[list[Event]]
    """The changes after each response of an interrupted run; empty if there is none."""
    stopped_after: int
    gap: list[Event]
    second: list[list[Event]]
    at_once: int
    read_twice: bool


FRESH = st.builds(
    Story,
    kind=st.sampled_from(KINDS),
    people=st.integers(0, 11),
    full=st.booleans(),
    between=EVENTS,
    first=st.just([]),
    stopped_after=st.just(0),
    gap=st.just([]),
    second=st.lists(EVENTS, max_size=9),
    at_once=st.sampled_from([1, 1, 4]),
    read_twice=st.sampled_from([True, True, True, False]),
)
INTERRUPTED = st.builds(
    Story,
    kind=st.sampled_from([one for one in KINDS if one.paging.resumable] * 3 + KINDS),
    people=st.integers(4, 11),
    full=st.booleans(),
    between=EVENTS,
    first=st.lists(EVENTS, max_size=3),
    stopped_after=st.integers(1, 3),
    gap=st.one_of(st.just([]), EVENTS),
    second=st.lists(EVENTS, max_size=4),
    at_once=st.just(1),
    read_twice=st.sampled_from([True, True, True, False]),
)


@dataclass
class Stage:
    """One server for all stories, on a clock that jumps."""

    loop: JumpingLoop
    served: Served
    folder: Path
    number: int = 0

    def play(self, story: Story) -> None:
        self.loop.run_until_complete(self._play(story))

    async def _play(self, story: Story) -> None:
        self.number += 1
        simulator = self.served.simulator = Moving(story.people, story.kind)
        connector = story.kind.connector()
        http = HttpSettings(first_wait=0.001, tries=1, at_once=story.at_once)
        store = self.folder / f"{self.number}.sqlite"
        options = HostSettings(store=store, resolve=self.served.resolve, http=http, read_twice=story.read_twice)
        async with Host(Settings(host=options), registry=registry_of(connector)) as host:
            await host.connect("example", "acme", simulator.credentials)
            if story.full:
                await host.run("acme")
                simulator.happen(story.between)
            simulator.moves = Moves()
            if story.stopped_after:
                await self._run(host, simulator, story.first, stopped_after=story.stopped_after)
                simulator.happen(story.gap)
            await self._run(host, simulator, story.second)

    async def _run(self, host: Host, simulator: Moving, events: list[list[Event]], stopped_after: int = 0) -> None:
        """Run once, and hold the certificate against what was listed throughout."""
        before = await _stored(host)
        simulator.throughout = {one["id"] for one in simulator.people}
        moves = Moves(simulator.moves.left, simulator.moves.came_back)
        simulator.moves = Moves()
        simulator.events = [*events]
        if stopped_after:
            simulator.script(f"500@{stopped_after + 1}x999:/people")
        report = await host.run("acme")
        simulator.script("")
        simulator.events = []
        certificate = report["Employee"].certificate
        if certificate.began is Began.RESUMED:
            simulator.moves = Moves(simulator.moves.left or moves.left, simulator.moves.came_back or moves.came_back)
        stored = await _stored(host)
        lost = (before & simulator.throughout) - stored
        assert not lost, "a row that was listed throughout was removed"
        hidden = simulator.moves.left and (simulator.moves.came_back or certificate.proof is Proof.DECLINED)
        # Where no row can move past the reader, it reads those that were there throughout, whatever comes back.
        hidden &= certificate.proof is not Proof.COUNT
        if certificate.complete and not hidden:
            # New rows that a guard holds were read, too.
            held = {
                one.source_id
                async for one in host.changes(report.run.id, State.HELD)
                if one.operation is Operation.CREATE
            }
            assert simulator.throughout <= stored | held, f"proven by {certificate.proof}, and a row was not read"


async def _stored(host: Host) -> set[str]:
    return {one.source_id async for one in host.entities("acme", Employee)}


@contextmanager
def staged() -> Iterator[Stage]:
    silence()
    loop = JumpingLoop()
    context = serve(Moving(0, KINDS[0]))
    served = loop.run_until_complete(context.__aenter__())
    os.environ["SSL_CERT_FILE"] = str(served.ca_file)
    os.environ[KEY_VARIABLE] = Fernet.generate_key().decode()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Stage(loop, served, Path(folder))
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()


@pytest.mark.attack(
    "Rows leave, come, come back and change places between any two responses, in any kind of paging",
    "A complete reading has every row that was listed throughout, and no row that exists is removed",
    EMPTY,
    FULL,
)
def test_whatever_moves_a_complete_reading_has_every_row_that_was_listed_throughout() -> None:
    with staged() as stage:

        @settings(
            max_examples=int(os.environ.get("MODEL_EXAMPLES", "20")),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.one_of(FRESH, INTERRUPTED))
        def play(story: Story) -> None:
            stage.play(story)

        play()

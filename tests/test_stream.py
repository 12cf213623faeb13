"""Listings that come in one response: cut into rows while they arrive, requested again where they break off."""

import asyncio
import gc
import gzip
import json
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    UNSET,
    ExpectedIds,
    Listing,
    MalformedError,
    Maybe,
    Page,
    ProtocolError,
    Row,
    SinglePage,
    Streamed,
    TotalSource,
    UnavailableError,
    Wire,
)
from connector_core.http import HttpApi
from connector_core.http.inflate import Inflater, inflate
from connector_core.http.splitter import Splitter
from planted.example import Example, ExampleCredentials
from planted.simulator import ExampleSimulator
from world import reached

pytestmark = pytest.mark.jumping

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def split(body: bytes, sizes: list[int], count: int) -> tuple[list[Any], dict[str, Any]]:
    """Return all rows of a body that comes in pieces of these sizes, over and over, taken so many at a time."""
    splitter, rows, at, turn = Splitter("rows"), [], 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        splitter.feed(body[at : at + size])
        at, turn = at + size, turn + 1
        while some := splitter.take(count):
            rows += some
    return rows + splitter.rest(), splitter.head


@given(
    st.lists(JSONS, max_size=12),
    st.dictionaries(st.sampled_from(["a", "b", "é"]), JSONS),
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.integers(1, 5),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_the_rows_and_the_head_are_those_of_the_body_whatever_its_pieces(
    rows: list[Any], head: dict[str, Any], sizes: list[int], count: int, indent: int | None, first: bool
) -> None:
    whole = {"rows": rows, **head} if first else {**head, "rows": rows}
    body = json.dumps(whole, indent=indent, ensure_ascii=False).encode()
    assert split(body, sizes, count) == (rows, head)


@given(st.lists(st.dictionaries(st.text(max_size=3), JSONS), max_size=5), st.data())
def test_a_body_that_is_cut_off_is_refused(rows: list[Any], data: st.DataObject) -> None:
    body = json.dumps({"rows": rows, "total": 12}).encode()
    length = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(ValueError, match=r"it ends too early|it is not JSON"):
        split(body[:length], [7], 2)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'{"rows": [1 2]}',
        b'{"rows": [1]} {}',
        b"{rows: []}",
        b'{"rows": [1],}',
        b'{"rows": [' + b"[" * 100_000,
        b'{"rows": ["\xff',
        b'{"rows": ["\xff\\',
        b'{"rows": ["a" "\n"]}',
    ],
)
def test_a_body_that_is_not_one_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is not JSON|it ends too early|follows its end"):
        split(body, [1_000], 1)


@pytest.mark.parametrize(
    "text", ["1" * 5_000, "NaN", '"\\x"', '"\\ud83d"', '"\n"', '{"a": ["\t"]}', "[" * 5_000 + "]" * 5_000]
)
@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_a_value_that_cannot_be_parsed_strictly_comes_as_its_text(text: str, size: int) -> None:
    (before, raw, after), head = split(f'{{"rows": ["a",{text},"b"], "more": 1}}'.encode(), [size], 1)
    assert (before, after, head) == ("a", "b", {"more": 1})
    assert isinstance(raw, msgspec.Raw)
    assert bytes(raw) == text.encode()


@pytest.mark.attack("A value of 8 MB in pieces of 1 kB", "Cut in linear time")
@pytest.mark.parametrize(
    "long",
    ['"' + "x" * 8_000_000 + '"', "[" + "[{}]," * 50_000 + "1]", "[" + '"\\ud83d",' * 200_000 + "1]"],
    ids=["text", "array", "array of bad texts"],
)
def test_a_long_value_in_small_pieces_takes_linear_time(long: str) -> None:
    body = f'{{"rows": [{long}, 5]}}'.encode()
    began = time.process_time()
    found, five = split(body, [1_024], 1)[0]
    assert five == 5
    assert len(bytes(found)) == len(long) if isinstance(found, msgspec.Raw) else found == json.loads(long)
    assert time.process_time() - began < 2


@given(st.binary(max_size=5_000), st.integers(1, 50), st.integers(1, 64))
def test_a_body_in_pieces_inflates_to_what_the_whole_does(data: bytes, size: int, piece: int) -> None:
    packed = gzip.compress(data) + gzip.compress(b"more")
    inflater, found = Inflater("gzip", piece), []
    for at in range(0, len(packed), size):
        found += list(inflater.feed(packed[at : at + size]))
    inflater.end()
    assert b"".join(found) == data + b"more" == inflate(packed, "gzip", 10_000)
    assert max(map(len, found)) <= piece


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "", "identity"])
def test_a_body_of_any_accepted_encoding_is_inflated_up_to_the_limit(encoding: str) -> None:
    data = bytes(range(256)) * 10_000
    packed = gzip.compress(data) if "gzip" in encoding.lower() else data
    assert inflate(packed, encoding, len(data)) == data == inflate(bytearray(packed), encoding, len(data) + 1)
    assert inflate(packed, encoding, len(data) - 1) is None


@pytest.mark.attack("4 MB of gzip with 200,000 empty members", "Inflated in linear time, up to a limit")
@pytest.mark.parametrize("member", [b"", b"x"])
def test_inflating_many_small_members_takes_linear_time_and_has_an_end(member: bytes) -> None:
    began = time.process_time()
    assert inflate(gzip.compress(member) * 10_000, "gzip", 100_000) == member * 10_000
    with pytest.raises(ValueError, match="it has more than 10000 members"):
        inflate(gzip.compress(member) * 200_000, "gzip", 1_000_000)
    assert time.process_time() - began < 2


@given(st.lists(st.text(min_size=1)), st.lists(st.lists(st.text(min_size=1), unique=True), max_size=4))
def test_expected_ids_count_each_id_once(told: list[str], pages: list[list[str]]) -> None:
    expected, listed, total = ExpectedIds(told), set[str](), len(set(told)) or None
    for page in pages:
        fresh = [one for one in page if one not in listed]
        listed.update(fresh)
        total = expected.total_with(fresh)
    assert total == (len({*told, *listed}) if told else None)


class Person(Row):
    name: Maybe[str] = UNSET
    title: Maybe[str] = UNSET


class Came(Wire):
    id: str


class People(Listing[Person]):
    fields: list[Came]
    total: int | None = None

    @property
    def announced(self) -> int | None:
        return self.total

    @property
    def received(self) -> frozenset[str]:
        return frozenset(one.id for one in self.fields)


class Observed(Listing[Person]):
    """Notes the thread that parses it."""

    threads: ClassVar[set[str]] = set()

    @property
    def announced(self) -> int:
        self.threads.add(threading.current_thread().name)
        return len(self.rows)


Script = Callable[[web.Request, int], Awaitable[web.StreamResponse]]
"""Answers a request, given how many came before it."""


class Scripted(ExampleSimulator):
    """A server that answers by a script."""

    def __init__(self, script: Script) -> None:
        super().__init__(1, 1)
        self._script = script
        self._asked = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self._asked += 1
        return await self._script(request, self._asked - 1)


def provider(script: Script, **http: Any) -> AbstractAsyncContextManager[HttpApi]:
    """A client of a server that answers by this script."""
    credentials = ExampleCredentials.parse(ExampleSimulator.credentials)
    return reached(Scripted(script), Example.manifest, credentials, **{"first_wait": 0, **http})


def rows(start: int, end: int) -> list[dict[str, Any]]:
    return [{"id": f"p{number}", "name": f"Person {number}", "title": None} for number in range(start, end)]


def body(people: list[dict[str, Any]], fields: tuple[str, ...] = ("id", "name", "title"), **more: Any) -> bytes:
    return json.dumps({"fields": [{"id": one} for one in fields], "rows": people, **more}).encode()


def answer(text: bytes) -> web.Response:
    return web.Response(body=text, headers={"Content-Type": "application/json"})


async def cut(request: web.Request, text: bytes, at: int) -> web.StreamResponse:
    """Send the first bytes of a body, then break the connection."""
    begun = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(text))})
    await begun.prepare(request)
    await begun.write(text[:at])
    await asyncio.sleep(0.05)
    assert request.transport
    request.transport.abort()
    return begun


async def read(api: HttpApi, size: int = 10) -> list[Page[Person]]:
    return [page async for page in api.pages("/people", People, paging=Streamed(size), body={"q": 1})]


async def test_one_response_comes_as_pages_of_which_the_last_ends_the_listing() -> None:
    async def script(request: web.Request, _: int) -> web.StreamResponse:
        assert (request.method, await request.json()) == ("POST", {"q": 1})
        return answer(body(rows(0, 25), total=25))

    async with provider(script) as api:
        pages = await read(api)
    assert [(len(page.rows), page.place.last) for page in pages] == [(10, False), (10, False), (5, True)]
    assert [one for page in pages for one in page.ids] == [f"p{number}" for number in range(25)]
    assert pages[-1].announced == 25
    assert pages[-1].total_source is TotalSource.LISTING


@pytest.mark.parametrize("count", [0, 10, 20])
async def test_a_listing_that_ends_with_a_full_page_or_without_one_ends(count: int) -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(body(rows(0, count), total=count))

    async with provider(script) as api:
        pages = await read(api)
    assert [page.place.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert sum(len(page.rows) for page in pages) == count
    assert pages[-1].announced == count


@pytest.mark.attack("A large body", "The event loop goes on meanwhile")
@pytest.mark.parametrize(("people", "elsewhere"), [(10, False), (60_000, True)])
async def test_a_large_body_is_inflated_and_parsed_by_a_thread(people: int, elsewhere: bool) -> None:
    packed = gzip.compress(body(rows(0, people)), compresslevel=1)
    # It is small as it comes.
    assert len(packed) < 1024 * 1024

    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return web.Response(body=packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})

    Observed.threads.clear()
    async with provider(script) as api:
        pages = [page async for page in api.pages("/people", Observed, paging=SinglePage())]
    assert sum(len(page.rows) for page in pages) == people
    assert Observed.threads.isdisjoint({threading.current_thread().name}) is elsewhere


async def test_a_small_stream_that_inflates_to_much_does_not_hold_up_the_loop() -> None:
    packed = gzip.compress(b'{"fields": [],' + b" " * 32_000_000 + b'"rows": []}', compresslevel=1)

    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return web.Response(body=packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})

    async with provider(script) as api:
        reading = asyncio.ensure_future(read(api))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
    assert [page.ids for page in reading.result()] == [()]
    assert turns > 32_000_000 / 65_536


async def test_a_response_that_breaks_off_is_requested_again_and_no_row_comes_twice() -> None:
    first, second = body(rows(0, 30)), body(rows(5, 40))

    async def script(request: web.Request, asked: int) -> web.StreamResponse:
        return await cut(request, first, len(first) - 100) if asked == 0 else answer(second)

    async with provider(script) as api:
        pages = await read(api)
        assert api.traffic().requests == 2
    ids = [one for page in pages for one in page.ids]
    assert len(ids) == len(set(ids))
    assert set(ids) == {f"p{number}" for number in range(40)}
    assert [page.place.number for page in pages] == list(range(1, len(pages) + 1))


async def test_a_response_that_always_breaks_off_ends_in_an_error_behind_the_pages_that_came() -> None:
    text = body(rows(0, 30))

    async def script(request: web.Request, _: int) -> web.StreamResponse:
        return await cut(request, text, len(text) // 2)

    pages: list[Page[Person]] = []
    async with provider(script, tries=2) as api:
        with pytest.raises(UnavailableError):
            async for page in api.pages("/people", People, paging=Streamed(5)):
                pages.append(page)  # noqa: PERF401 - what came before the error counts
    assert pages
    assert not any(page.place.last for page in pages)


async def test_a_field_that_did_not_come_is_unset_even_where_a_row_has_null() -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(body(rows(0, 2), fields=("id", "name")))

    async with provider(script) as api:
        (page,) = await read(api)
    assert [(one.name, one.title) for one in page.rows] == [("Person 0", UNSET), ("Person 1", UNSET)]


@pytest.mark.parametrize(
    "text",
    [
        b'{"rows": [{"id": "p1"}]}',
        b'{"rows": [{"id": "p1"}], "fields": 1}',
        b'{"fields": [], "rows": null}',
        b'{"fields": []}',
        b'{"fields": [], "rows": [{"id": "p1"}]',
        b'{"fields": [], "rows": [{"id": "p1", "other": NaN}]}',
        b'{"fields": [], "rows": [{"id": "\xff", "other": tru}]}',
        b'{"fields": [{"id": "\xff"}], "rows": []}',
        b"[]",
    ],
)
async def test_a_response_of_another_shape_is_malformed_and_never_empty(text: bytes) -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(text)

    async with provider(script, tries=1) as api:
        with pytest.raises(MalformedError, match="not as the API promises") as caught:
            await read(api, size=1)
    assert "p1" not in caught.value.message


async def test_rows_that_come_before_what_they_need_wait_for_it() -> None:
    whole = json.loads(body(rows(0, 250), fields=("id", "name")))
    backwards = json.dumps(dict(reversed(whole.items()))).encode()

    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(backwards)

    async with provider(script) as api:
        pages = await read(api, size=100)
    assert [len(page.rows) for page in pages] == [100, 100, 50]
    assert [page.place.last for page in pages] == [False, False, True]
    assert all(one.title is UNSET for page in pages for one in page.rows)


async def test_rows_that_wait_have_a_bound() -> None:
    text = json.dumps({"rows": rows(0, 4_000), "fields": []}).encode()

    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(text)

    assert len(text) > 200_000
    async with provider(script, largest_answer=100_000) as api:
        with pytest.raises(ProtocolError, match="more than 100000 bytes of rows came before what is needed for them"):
            await read(api)


async def test_a_row_that_does_not_validate_is_rejected_alone() -> None:
    people = [*rows(0, 2), {"id": "bad", "name": {"secret": 1}}, {"name": "nobody"}, *rows(2, 4)]

    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(body(people))

    async with provider(script) as api:
        (page,) = await read(api)
    assert page.ids == ("p0", "p1", "p2", "p3")
    assert [one.source_id for one in page.rejected] == ["bad", None]
    assert not any("secret" in one.problem for one in page.rejected)


async def test_a_row_without_end_is_given_up() -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return answer(b'{"fields": [], "rows": ["' + b"x" * 300_000)

    async with provider(script, largest_answer=100_000) as api:
        with pytest.raises(ProtocolError, match="one row has more than 100000 bytes"):
            await read(api)


async def test_a_response_may_take_longer_than_a_page_if_it_never_falls_silent() -> None:
    text = body(rows(0, 30))

    async def script(request: web.Request, _: int) -> web.StreamResponse:
        begun = web.StreamResponse(headers={"Content-Type": "application/json"})
        await begun.prepare(request)
        for at in range(0, len(text), len(text) // 8):
            await begun.write(text[at : at + len(text) // 8])
            await asyncio.sleep(20)
        return begun

    async with provider(script, page_timeout=30, tries=1) as api:
        assert sum(len(page.rows) for page in await read(api)) == 30


async def test_a_server_that_falls_silent_in_the_middle_is_given_up() -> None:
    text = body(rows(0, 30))

    async def script(request: web.Request, _: int) -> web.StreamResponse:
        begun = web.StreamResponse(headers={"Content-Type": "application/json"})
        await begun.prepare(request)
        await begun.write(text[:200])
        await asyncio.sleep(3600)
        return begun

    async with provider(script, page_timeout=30, tries=1) as api:
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await read(api)
        assert asyncio.get_running_loop().time() - began == pytest.approx(30, abs=1)


async def test_a_caller_that_takes_one_page_leaves_the_rest_at_the_provider() -> None:
    sent = 0

    async def script(request: web.Request, _: int) -> web.StreamResponse:
        nonlocal sent
        begun = web.StreamResponse(headers={"Content-Type": "application/json"})
        await begun.prepare(request)
        await begun.write(b'{"fields": [], "rows": [{"id": "p"}')
        for number in range(200_000):
            await begun.write(f', {{"id": "p{number}", "name": "{"x" * 1_000}"}}'.encode())
            sent = number
        return begun

    async with provider(script) as api:
        pages = api.pages("/people", People, paging=Streamed(10))
        assert len((await anext(pages)).rows) == 10
        await asyncio.sleep(1)
        assert sent < 20_000


async def test_a_caller_that_waits_for_a_page_when_the_client_is_closed_is_woken() -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    async with provider(script) as api:
        waiting = asyncio.ensure_future(anext(api.pages("/people", People, paging=Streamed(10))))
        await asyncio.sleep(0.1)
        await api.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 5)


async def test_an_error_of_a_listing_that_is_never_read_is_not_reported_by_asyncio(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def script(_: web.Request, __: int) -> web.StreamResponse:
        return web.Response(status=500)

    async with provider(script, tries=1) as api:
        api.pages("/people", People, paging=Streamed(10))
        await asyncio.sleep(1)
    gc.collect()
    assert not caplog.records

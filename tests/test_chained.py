"""Listings in which each page tells where the next one is: they are read whole, ahead, and on declared hosts only."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from connector_core import (
    UNSET,
    Call,
    Cursor,
    CursorExpiredError,
    LinkHeader,
    Listing,
    MalformedError,
    Maybe,
    NextUrl,
    NotFoundError,
    Paging,
    ProtocolError,
    ProviderError,
    Row,
    Streamed,
    Wire,
    field,
    from_header,
)
from connector_core.http.headers import links_of
from connector_core.http.parsing import parse_page
from connector_core.testing import Answer, json_answer
from planted.chained import SIZE, ByAddress, ByCursor, ByGraph, ByLink, ChainedSimulator
from planted.example import Example, ExampleCredentials, People, Person
from planted.simulator import JSON, ExampleSimulator
from world import reached

pytestmark = pytest.mark.jumping

CALL = Call("GET", "/people")


class Told(ExampleSimulator):
    """Answers each request as it is told."""

    def __init__(self, *answers: Answer | Callable[[web.Request], Answer]) -> None:
        super().__init__(0, 1)
        self.answers = list(answers)

    def answer(self, request: web.Request) -> Answer:
        answer = self.answers.pop(0)
        return answer if isinstance(answer, Answer) else answer(request)


def page(*ids: str, status: int = 200, link: str = "", after: str | None = None, next_at: str | None = None) -> Answer:
    headers = (*JSON, ("Link", link)) if link else JSON
    people = [{"id": one} for one in ids]
    return json_answer({"people": people, "total": 9, "after": after, "@next": next_at}, status, headers)


async def read(simulator: ExampleSimulator, listing: Any, paging: Paging, **more: Any) -> list[list[str]]:
    """Return the ids of each page."""
    credentials = ExampleCredentials.parse(simulator.credentials)
    async with reached(simulator, Example.manifest, credentials, first_wait=0.01, tries=1) as api:
        return [list(page.ids) async for page in api.pages("/people", listing, paging=paging, **more)]


def queries(simulator: ExampleSimulator) -> list[str]:
    return [one.query for one in simulator.requests]


@pytest.mark.parametrize("people", [0, 1, 24, 25, 26, 120])
@pytest.mark.parametrize(
    ("path", "listing", "paging"),
    [("/cursors", ByCursor, Cursor(SIZE)), ("/addresses", ByAddress, NextUrl()), ("/links", ByLink, LinkHeader())],
)
async def test_a_chain_is_read_to_its_end_by_one_request_a_page(
    people: int, path: str, listing: Any, paging: Paging
) -> None:
    simulator = ChainedSimulator(people, 1)
    params = None if path == "/cursors" else {"limit": str(SIZE)}
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        pages = [one async for one in api.pages(path, listing, paging=paging, params=params)]
        forecast = api.forecast()
    assert [one for page in pages for one in page.ids] == [one["id"] for one in simulator.people]
    assert [one.place.last for one in pages] == [False] * (len(pages) - 1) + [True]
    assert len(simulator.requests) == len(pages) == max(1, -(-people // SIZE))
    assert forecast.requests == 0
    cursors = [one.place.cursor for one in pages]
    assert cursors[0] is None
    assert len({*cursors}) == len(cursors)


async def test_a_simulator_of_another_content_type_still_tells_the_next_address_in_its_header() -> None:
    simulator = ChainedSimulator(60, 1)
    simulator.script("content_type")
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        pages = [one async for one in api.pages("/links", ByLink, paging=LinkHeader(), params={"limit": str(SIZE)})]
    assert len(pages) == 3


# ---- addresses


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (['<https://a/x?c=1>; rel="next"'], {"next": "https://a/x?c=1"}),
        (["<https://a/self>; rel=self, <https://a/x?c=1,2>; rel=next"], {"self": "https://a/self", "next": "https://a/x?c=1,2"}),
        (["<https://a/self>; rel=self", '<https://a/x>; Rel="NEXT"'], {"self": "https://a/self", "next": "https://a/x"}),
        (['</x>; title="a, <b>; rel=next"; rel="last next"'], {"last": "/x", "next": "/x"}),
        (["<https://a/x> ; foo ; rel=next; rel=prev"], {"next": "https://a/x"}),
        (["<one>; rel=next", "<two>; rel=next"], {"next": "one"}),
        (["<https://a/x>; title=next", "rel=next", "<>", "", "<https://a"], {}),
        ([], {}),
    ],
)  # fmt: skip
def test_the_addresses_of_link_headers_are_found_by_relation(header: list[str], found: dict[str, str]) -> None:
    assert links_of(CIMultiDictProxy(CIMultiDict([("link", one) for one in header]))) == found


@pytest.mark.parametrize(
    ("address", "requested"),
    [
        ("https://acme.hr.example/v1/people?c=a%2Fb%3D%25&x=a+b", "/v1/people?c=a%2Fb%3D%25&x=a+b"),
        ("/v1/people?c=%7e", "/v1/people?c=%7e"),
        ("?c=2", "/v1/people?c=2"),
        ("people?c=2", "/v1/people?c=2"),
        ("https://other.hr.example/v2?c=2", "/v2?c=2"),
        ("https://acme.hr.example:443/v1/people?c=2", "/v1/people?c=2"),
        ("https://acme.hr.example/v1/people?c=a b\n é", "/v1/people?c=a%20b%0A%20%C3%A9"),
    ],
)
async def test_the_next_address_is_requested_as_it_came(address: str, requested: str) -> None:
    simulator, raw = Told(), list[str]()
    simulator.other_hosts = ("other.hr.example",)

    def second(request: web.Request) -> Answer:
        raw.append(request.raw_path)
        assert request.headers["X-Wanted"] == "all"
        return page("b")

    simulator.answers = [page("a", next_at=address), second]
    params, headers = {"limit": "1"}, {"X-Wanted": "all"}
    assert await read(simulator, ByAddress, NextUrl(), params=params, headers=headers) == [["a"], ["b"]]
    assert raw == [requested]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://evil.example/v1/people", "the next page is on https://evil.example, which is not a host"),
        ("//evil.example/v1/people", "the next page is on https://evil.example, which is not a host"),
        ("https://acme.hr.example.evil.example/", "is not a host of this connector"),
        ("https://acme.hr.example@evil.example/", "the address of the next page is not valid"),
        ("https://user:word@acme.hr.example/v1/people", "the address of the next page is not valid"),
        ("http://acme.hr.example/v1/people", "the next page is on http://acme.hr.example, which is not a host"),
        ("https://acme.hr.example:8443/v1/people", "the next page is on https://acme.hr.example:8443, which"),
        ("file:///etc/passwd", "is not a host of this connector"),
        ("https://[bad", "the address of the next page is not valid"),
        ("https://acme.hr.example:port/", "the address of the next page is not valid"),
    ],
)
@pytest.mark.parametrize("way", ["body", "header"])
async def test_no_page_of_another_host_is_requested(way: str, address: str, message: str) -> None:
    simulator = Told(page("a", next_at=address) if way == "body" else page("a", link=f"<{address}>; rel=next"))
    with pytest.raises(ProtocolError, match=message.replace(".", r"\.").replace("[", r"\[")) as raised:
        await read(simulator, *((ByAddress, NextUrl()) if way == "body" else (People, LinkHeader())))
    assert "word" not in str(raised.value)
    assert len(simulator.requests) == 1


async def test_a_listing_that_begins_at_an_address_is_requested_there_and_nowhere_else() -> None:
    simulator = Told(page("a", next_at="?c=2"), page("b"))
    url = "https://acme.hr.example/delta?token=t%2Bt"
    assert await read(simulator, ByAddress, NextUrl(), url=url, params={"limit": "1"}) == [["a"], ["b"]]
    assert [(one.path, one.query) for one in simulator.requests] == [("/delta", "token=t%2Bt"), ("/delta", "c=2")]
    with pytest.raises(ProtocolError, match="is not a host of this connector"):
        await read(Told(), ByAddress, NextUrl(), url="https://evil.example/delta")
    with pytest.raises(ProtocolError, match="the address of the next page is not valid"):
        await read(Told(page("a", next_at="https://[bad")), ByAddress, NextUrl(), url=url)


@pytest.mark.parametrize("rows", [("a",), ()])
async def test_a_page_that_says_that_it_is_itself_the_next_one_ends_the_reading(rows: tuple[str, ...]) -> None:
    simulator = Told(*[page(*rows, after="c1")] * 9)
    with pytest.raises(ProtocolError, match="it is itself the next one"):
        await read(simulator, ByCursor, Cursor(5))
    assert queries(simulator) == ["limit=5", *["limit=5&cursor=c1"] * (len(simulator.requests) - 1)]
    assert len(simulator.requests) <= 5


# ---- cursors that are no longer valid


@pytest.mark.parametrize("status", [400, 410])
async def test_a_cursor_that_is_no_longer_valid_is_told_from_a_bad_request(status: int) -> None:
    with pytest.raises(CursorExpiredError, match=f"GET /people: Example HR answered {status}: the cursor is no longer"):
        await read(Told(page("a", after="c1"), page(status=status)), ByCursor, Cursor(5))
    with pytest.raises(ProviderError, match=f"answered {status}") as raised:
        await read(Told(page("a", after="c1"), page(status=status)), ByCursor, Cursor(5, expired_by=frozenset({422})))
    assert not isinstance(raised.value, CursorExpiredError)
    # The first page has no cursor that could have expired, unless it begins at an address.
    for more in ({}, {"url": "https://acme.hr.example/v1/people?delta=1"}):
        with pytest.raises(ProtocolError if not more else CursorExpiredError):
            await read(Told(page(status=422)), ByAddress, NextUrl(expired_by=frozenset({422})), **more)


# ---- reading ahead


async def test_the_next_page_is_requested_once_the_first_was_taken_and_two_are_kept_at_most() -> None:
    simulator = ChainedSimulator(250, 1)
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        pages = api.pages("/cursors", ByCursor, paging=Cursor(SIZE))
        await anext(pages)
        await asyncio.sleep(60)
        assert len(simulator.requests) == 1
        for taken in range(2, 9):
            await anext(pages)
            await asyncio.sleep(60)
            assert len(simulator.requests) == min(taken + 2, 10)
        await pages.aclose()


async def test_a_page_ahead_that_fails_is_told_after_the_pages_before_it() -> None:
    simulator = Told(page("a", after="1"), page("b", after="2"), page("c", after="3"), page(status=404))
    taken = list[str]()
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials), tries=1) as api:
        with pytest.raises(NotFoundError):
            async for one in api.pages("/people", ByCursor, paging=Cursor(1, expired_by=frozenset())):
                taken += one.ids
                await asyncio.sleep(60)
    assert taken == ["a", "b", "c"]


@pytest.mark.parametrize(("paging", "told"), [(Cursor(SIZE), "next_cursor"), (NextUrl(), "next_url")])
async def test_a_listing_that_does_not_tell_the_next_page_is_not_taken_for_one_page(paging: Paging, told: str) -> None:
    simulator = Told()
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        with pytest.raises(TypeError, match=f"People tells no {told}"):
            api.pages("/people", People, paging=paging)


# ---- headers


class Counted(Wire):
    id: str
    total: Maybe[int] = from_header("X-Total-Count")
    note: Maybe[str] = from_header("X-Note")


@pytest.mark.parametrize(
    ("value", "total"), [("120", 120), ("many", UNSET), ("", UNSET), (" 7 ", 7), ("1.5", UNSET), ("\udcff", UNSET)]
)
async def test_a_header_is_read_as_its_field_says_or_not_at_all(value: str, total: Any) -> None:
    simulator = Told(json_answer({"id": "a"}, 200, (*JSON, ("x-total-count", value), ("X-Note", "n"))))
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        found = await api.get("/people", Counted)
    assert found == Counted(id="a", total=total, note="n")
    assert Counted.keys() == ("id",)


def test_a_header_tells_the_total_of_pages_with_bad_rows_too() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"X-Total-Count": "3"}))
    for body in (b'[{"id": "a"}]', b'[{"id": "a"}, {"id": {}}]', b'[{"id": "a", "name": "\\ud800"}]'):
        found = parse_page(CALL, ByLink, body, headers, paging=LinkHeader())
        assert found.announced == 3


# ---- shapes


def test_the_rows_of_an_array_are_used_and_rejected_one_by_one() -> None:
    found = parse_page(CALL, ByLink, b' [{"id": "a"}, {"id": "b", "name": 7}, {"id": "c", "name": "\xff"}, {}]')
    assert found.ids == ("a", "b")
    assert [one.source_id for one in found.rejected] == ["c", None]
    assert found.origin
    assert found.origin.pointer == ""
    assert list(found.places or ()) == [1, 2]
    assert parse_page(CALL, ByLink, b"[]").rows == ()
    for bad in (b"{}", b"null", b'{"rows": []}', b"[", b"[] []"):
        with pytest.raises(MalformedError):
            parse_page(CALL, ByLink, bad)


def graph(nodes: Any, **top: Any) -> bytes:
    people = {"totalCount": 2, "pageInfo": {"endCursor": "c", "hasNextPage": True}, "nodes": nodes}
    return json.dumps({"data": {"other": [1], "company": {"id": "x", "people": people}}, **top}).encode()


@pytest.mark.parametrize("bad", [{}, {"id": "b", "title": "Clerk", "name": []}])
def test_a_listing_within_an_object_is_found_there_strictly_and_row_by_row(bad: dict[str, Any]) -> None:
    found = parse_page(CALL, ByGraph, graph([{"id": "a"}, *([bad] if bad else [])]), paging=Cursor(5))
    assert found.ids == (("a", "b") if bad else ("a",))
    assert (found.announced, found.next_cursor) == (2, "c")
    assert found.origin
    assert found.origin.pointer == "/data/company/people/nodes"


@pytest.mark.parametrize(
    "body",
    [
        {"data": None},
        {"data": {"company": None}},
        {"data": {"company": {"people": None}}},
        {"data": {"company": {}}},
        {},
        {"data": {"company": {"people": {"nodes": None, "totalCount": 0, "pageInfo": {"hasNextPage": False}}}}},
        {"data": {"company": {"people": []}}},
    ],
)
@pytest.mark.parametrize("spoiled", [False, True])
def test_a_response_without_its_object_is_malformed_and_never_an_empty_listing(
    body: dict[str, Any], *, spoiled: bool
) -> None:
    text = json.dumps(body).encode()
    if spoiled:
        text = text[:-1] + (b", " if body else b"") + b'"x": "\xff"}'
    with pytest.raises(MalformedError):
        parse_page(CALL, ByGraph, text)


class Flat(Listing[Row]):
    errors = "errors"
    rows: list[Row]


@pytest.mark.parametrize("bad", [[], [{"id": []}]])
def test_a_response_that_reports_errors_is_refused_without_a_word_of_them(bad: list[Any]) -> None:
    errors = [{"message": "Ada may not be seen"}]
    refused: list[tuple[type[Listing[Any]], bytes]] = [
        (ByGraph, graph([{"id": "a"}, *bad], errors=errors)),
        (ByGraph, json.dumps({"data": None, "errors": errors}).encode()),
        (Flat, json.dumps({"rows": [{"id": "a"}, *bad], "errors": errors}).encode()),
    ]
    for listing, body in refused:
        with pytest.raises(ProtocolError, match="the response reports errors") as raised:
            parse_page(CALL, listing, body)
        assert "Ada" not in str(raised.value)
        assert not isinstance(raised.value, MalformedError)
    nothing: list[Any] = [None, [], {}]
    for none in nothing:
        assert parse_page(CALL, ByGraph, graph([{"id": "a"}], errors=none)).ids == ("a",)


class Delta(Listing[Row]):
    rows: list[Row]
    token: str | None = None

    @property
    def delta_token(self) -> str | None:
        return self.token

    def removed(self, row: Row) -> bool:
        return row.id.startswith("gone")


def test_removed_rows_are_told_by_their_ids_and_not_mapped() -> None:
    body = json.dumps({"rows": [{"id": "gone1"}, {"id": "a"}, {"id": "gone2"}], "token": "t"}).encode()
    found = parse_page(CALL, Delta, body)
    assert (found.ids, found.removed, found.delta_token) == (("a",), ("gone1", "gone2"), "t")
    assert (list(found.places or ()), found.size) == ([2], 3)
    assert "'t'" not in repr(found)


class StreamedGraph(Listing[Person]):
    within = "data.people"
    errors = "errors"
    rows: list[Person] = field(name="nodes")


@pytest.mark.parametrize("rows", [0, 7])
async def test_arrays_and_inner_listings_are_streamed_too(rows: int) -> None:
    people = [{"id": f"p{number}"} for number in range(rows)]
    ids = [one["id"] for one in people]
    bare = await read(Told(json_answer(people, 200, JSON)), ByLink, Streamed(rows=3))
    assert [one for page in bare for one in page] == ids
    inner = await read(
        Told(json_answer({"data": {"people": {"nodes": people}}}, 200, JSON)), StreamedGraph, Streamed(3)
    )
    assert [one for page in inner for one in page] == ids
    failed = json_answer({"data": {"people": {"nodes": people}}, "errors": [1]}, 200, JSON)
    with pytest.raises(ProtocolError, match="reports errors"):
        await read(Told(failed), StreamedGraph, Streamed(3))
    with pytest.raises(MalformedError, match=r"data\.people is not as"):
        await read(Told(json_answer({"data": {"people": None}}, 200, JSON)), StreamedGraph, Streamed(3))

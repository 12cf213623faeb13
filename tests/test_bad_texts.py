"""Texts that are not valid JSON or Unicode: each costs its own row at most, on every path."""

import json
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web
from attacks import EMPTY
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    UNSET,
    Call,
    Employee,
    Listing,
    MalformedError,
    Maybe,
    Page,
    Row,
    SinglePage,
    Streamed,
    Verdict,
    Wire,
    field,
    full_name,
)
from connector_core.http import HttpApi
from connector_core.http.parsing import parse, parse_page
from connector_core.http.repair import parse_repaired
from connector_core.reasons import Code
from connector_core.sdk.invalid_text import INVALID_KEY, INVALID_TEXT, PROBLEM
from connector_core.sdk.paging import Paging
from connector_core.testing import Answer
from planted.example import Example, ExampleCredentials
from planted.simulator import ExampleSimulator
from world import StartProvider, reached

pytestmark = pytest.mark.jumping

BAD = {
    "lone surrogate": rb"\ud83d",
    "second half of a pair": rb"\uDE00",
    "two first halves": rb"\ud83d\ud83d",
    "not UTF-8": b"\xff",
    "a surrogate in UTF-8": b"\xed\xa0\x80",
    "cut off UTF-8": b"\xc3",
    "newline": b"\n",
    "tab": b"\t",
    "NUL": b"\x00",
    "unknown escape": rb"\x",
    "short escape": rb"\u12",
}
GOOD = rb"\ud83d\ude00 \u00e9 \\ud83d \" \/ " + "é 😀 \x7f".encode()
TOTAL = 3
CALL = Call("GET", "/people")
EVERY_PATH = pytest.mark.parametrize("paging", [SinglePage(), Streamed(2)], ids=["paged", "streamed"])


class Office(Wire):
    city: Maybe[str] = UNSET


class Person(Row):
    name: Maybe[str] = UNSET
    age: Maybe[int] = UNSET
    offices: tuple[Office, ...] = ()


class People(Listing[Person]):
    total: int | None = None
    title: str | None = None

    @property
    def announced(self) -> int | None:
        return self.total


class Answering(ExampleSimulator):
    """A server with one body."""

    def __init__(self, body: bytes) -> None:
        super().__init__(1, 1)
        self._body = body

    async def handle(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self._body, headers={"Content-Type": "application/json"})


def answering(body: bytes) -> AbstractAsyncContextManager[HttpApi]:
    credentials = ExampleCredentials.parse(ExampleSimulator.credentials)
    return reached(Answering(body), Example.manifest, credentials, tries=1)


def people(*rows: bytes, head: bytes = b'"total": 3') -> bytes:
    return b'{%b, "rows": [%b]}' % (head, b", ".join(rows))


async def read(body: bytes, paging: Paging) -> Page[Person]:
    """Return all pages of the listing as one."""
    async with answering(body) as api:
        pages = [page async for page in api.pages("/people", People, paging=paging)]
    return Page(
        tuple(row for page in pages for row in page.rows),
        tuple(one for page in pages for one in page.ids),
        announced=pages[-1].announced,
        rejected=tuple(one for page in pages for one in page.rejected),
        repaired=sum(page.repaired for page in pages),
    )


ADA, EVE = b'{"id": "ada", "name": "%b"}' % GOOD, b'{"id": "eve", "offices": [{"city": "Ulm"}]}'


def rows_with(template: bytes) -> list[bytes]:
    """Return a row for each bad text, with the ids p0, p1, …"""
    return [template % (number, bad) for number, bad in enumerate(BAD.values())]


@EVERY_PATH
@pytest.mark.parametrize(
    ("row", "place"),
    [
        (b'{"id": "p%d", "name": "B%b"}', "name"),
        (b'{"other": 1, "id": "p%d", "offices": [{"city": "Ulm"}, {"city": "%b"}]}', "offices[...].city"),
    ],
)
async def test_a_row_with_a_bad_text_is_rejected_alone_with_its_id(paging: Paging, row: bytes, place: str) -> None:
    page = await read(people(ADA, *rows_with(row), EVE), paging)
    wanted = [(f"p{number}", place, PROBLEM) for number in range(len(BAD))]
    assert [(one.source_id, one.field, one.problem) for one in page.rejected] == wanted
    assert page.ids == ("ada", "eve")
    assert page.rows[0].name == json.loads(b'"%b"' % GOOD)
    assert page.announced == TOTAL
    assert page.repaired == 0


@EVERY_PATH
async def test_a_row_whose_id_is_bad_is_rejected_alone_without_it(paging: Paging) -> None:
    page = await read(people(ADA, *rows_with(b'{"name": "B%d", "id": "p%b"}'), EVE), paging)
    assert [(one.source_id, one.field) for one in page.rejected] == [(None, "id")] * len(BAD)
    assert page.ids == ("ada", "eve")


@EVERY_PATH
async def test_a_bad_text_that_is_not_declared_costs_nothing_and_is_counted(paging: Paging) -> None:
    values = rows_with(b'{"id": "a%d", "other": [{"deep": ["%b"]}], "name": "Bob"}')
    keys = rows_with(b'{"id": "b%d", "%b": 1, "name": "Bob"}')
    head = b", ".join([b'"total": %d' % TOTAL, *rows_with(b'"o%d": {"a": "%b"}'), *rows_with(b'"k%d%b": 1')])
    page = await read(people(ADA, *values, *keys, EVE, head=head), paging)
    assert page.ids == ("ada", *(f"{kind}{number}" for kind in "ab" for number in range(len(BAD))), "eve")
    assert {row.name for row in page.rows[1:-1]} == {"Bob"}
    assert not page.rejected
    assert page.announced == TOTAL
    # Where values are skipped, msgspec does not look at their bytes.
    assert page.repaired > len(BAD)


@EVERY_PATH
async def test_pairs_of_surrogates_are_no_bad_texts(paging: Paging) -> None:
    page = await read(people(ADA, ADA.replace(b"ada", b"eve"), head=b'"total": 2, "%b": ["%b"]' % (GOOD, GOOD)), paging)
    assert (page.ids, page.rejected, page.repaired) == (("ada", "eve"), (), 0)


def test_a_bad_text_that_is_declared_besides_the_rows_makes_the_response_malformed() -> None:
    for bad in BAD.values():
        body = people(ADA, EVE, head=b'"total": 2, "title": "%b"' % bad)
        with pytest.raises(MalformedError, match="title is not as the API promises") as caught:
            parse_page(CALL, People, body)
        assert caught.value.message.isascii()


@EVERY_PATH
async def test_a_row_that_is_bad_in_other_ways_is_rejected_alone_too(paging: Paging) -> None:
    bad = {
        "nested too deeply": b'{"id": "bob", "name": %b}' % (b"[" * 5_000 + b"]" * 5_000),
        "more than 1000 texts are not valid": b'{"id": "bob", "other": [%b 1]}' % (b'"\n",' * 1_001),
        "expected `str | null`, got `object`": b'{"id": "bob", "name": {"not": "\n"}}',
        PROBLEM: b'{"id": "bob", "age": "\n"}',
        f"{PROBLEM}, in a row of 2000027 bytes": b'{"id": "bob", "other": "\n%b"}' % (b"x" * 2_000_000),
    }
    page = await read(people(ADA, *bad.values(), EVE), paging)
    assert [one.problem for one in page.rejected] == list(bad)
    assert page.ids == ("ada", "eve")


def test_a_response_of_bad_rows_only_is_malformed() -> None:
    with pytest.raises(MalformedError, match="more than 10000 rows are not as the API promises"):
        parse_page(CALL, People, people(*[b"{}"] * 20_000))


@pytest.mark.parametrize(
    "row",
    [
        b'{"id": "bob", "name": "\n"',
        b'{"id": "bob" "other": "\n"}',
        b'{"id": \xff}',
        b"\n\xff",
        b'{"a": "\n", "b": NaN}',
    ],
)
def test_what_is_wrong_outside_of_texts_makes_the_response_malformed(row: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_page(CALL, People, people(ADA, row, EVE))


# ---- single responses


class Unit(Wire):
    id: str
    name: str | None = None


class Company(Wire):
    name: str | None = None
    units: tuple[Unit, ...] = ()
    by_name: dict[str, Unit] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)


def test_a_row_in_a_single_response_is_rejected_alone_with_its_id() -> None:
    units = b", ".join([*rows_with(b'{"id": "u%d", "name": "%b"}'), b'{"id": "sales"}', *rows_with(b'{"id": "u%d%b"}')])
    by_name = b", ".join(rows_with(b'"k%d%b": {"id": "a"}'))
    body = b'{"name": "Acme", "other": "\n", "units": [%b], "by_name": {%b}}' % (units, by_name)
    company = parse(CALL, Company, body)
    page = Page.single(company.units)
    assert page.ids == ("sales",)
    wanted = [(f"u{number}", "name") for number in range(len(BAD))] + [(None, "id")] * len(BAD)
    assert [(one.source_id, one.field) for one in page.rejected] == wanted
    assert [one.id for one in company.by_name.values()] == ["a"] * len(BAD)


@pytest.mark.parametrize(
    ("body", "place"), [(b'{"name": "%b"}', "name"), (b'{"codes": {"%b": "u1"}}', r"codes\[...\]")], ids=["text", "key"]
)
def test_a_single_response_that_is_bad_itself_is_malformed(body: bytes, place: str) -> None:
    for bad in BAD.values():
        with pytest.raises(MalformedError, match=f"{place} is not as the API promises") as caught:
            parse(CALL, Company, body % bad)
        assert caught.value.message.isascii()


def test_no_entity_accepts_what_stands_for_a_bad_text() -> None:
    row = Unit(id="u1", name=INVALID_TEXT)
    page = Page((row,), ("u1",))
    mapped = page.map(lambda one: Employee.of(one, display_name=full_name("Ada", one.name), location_name=one.name))
    assert [(one.source_id, one.field) for one in mapped.rejected] == [("u1", "display_name")]


# ---- the repair


@given(
    st.lists(st.sampled_from([*BAD.values(), GOOD, b"u", b"d83d", b"\\", b"0", b"\xf0\x9f", b"\x98\x80"]), max_size=6)
)
def test_a_string_is_replaced_exactly_where_the_strict_parser_refuses_it(parts: list[bytes]) -> None:
    text = b'"%b"' % b"".join(parts)
    if not re.fullmatch(rb'"(?:[^"\\]|\\.)*"', text, re.DOTALL):
        return
    try:
        wanted = msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        wanted = INVALID_TEXT
    bad = wanted == INVALID_TEXT
    assert parse_repaired(text) == (wanted, bad)
    nested = b'{"a": [%b, 1, "b"], "c": %b, %b: "d", %b\n: "e"}' % (text, text, text, text)
    (value, found) = parse_repaired(nested)
    keys = {f"{INVALID_KEY}3": "d", f"{INVALID_KEY}4": "e"} if bad else {wanted: "e"}
    assert (value, found) == ({"a": [wanted, 1, "b"], "c": wanted} | keys, bad)


# ---- connectors


PATHS = {
    "namely": "/profiles",
    "bamboohr": "/reports/custom",
    "hibob": "/people/search",
    "personio": "/v1/company/employees",
}


@pytest.mark.attack(
    "A lone surrogate, a byte that is not UTF-8 or a raw newline in a declared field, at each provider",
    "That row alone is rejected, with its id",
    EMPTY,
)
@pytest.mark.parametrize("name", PATHS)
async def test_bad_texts_cost_each_connector_their_own_rows(provider: StartProvider, name: str) -> None:
    place = await provider(name)
    await place.connect()
    place.simulator.script(f"bad_texts:{PATHS[name]}")
    ids = place.simulator.ids(Employee)
    report = await place.run()
    certificate = report["Employee"].certificate
    rejected = {one.source_id for one in certificate.rejected}
    assert len(rejected) == len(certificate.rejected) >= 4
    assert (await place.people()).keys() == ids - rejected
    assert rejected < ids
    assert [one.code for one in certificate.reasons][:1] == [Code.ROWS_REJECTED]


@pytest.mark.attack("The same in a key that is not declared", "Every row is read, and the certificate notes it", EMPTY)
@pytest.mark.parametrize("name", PATHS)
async def test_bad_texts_in_other_keys_cost_a_connector_nothing_and_are_noted(
    provider: StartProvider, name: str
) -> None:
    place = await provider(name)
    await place.connect()
    place.simulator.script(f"bad_extras:{PATHS[name]}")
    report = await place.run()
    assert report.verdict is Verdict.COMPLETE
    assert [one.code for one in report["Employee"].certificate.notes] == [Code.TEXTS_INVALID]
    assert len(await place.people()) == 60


def with_bad_name(answer: Any) -> Any:
    """Spoil the name of the first department, and of an item of another list."""
    for one in answer if isinstance(answer, list) else [answer]:
        for key in ("items", "values", "options"):
            if one.get(key):
                one[key][0] |= {"name": "Sales\ud83d", "value": "Sales\ud83d"}
    return answer


@pytest.mark.parametrize(("name", "lists"), [("bamboohr", "_lists"), ("hibob", "_list")])
async def test_a_department_with_a_bad_name_is_rejected_alone_with_its_id(
    provider: StartProvider, name: str, lists: str
) -> None:
    place = await provider(name)
    await place.connect()
    await place.run()
    before, people = await place.departments(), await place.people()
    real = getattr(place.simulator, lists)
    setattr(place.simulator, lists, lambda: with_bad_name(real()))
    report = await place.run()
    (rejected,) = report["Department"].certificate.rejected
    assert (rejected.source_id in before, rejected.problem) == (True, PROBLEM)
    assert await place.departments() == before
    assert report["Employee"].certificate.complete
    # Those of the bad department keep the stored one.
    assert await place.people() == people


async def test_a_token_is_read_though_a_text_beside_it_is_bad(provider: StartProvider) -> None:
    personio = await provider("personio")
    real = personio.simulator._auth

    def spoiled(request: web.Request) -> Answer:
        answer: Answer = real(request)
        assert b'"employees:read"' in answer.body
        return replace(answer, body=answer.body.replace(b"employees:read", b"\xff\n"))

    personio.simulator._auth = spoiled
    await personio.connect()
    assert (await personio.run()).verdict is Verdict.COMPLETE

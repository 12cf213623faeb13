"""Failed requests become errors that name the request and tell whose fault it is, without any of its content."""

import asyncio
import gzip
import ssl
import time
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses

from connector_core import (
    Call,
    ConnectorCoreError,
    ForbiddenError,
    InsecureError,
    MalformedError,
    NotFoundError,
    Page,
    Paging,
    ProtocolError,
    ProviderError,
    RejectedCredentialsError,
    SecretStr,
    SinglePage,
    Streamed,
    ThrottledError,
    UnavailableError,
    Wire,
)
from connector_core.discovery.connector_errors import connector_errors
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.quotas import Quotas
from connector_core.http.request import Request
from connector_core.http.responses import raise_for_status, retry_after
from connector_core.secrecy import hiding
from connector_core.settings import HostSettings, HttpSettings
from connector_core.testing import serve
from planted import unchecked
from planted.example import Example, ExampleCredentials, People, Person
from planted.simulator import ExampleSimulator
from planted.unchecked import Fields
from world import reached

MANIFEST = unchecked.MANIFEST.model_copy(update={"throttled_by": frozenset({406, 429})})


class Scripted(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not know the writer that aiohttp 3.14 asks for."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        writer: Any = SimpleNamespace(output_size=0)
        super().__init__(*arguments, stream_writer=writer, **named)


# ---- statuses


@pytest.mark.parametrize(
    ("status", "content_type", "error"),
    [
        (401, "application/json", RejectedCredentialsError),
        (403, "application/json", ForbiddenError),
        (404, "application/json", NotFoundError),
        (406, "application/json", ThrottledError),
        (410, "application/json", NotFoundError),
        (422, "application/json", ProtocolError),
        (429, "text/html", ThrottledError),
        (500, "application/json", UnavailableError),
        (502, "text/html", UnavailableError),
        (504, "text/html", UnavailableError),
        (200, "text/html", ProtocolError),
        (302, "text/html", ProtocolError),
    ],
)
async def test_a_status_becomes_the_error_of_whose_fault_it_is(
    status: int, content_type: str, error: type[ConnectorCoreError]
) -> None:
    settings = HttpSettings(tries=1, throttle_tries=1)
    credentials = Fields(domain="acme.example.com", token=SecretStr("canary-token"))
    async with aiohttp.ClientSession() as session:
        api = HttpApi(
            session,
            tls_context(),
            MANIFEST.reached_with(credentials),
            credentials,
            settings=settings,
            quotas=Quotas(()),
        )
        with aioresponses() as scripted:
            scripted.get(
                "https://acme.example.com/api/people",
                status=status,
                body="<html>canary-person</html>",
                content_type=content_type,
                headers={"Location": "/users/login"},
                response_class=Scripted,
            )
            with pytest.raises(error) as caught:
                await api.get("/people", Wire)
    assert type(caught.value) is error
    assert "canary" not in str(caught.value) + caught.value.hint
    if isinstance(caught.value, ProviderError):
        assert caught.value.call == Call("GET", "/people")


@pytest.mark.parametrize(
    ("status", "headers", "error", "message", "said"),
    [
        (404, {"X-Why": "No employee of that number"}, NotFoundError, "404, not found", "No employee of that number"),
        (404, {}, ProtocolError, "404", ""),
        (403, {"X-Why": "No"}, ForbiddenError, "403, forbidden", "No"),
        (400, {"X-Why": "bad\nfield\x1b[31m"}, ProtocolError, "400", "bad field[31m"),
        (302, {"X-Why": "Moved"}, ProtocolError, "so it is not the API", "Moved"),
        (503, {"Retry-After": "3", "X-Why": "Wait"}, ThrottledError, "too many requests", "Wait"),
        (503, {"X-Why": "Down"}, UnavailableError, "503", "Down"),
        (429, {}, ThrottledError, "too many requests", ""),
    ],
)
def test_a_reason_in_a_header_is_kept_apart_and_a_server_that_is_down_does_not_throttle(
    status: int, headers: dict[str, str], error: type[ProviderError], message: str, said: str
) -> None:
    manifest = MANIFEST.model_copy(update={"reason_header": "X-Why", "throttled_by": frozenset({429, 503})})
    with pytest.raises(error) as caught:
        raise_for_status(manifest, Request(Call("GET", "/people/7")), status, headers)
    assert caught.value.message.endswith(message)
    assert caught.value.said == said
    assert caught.value.path == "/people/7"


def test_the_providers_words_come_without_secrets_and_cut() -> None:
    manifest = MANIFEST.model_copy(update={"reason_header": "X-Why"})
    pair = b64encode(b"canary-key:x").decode()
    headers = {"X-Why": f"The key canary-key (canary\x00-key, {pair}) {'is wrong ' * 100}"}
    with hiding([SecretStr("canary-key"), SecretStr(pair)]), pytest.raises(ProtocolError) as caught:
        raise_for_status(manifest, Request(Call("GET", "/people")), 400, headers)
    assert caught.value.said.startswith("The key [secret] ([secret], [secret]) is wrong")
    assert len(caught.value.said) == 200
    assert "wrong" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.hint


def test_what_a_connector_says_in_an_error_is_edited_where_the_host_takes_over() -> None:
    connector: Any = SimpleNamespace(manifest=MANIFEST)
    call = Call("GET", "/canary-key/people")
    with hiding([SecretStr("canary-key")]), pytest.raises(ProtocolError) as caught, connector_errors(connector):
        raise ProtocolError("canary-key\nis " + "odd" * 1000, call=call, hint="Not canary-key", said="No canary-key!")
    error = caught.value
    assert error.message.startswith("GET /[secret]/people: [secret]is odd")
    assert len(error.message) == len(str(error)) == 1000
    assert (error.hint, error.said, error.path) == ("Not [secret]", "No [secret]!", "/[secret]/people")


def test_a_good_status_that_the_manifest_calls_a_throttle_is_one() -> None:
    manifest = MANIFEST.model_copy(update={"throttled_by": frozenset({202})})
    request, headers = Request(Call("GET", "/people")), {"Content-Type": "application/json"}
    raise_for_status(manifest, request, 200, headers)
    with pytest.raises(ThrottledError):
        raise_for_status(manifest, request, 202, headers)


# ---- waits that the provider asks for


NOON = "Wed, 21 Oct 2015 12:00:00 GMT"
NOON_IN_SECONDS = 1445428800


def test_retry_after_is_read_in_both_forms_and_never_guessed() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"Retry-After": "120"}) == 120
    assert 85 < (retry_after({"Retry-After": soon}) or 0) <= 90
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({"Retry-After": "-5"}) is None
    assert retry_after({"Retry-After": "9" * 400}) == retry_after({"Retry-After": "999999999999"}) == 365 * 86_400
    assert retry_after({"Retry-After": f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-Rate-Limit-Reset": "30"}, 30),
        ({"RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1445412480"}, 0),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "9" * 400}, None),
        ({"Retry-After": "5", "X-RateLimit-Reset": "30"}, 5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "0", "X-RateLimit-Reset": "30"}, 30),
        ({"X-Own": "40"}, 40),
        ({"X-Own": "40", "X-RateLimit-Reset": "30"}, 40),
        ({"X-Other": "40"}, None),
    ],
)
def test_the_time_of_a_reset_is_read_where_there_is_no_retry_after(
    headers: dict[str, str], wanted: float | None
) -> None:
    assert retry_after(headers, "X-Own") == wanted


def test_a_reset_may_be_a_time_of_the_epoch() -> None:
    assert 38 < (retry_after({"X-RateLimit-Reset": str(int(time.time()) + 40)}) or 0) <= 40


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"Retry-After": "Wed, 21 Oct 2015 12:00:30 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 12:00:30 -0000"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 11:59:58 GMT"}, 0),
        ({"Retry-After": str(NOON_IN_SECONDS + 30)}, 30),
        ({"X-Own": str(NOON_IN_SECONDS + 30)}, 30),
        ({"X-RateLimit-Reset": str(NOON_IN_SECONDS - 2)}, 0),
    ],
)
def test_a_time_is_compared_with_the_responses_own_date_and_not_with_our_clock(
    headers: dict[str, str], wanted: float
) -> None:
    assert retry_after({**headers, "Date": NOON}, "X-Own") == wanted


@pytest.mark.parametrize("date", ["", "soon", "Wed, 99 Oct 2015 12:00:00 GMT"])
def test_without_a_valid_date_a_time_is_compared_with_our_clock(date: str) -> None:
    headers = {"X-RateLimit-Reset": str(int(time.time()) + 40), "Date": date}
    assert 38 < (retry_after(headers) or 0) <= 40


@pytest.mark.parametrize(("seconds", "wanted"), [(None, None), (0, None), (-2.5, None), (float("nan"), None), (7, 7)])
def test_a_throttle_that_names_no_time_ahead_does_not_say_how_long_to_wait(
    seconds: float | None, wanted: float | None
) -> None:
    assert ThrottledError("", call=None, retry_after=seconds).retry_after == wanted


def test_a_server_that_is_down_and_says_zero_seconds_throttles() -> None:
    manifest = MANIFEST.model_copy(update={"throttled_by": frozenset({503})})
    with pytest.raises(ThrottledError) as caught:
        raise_for_status(manifest, Request(Call("GET", "/people")), 503, {"Retry-After": "0"})
    assert caught.value.retry_after is None


# ---- the request that an error names


def test_an_error_begins_with_the_request_and_names_its_method_and_path() -> None:
    error = ProviderError("it is down", call=Call("POST", "/people"), hint="Wait.")
    assert (error.message, str(error)) == ("POST /people: it is down",) * 2
    assert (error.method, error.path, error.hint) == ("POST", "/people", "Wait.")


def test_an_error_of_several_requests_names_none() -> None:
    error = ForbiddenError("nothing may be read", call=None)
    assert (error.message, error.method, error.path) == ("nothing may be read", "", "")


Script = Callable[[web.Request], Awaitable[web.StreamResponse]]
JSON = {"Content-Type": "application/json"}
LIMIT = 100_000
"""Bytes of a response, or of a row where it is streamed."""


class Answering(ExampleSimulator):
    """Answers every request by a script."""

    def __init__(self, script: Script) -> None:
        super().__init__(1, 1)
        self._script = script

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self._script(request)


def status(number: int, content_type: str = "application/json", text: bytes = b"{}") -> Script:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=number, body=text, content_type=content_type)

    return answer


def body(content: bytes, encoding: str = "identity") -> Script:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={**JSON, "Content-Encoding": encoding})

    return answer


async def broken_off(request: web.Request) -> web.StreamResponse:
    begun = web.StreamResponse(headers={**JSON, "Content-Length": "1000"})
    await begun.prepare(request)
    await begun.write(b'{"people": [')
    assert request.transport
    request.transport.abort()
    return begun


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


async def silent_in_the_middle(request: web.Request) -> web.StreamResponse:
    begun = web.StreamResponse(headers=JSON)
    await begun.prepare(request)
    await begun.write(b'{"people": [')
    await asyncio.sleep(3600)
    return begun


HUGE = b'{"total": 1, "people": [{"id": "p1", "active": true, "name": "' + b"x" * 20 * LIMIT + b'"}]}'
FAILURES: dict[str, tuple[Script, type[ProviderError]]] = {
    "throttled": (status(429), ThrottledError),
    "forbidden": (status(403), ForbiddenError),
    "not found": (status(404), NotFoundError),
    "down": (status(500), UnavailableError),
    "bad gateway": (status(502), UnavailableError),
    "redirect": (status(302), ProtocolError),
    "bad request": (status(400), ProtocolError),
    "not the API": (status(200, "text/html", b"<!DOCTYPE html>"), ProtocolError),
    "not JSON": (body(b"{"), MalformedError),
    "another shape": (body(b'{"people": 1}'), MalformedError),
    "another type": (body(b'{"total": [], "people": []}'), MalformedError),
    "not UTF-8": (body(b'{"total": 1, "peo\xffple": []}'), MalformedError),
    "nested too deeply": (body(b'{"total": 1, "people": ' + b"[" * 10_000), MalformedError),
    "too large": (body(HUGE), ProtocolError),
    "inflates to too much": (body(gzip.compress(HUGE), "gzip"), ProtocolError),
    "not gzip": (body(b"{}", "gzip"), UnavailableError),
    "gzip broken off": (body(gzip.compress(b'{"people": []}')[:-4], "gzip"), UnavailableError),
    "gzip of too many members": (body(gzip.compress(b"") * 10_001, "gzip"), UnavailableError),
    "another encoding": (body(b"{}", "br"), UnavailableError),
    "broken off": (broken_off, UnavailableError),
    "reset": (reset, UnavailableError),
    "silent": (silent, UnavailableError),
    "silent in the middle": (silent_in_the_middle, UnavailableError),
}


async def listed(api: HttpApi, paging: Paging) -> list[Page[Person]]:
    return [page async for page in api.pages("/people", People, paging=paging, body={"secret": "canary"})]


@asynccontextmanager
async def answering(script: Script) -> AsyncIterator[HttpApi]:
    simulator = Answering(script)
    credentials = ExampleCredentials.parse(simulator.credentials)
    settings: dict[str, Any] = {"tries": 1, "throttle_tries": 1, "page_timeout": 30, "largest_answer": LIMIT}
    async with reached(simulator, Example.manifest, credentials, **settings) as api:
        yield api


@pytest.mark.jumping
@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_every_error_of_a_post_names_it(failure: str, paging: Paging) -> None:
    script, error = FAILURES[failure]
    async with answering(script) as api:
        with pytest.raises(error) as caught:
            await listed(api, paging)
    assert type(caught.value) is error
    assert (caught.value.method, caught.value.path) == ("POST", "/people")
    assert caught.value.message.startswith("POST /people: ")
    assert caught.value.message.count("/people") == 1
    assert "canary" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("paging", [SinglePage(), Streamed()], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("hosts", "port", "error"),
    [
        ("*.example.org", None, ProtocolError),
        ("*.hr.example", 9, UnavailableError),
        ("*.hr.example", None, InsecureError),
    ],
    ids=["a host that is not allowed", "a port that does not answer", "a certificate that is not trusted"],
)
async def test_every_error_before_a_post_is_sent_names_it_too(
    hosts: str, port: int | None, error: type[ProviderError], paging: Paging
) -> None:
    simulator = ExampleSimulator(1, 1)
    credentials = ExampleCredentials.parse(simulator.credentials)
    manifest = Example.manifest.model_copy(update={"hosts": (hosts,)})
    async with serve(simulator) as served:
        host = HostSettings(resolve={simulator.host: f"127.0.0.1:{port or served.port}"}, http=HttpSettings(tries=1))
        async with open_session(host.endpoints()) as session:
            tls = ssl.create_default_context()
            api = HttpApi(
                session, tls, manifest.reached_with(credentials), credentials, settings=host.http, quotas=Quotas(())
            )
            with pytest.raises(error) as caught:
                await listed(api, paging)
    assert type(caught.value) is error
    assert caught.value.call == Call("POST", "/people")

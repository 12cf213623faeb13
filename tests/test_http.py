"""The polite client, against a real server over real TLS; scripted answers only where a table of them is the point."""

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses
from pydantic import ValidationError

from connector_core import (
    Bearer,
    Category,
    ConnectorCoreError,
    Credentials,
    ForbiddenError,
    InsecureError,
    Manifest,
    NotFoundError,
    PageNumber,
    ProtocolError,
    ProviderError,
    RateLimit,
    RejectedCredentialsError,
    SecretStr,
    ThrottledError,
    UnavailableError,
    Verdict,
    Wire,
)
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.answers import judge, retry_after
from connector_core.http.call import Call
from connector_core.http.limits import Limits
from connector_core.settings import HttpSettings
from connector_core.testing import Answer, Faults
from connectors.namely.simulator import NamelySimulator
from connectors.namely.wire import Profiles
from world import Place, Start


class Fields(Credentials):
    domain: str
    token: SecretStr


MANIFEST = Manifest(
    name="example",
    title="Example",
    description="For tests.",
    category=Category.HRIS,
    authentication="API",
    hosts=("*.example.com",),
    base_url="https://{domain}/api",
    auth=Bearer("token"),
    throttled_by=frozenset({406, 429}),
)


class Scripted(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not know the writer that aiohttp 3.14 asks for."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        writer: Any = SimpleNamespace(output_size=0)
        super().__init__(*arguments, stream_writer=writer, **named)


def api(session: aiohttp.ClientSession, domain: str = "acme.example.com", **http: Any) -> HttpApi:
    settings = HttpSettings(**{"tries": 1, "throttle_tries": 1, "first_wait": 0.01, **http})
    credentials = Fields(domain=domain, token=SecretStr("canary-token"))
    return HttpApi(session, tls_context(), MANIFEST, credentials, settings=settings, limits=Limits(()))


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
async def test_every_answer_becomes_the_error_of_whose_fault_it_is(
    status: int, content_type: str, error: type[ConnectorCoreError]
) -> None:
    async with aiohttp.ClientSession() as session:
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
                await api(session).get("/people", Wire)
    assert "canary" not in str(caught.value) + caught.value.hint
    assert not isinstance(caught.value, aiohttp.ClientError)


@pytest.mark.parametrize(
    "host", ["evil.com", "example.com", "a.b.example.com", "acme.example.com.evil.com", "acme.example.com@evil.com"]
)
async def test_only_the_hosts_of_the_manifest_are_reached(host: str) -> None:
    async with aiohttp.ClientSession() as session:
        with aioresponses() as scripted, pytest.raises(ProtocolError, match="is not a host of this connector"):
            await api(session, host).get("/people", Wire)
        assert scripted.requests == {}


@pytest.mark.parametrize("fault", ["500@2x2", "502@2", "503@2", "504@2", "reset@2x2", "truncate@2", "408@2"])
async def test_a_passing_fault_is_retried_and_loses_nobody(namely: Start, fault: str) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults(fault + ":/profiles")
    report = await place.host.run("acme")
    assert report.verdict is Verdict.COMPLETE
    assert place.simulator.faults.fired
    # aiohttp itself asks once more when a kept connection was cut before the answer began.
    assert report.traffic.retries == len(place.simulator.faults.fired) - fault.startswith("reset")
    assert len(place.people()) == 120


@pytest.mark.parametrize(
    "fault", ["500:/profiles", "reset:/profiles", "html:/profiles", "garbage:/profiles", "422:/profiles"]
)
async def test_a_lasting_fault_ends_the_kind_with_its_reason(namely: Start, fault: str) -> None:
    place = await namely()
    await place.connect()
    place.simulator.faults = Faults(fault.replace(":", "@2x99:"))
    report = await place.host.run("acme")
    assert report.verdict is Verdict.INCOMPLETE
    assert "/profiles" in report.certificates[0].reasons[0]


async def test_a_server_that_never_answers_is_cut_off(namely: Start) -> None:
    place = await namely(http={"page_timeout": 0.3, "tries": 1})
    await place.connect()
    place.simulator.faults = Faults("stall@2x9:/profiles")
    started = time.monotonic()
    report = await place.host.run("acme", kinds=["employees"])
    assert "did not answer in time" in report.certificates[0].reasons[0]
    assert time.monotonic() - started < 3


async def test_an_answer_that_is_too_large_is_cut_off(namely: Start) -> None:
    place = await namely(http={"largest_answer": 1000})
    with pytest.raises(ProtocolError, match="more than 1000 bytes"):
        await place.connect()


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_throttle_is_waited_out_as_long_as_it_asks_and_never_less(namely: Start, form: str) -> None:
    place = await namely(quota=2, window=1, retry_after=form, http={"at_once": 1})
    asked: list[float] = []
    throttled: list[float] = []
    answer = place.simulator.answer

    def watch(request: web.Request) -> Answer:
        given = answer(request)
        if request.path == "/api/v1/profiles":
            (throttled if given.status == 406 else asked).append(time.monotonic())
        return given

    place.simulator.answer = watch  # type: ignore[method-assign]
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == len(throttled) > 0
    for moment in throttled:
        following = min(one for one in [*asked, *throttled] if one > moment)
        # A date has whole seconds, so it may ask for up to one second less than it means.
        assert following - moment >= (1.0 if form == "seconds" else 0.05)


async def test_a_throttle_that_says_nothing_is_waited_out_too(namely: Start) -> None:
    place = await namely(quota=2, window=0.3, http={"throttle_wait": 0.2, "throttle_tries": 9})
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled > 0


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


async def test_no_window_ever_holds_more_requests_than_the_limit() -> None:
    limits = Limits([RateLimit("/people", requests=5, per=0.3)])
    moments: list[float] = []

    async def ask() -> None:
        await limits.wait("/people")
        moments.append(time.monotonic())

    await asyncio.gather(*(ask() for _ in range(18)))
    moments.sort()
    # And 50 ms more: the one before may have reached the provider late.
    assert min(later - earlier for earlier, later in zip(moments, moments[5:], strict=False)) >= 0.35


async def test_a_limit_covers_its_path_and_what_lies_below_it_only() -> None:
    limits = Limits([RateLimit("/people", requests=1, per=60)])
    await limits.wait("/people")
    await asyncio.wait_for(limits.wait("/people_of_note"), 0.1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(limits.wait("/people/1"), 0.1)


async def test_an_untrusted_certificate_is_refused_with_what_to_do(
    namely: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = await namely()
    empty = tmp_path / "nobody.pem"
    empty.write_text("")
    monkeypatch.delenv("SSL_CERT_FILE")
    async with Host(place.settings) as host:
        with pytest.raises(InsecureError, match="not trusted") as caught:
            await host.connect("namely", "acme", place.simulator.credentials)
    assert "SSL_CERT_FILE" in caught.value.hint


async def test_a_session_that_trusts_everybody_is_not_obeyed(namely: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await namely()
    monkeypatch.delenv("SSL_CERT_FILE")
    careless = open_session(place.settings.host.endpoints())
    careless.connector._ssl = False  # type: ignore[union-attr]
    async with careless, Host(place.settings, session=careless) as host:
        with pytest.raises(InsecureError, match="not trusted"):
            await host.connect("namely", "acme", place.simulator.credentials)


async def test_the_callers_session_is_used_and_stays_open(namely: Start) -> None:
    place = await namely()
    async with open_session(place.settings.host.endpoints()) as session:
        async with Host(place.settings, session=session) as host:
            await host.connect("namely", "acme", place.simulator.credentials)
        assert not session.closed


async def test_a_host_that_does_not_answer_is_named(namely: Start) -> None:
    place = await namely(http={"tries": 1})
    settings = place.settings.model_copy(
        update={"host": place.settings.host.model_copy(update={"resolve": {"acme.namely.com": "127.0.0.1:9"}})}
    )
    async with Host(settings) as host:
        with pytest.raises(UnavailableError, match=r"Namely \(acme\.namely\.com\) cannot be reached"):
            await host.connect("namely", "acme", place.simulator.credentials)


class Ill(NamelySimulator):
    """Answers the second page of people with a body of the test's choosing."""

    body = b""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if request.path == "/api/v1/profiles" and request.query.get("page") == "2":
            return Answer(200, self.body or answer.body.replace(b'"id": "', b'"id": "" , "was": "', 1), answer.headers)
        return answer


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b'{"profiles": null}', b'{"people": []}', b'{"profiles": {}}'])
async def test_an_answer_of_another_shape_is_never_an_empty_page(namely: Start, body: bytes) -> None:
    place = await namely(120, simulator=Ill)
    await place.connect()
    place.simulator.body = body  # type: ignore[attr-defined]
    report = await place.host.run("acme", kinds=["employees"])
    assert not report.certificates[0].complete
    assert "not as the API promises" in report.certificates[0].reasons[0]
    assert len(place.people()) == 50


async def test_a_row_that_does_not_validate_is_counted_alone_and_named_without_its_content(namely: Start) -> None:
    place = await namely(120, simulator=Ill)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    found = report.certificates[0]
    assert not found.complete
    assert [(one.field, one.problem) for one in found.rejected] == [("id", "expected `str` of length >= 1")]
    assert len(place.people()) == 119


async def test_a_server_that_repeats_a_page_is_noticed_and_left(namely: Start) -> None:
    class Stuck(NamelySimulator):
        def answer(self, request: web.Request) -> Answer:
            if request.path == "/api/v1/profiles":
                request = request.clone(rel_url=request.rel_url.update_query(page="1"))
            return super().answer(request)

    place = await namely(120, simulator=Stuck)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.certificates[0].reasons[0] == "page 2 repeats earlier pages"
    assert report.traffic.requests < 15


async def test_a_server_that_clamps_the_page_size_loses_nobody(namely: Start) -> None:
    place = await namely(60, page_size=20)
    await place.connect()
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE
    assert len(place.people()) == 60


async def test_a_body_becomes_pages_with_ids_and_the_total(namely: Start) -> None:
    place: Place = await namely(60)
    async with open_session(place.settings.host.endpoints()) as session:
        credentials = Fields(domain=place.simulator.host, token=SecretStr(place.tenant.token))
        manifest = MANIFEST.model_copy(update={"hosts": ("*.namely.com",), "base_url": "https://{domain}/api/v1"})
        client = HttpApi(session, tls_context(), manifest, credentials, settings=HttpSettings(), limits=Limits(()))
        pages = [page async for page in client.pages("/profiles", Profiles, paging=PageNumber(size=50))]
    assert [len(page.rows) for page in pages] == [50, 10, 0]
    assert [page.place.last for page in pages] == [False, False, True]
    assert {page.announced for page in pages} == {60}
    assert [one.id for one in place.tenant.people] == [one for page in pages for one in page.ids]


def test_tls_is_always_verified() -> None:
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_http_settings_refuse_nonsense() -> None:
    with pytest.raises(ValidationError):
        HttpSettings(tries=0)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1445412480"}, 0),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "9" * 400}, None),
        ({"Retry-After": "5", "X-RateLimit-Reset": "30"}, 5),
    ],
)
def test_the_moment_of_a_reset_is_read_where_there_is_no_retry_after(
    headers: dict[str, str], wanted: float | None
) -> None:
    assert retry_after(headers) == wanted


def test_a_reset_may_be_a_second_of_the_epoch() -> None:
    assert 38 < (retry_after({"X-RateLimit-Reset": str(int(time.time()) + 40)}) or 0) <= 40


@pytest.mark.parametrize(
    ("status", "headers", "error", "said"),
    [
        (404, {"X-Why": "Nobody of that number"}, NotFoundError, "404 (Nobody of that number), not found"),
        (404, {}, ProtocolError, "404"),
        (400, {"X-Why": "bad\nfield\x1b[31m"}, ProtocolError, "400 (badfield[31m)"),
        (503, {"Retry-After": "3"}, ThrottledError, "too many requests"),
        (503, {}, UnavailableError, "503"),
        (429, {}, ThrottledError, "too many requests"),
    ],
)
def test_a_reason_in_a_header_is_told_and_a_server_that_is_down_is_no_throttle(
    status: int, headers: dict[str, str], error: type[ProviderError], said: str
) -> None:
    manifest = MANIFEST.model_copy(update={"reason_header": "X-Why", "throttled_by": frozenset({429, 503})})
    with pytest.raises(error) as caught:
        judge(manifest, Call("GET", "/people/7"), status, headers)
    assert caught.value.message.endswith(said)
    assert caught.value.path == "/people/7"

"""The HTTP client against a real server over real TLS: what it reaches, retries, waits out and delivers."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses
from pydantic import ValidationError

from connector_core import (
    InsecureError,
    PageNumber,
    ProtocolError,
    SecretStr,
    UnavailableError,
    Verdict,
    Wire,
)
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.quotas import Quotas
from connector_core.reasons import Code, Reason
from connector_core.sdk.position import Position
from connector_core.settings import HttpSettings
from connector_core.testing import Answer, Faults
from connectors.namely.simulator import NamelySimulator
from connectors.namely.wire import Profiles
from planted.example import Example, ExampleCredentials, Owner, People
from planted.simulator import ExampleSimulator
from planted.unchecked import MANIFEST, Fields
from world import Start, reached


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- what is reached


@pytest.mark.parametrize(
    "host", ["evil.com", "example.com", "a.b.example.com", "acme.example.com.evil.com", "acme.example.com@evil.com"]
)
async def test_only_the_hosts_of_the_manifest_are_reached(host: str) -> None:
    credentials = Fields(domain=host, token=SecretStr("canary-token"))
    async with aiohttp.ClientSession() as session:
        api = HttpApi(
            session,
            tls_context(),
            MANIFEST.reached_with(credentials),
            credentials,
            settings=HttpSettings(tries=1),
            quotas=Quotas(()),
        )
        with aioresponses() as scripted, pytest.raises(ProtocolError, match="is not a host of this connector"):
            await api.get("/people", Wire)
        assert scripted.requests == {}


async def test_an_untrusted_certificate_is_refused_with_what_to_do(
    namely: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = await namely()
    empty = tmp_path / "nobody.pem"
    empty.write_text("")
    monkeypatch.delenv("SSL_CERT_FILE")
    async with Host(place.settings) as host:
        with pytest.raises(InsecureError) as caught:
            await host.connect("namely", "acme", place.simulator.credentials)
    assert "SSL_CERT_FILE" in caught.value.hint


async def test_tls_is_verified_also_with_a_session_that_does_not_verify(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await namely()
    monkeypatch.delenv("SSL_CERT_FILE")
    careless = open_session(place.settings.host.endpoints())
    careless.connector._ssl = False  # type: ignore[union-attr]
    async with careless, Host(place.settings, session=careless) as host:
        with pytest.raises(InsecureError):
            await host.connect("namely", "acme", place.simulator.credentials)


def test_the_tls_context_verifies_certificate_and_host_name() -> None:
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_the_callers_session_is_used_and_stays_open(namely: Start) -> None:
    place = await namely()
    async with open_session(place.settings.host.endpoints()) as session:
        async with Host(place.settings, session=session) as host:
            await host.connect("namely", "acme", place.simulator.credentials)
        assert not session.closed


async def test_a_host_that_cannot_be_reached_is_named(namely: Start) -> None:
    place = await namely(http={"tries": 1})
    settings = place.settings.model_copy(
        update={"host": place.settings.host.model_copy(update={"resolve": {"acme.namely.com": "127.0.0.1:9"}})}
    )
    async with Host(settings) as host:
        with pytest.raises(UnavailableError, match=r"Namely \(acme\.namely\.com\) cannot be reached"):
            await host.connect("namely", "acme", place.simulator.credentials)


def test_http_settings_refuse_nonsense() -> None:
    with pytest.raises(ValidationError):
        HttpSettings(tries=0)


# ---- retries, time limits and throttles


@pytest.mark.parametrize("fault", ["500@2x2", "502@2", "503@2", "504@2", "reset@2x2", "truncate@2", "408@2"])
async def test_a_fault_that_passes_is_retried_and_loses_no_row(namely: Start, fault: str) -> None:
    place = await namely(120)
    await place.connect()
    place.simulator.faults = Faults(fault + ":/profiles")
    report = await place.host.run("acme")
    assert report.verdict is Verdict.COMPLETE
    assert place.simulator.faults.fired
    # aiohttp itself asks once more when a kept connection was cut before the answer began.
    assert report.traffic.retries == len(place.simulator.faults.fired) - fault.startswith("reset")
    assert len(await place.people()) == 120


@pytest.mark.parametrize(
    "fault", ["500:/profiles", "reset:/profiles", "html:/profiles", "garbage:/profiles", "422:/profiles"]
)
async def test_a_fault_that_lasts_ends_the_kind_with_its_reason(namely: Start, fault: str) -> None:
    place = await namely()
    await place.connect()
    place.simulator.faults = Faults(fault.replace(":", "@2x99:"))
    report = await place.host.run("acme")
    assert report.verdict is Verdict.INCOMPLETE
    assert report["Employee"].certificate.reasons[0]["request"] == "GET /profiles"


@pytest.mark.jumping
@pytest.mark.parametrize("fault", ["stall", "drip", "headers"])
async def test_a_server_that_does_not_answer_in_time_is_given_up(fault: str) -> None:
    simulator = ExampleSimulator(60, 1)
    simulator.script(fault)
    credentials = ExampleCredentials.parse(simulator.credentials)
    async with reached(simulator, Example.manifest, credentials, page_timeout=5, tries=1) as api:
        with pytest.raises(UnavailableError, match="did not answer in time"):
            await api.get("/me", Owner)
        assert now() == pytest.approx(5, abs=0.1)


async def test_a_response_that_is_too_large_is_given_up(namely: Start) -> None:
    place = await namely(http={"largest_answer": 1000})
    with pytest.raises(ProtocolError, match="more than 1000 bytes"):
        await place.connect()


async def test_a_header_of_more_than_eight_kibibytes_is_read(namely: Start) -> None:
    place = await namely(120, connected=True)
    place.simulator.script("long_header")
    assert (await place.run()).verdict is Verdict.COMPLETE


async def test_a_header_that_exceeds_our_limit_is_told_plainly_and_not_requested_again(namely: Start) -> None:
    place = await namely(connected=True)
    place.simulator.script("huge_header:/profiles/me")
    with pytest.raises(ProtocolError) as caught:
        await place.connect()
    wanted = "GET /profiles/me: Namely sent a header of more than 65536 bytes in a response"
    assert caught.value.message == wanted
    assert len(place.simulator.faults.fired) == 1


@pytest.mark.jumping
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_throttle_is_waited_out_as_long_as_it_asks_and_never_less(namely: Start, form: str) -> None:
    place = await namely(quota=2, window=20, retry_after=form, http={"at_once": 1})
    asked: list[float] = []
    throttled: list[float] = []
    answer = place.simulator.answer

    def watch(request: web.Request) -> Answer:
        given = answer(request)
        if request.path == "/api/v1/profiles":
            (throttled if given.status == 406 else asked).append(now())
        return given

    place.simulator.answer = watch  # type: ignore[method-assign]
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled == len(throttled) > 0
    for moment in throttled:
        allowed = min(one for one in asked if one > moment - 20) + 20
        following = min(one for one in [*asked, *throttled] if one > moment)
        # A date has whole seconds, so it may ask for up to one second less than it means.
        assert following >= allowed - (0.0 if form == "seconds" else 1.0)


@pytest.mark.jumping
async def test_a_throttle_that_does_not_say_for_how_long_is_waited_out_too(namely: Start) -> None:
    place = await namely(quota=2, window=20, http={"throttle_wait": 10, "throttle_tries": 9})
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report.verdict is Verdict.COMPLETE
    assert report.traffic.throttled > 0


# ---- pages


class Ill(NamelySimulator):
    """Answers the second page of people with a body of the test's choosing."""

    body = b""

    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if request.path == "/api/v1/profiles" and request.query.get("page") == "2":
            return Answer(200, self.body or answer.body.replace(b'"id": "', b'"id": "" , "was": "', 1), answer.headers)
        return answer


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b'{"profiles": null}', b'{"people": []}', b'{"profiles": {}}'])
async def test_a_response_of_another_shape_is_never_an_empty_page(namely: Start, body: bytes) -> None:
    place = await namely(120, simulator=Ill)
    await place.connect()
    place.simulator.body = body  # type: ignore[attr-defined]
    report = await place.host.run("acme", kinds=["employees"])
    assert not report["Employee"].certificate.complete
    assert report["Employee"].certificate.reasons[0]["error"] == "provider_malformed"
    assert len(await place.people()) == 50


async def test_a_row_that_does_not_validate_is_rejected_alone_and_named_without_its_content(namely: Start) -> None:
    place = await namely(120, simulator=Ill)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    found = report["Employee"].certificate
    assert not found.complete
    assert [(one.field, one.problem) for one in found.rejected] == [("id", "expected `str` of length >= 1")]
    assert len(await place.people()) == 119


async def test_a_server_that_repeats_a_page_is_noticed_and_left(namely: Start) -> None:
    class Stuck(NamelySimulator):
        def answer(self, request: web.Request) -> Answer:
            if request.path == "/api/v1/profiles":
                request = request.clone(rel_url=request.rel_url.update_query(page="1"))
            return super().answer(request)

    place = await namely(120, simulator=Stuck)
    await place.connect()
    report = await place.host.run("acme", kinds=["employees"])
    assert report["Employee"].certificate.reasons[0] == Reason(Code.PAGE_REPEATED, page=2)
    assert report.traffic.requests < 15


async def test_a_server_that_limits_the_page_size_loses_no_row(namely: Start) -> None:
    place = await namely(60, page_size=20)
    await place.connect()
    assert (await place.host.run("acme")).verdict is Verdict.COMPLETE
    assert len(await place.people()) == 60


async def test_a_listing_becomes_pages_with_ids_the_total_and_their_places(namely: Start) -> None:
    place = await namely(60)
    async with open_session(place.settings.host.endpoints()) as session:
        credentials = Fields(domain=place.simulator.host, token=SecretStr(place.tenant.token))
        manifest = MANIFEST.model_copy(update={"hosts": ("*.namely.com",), "base_url": "https://{domain}/api/v1"})
        api = HttpApi(
            session,
            tls_context(),
            manifest.reached_with(credentials),
            credentials,
            settings=HttpSettings(),
            quotas=Quotas(()),
        )
        pages = [page async for page in api.pages("/profiles", Profiles, paging=PageNumber(size=50, appends=True))]
    assert [len(page.rows) for page in pages] == [50, 10, 0]
    assert [(page.place.number, page.place.last) for page in pages] == [(1, False), (2, False), (3, True)]
    assert {page.place.listing for page in pages} == {"/profiles?"}
    assert {page.announced for page in pages} == {60}
    assert [one.id for one in place.tenant.people] == [one for page in pages for one in page.ids]


# ---- a listing that is resumed


async def numbers(api: HttpApi, **params: str) -> list[int]:
    listed = api.pages("/people", People, paging=PageNumber(size=25, appends=True), params=params)
    return [page.place.number async for page in listed]


@pytest.mark.jumping
async def test_a_view_starts_one_listing_at_a_position_and_the_api_itself_at_the_beginning() -> None:
    simulator = ExampleSimulator(100, 1)
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        (first,) = {
            page.place.listing async for page in api.pages("/people", People, paging=PageNumber(size=25, appends=True))
        }
        view = api.resuming(first, Position(pages=3, last_rows=25, rows=75, announced=100))
        assert await numbers(view) == [4, 5]
        assert await numbers(view, sort="name") == [1, 2, 3, 4, 5]
        assert await numbers(api) == [1, 2, 3, 4, 5]
        # A position is no one-shot: it is the view's.
        assert await numbers(view) == [4, 5]


async def test_a_view_shares_the_client_and_the_listings_under_way() -> None:
    simulator = ExampleSimulator(100, 1)
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        view = api.resuming("/people?", Position(pages=1, last_rows=25, rows=25, announced=100))
        pages = view.pages("/people", People, paging=PageNumber(size=25, appends=True))
        await anext(pages)
        # Pages 3, 4 and the empty one behind them.
        assert api.forecast().requests == view.forecast().requests == 3
        assert api.traffic() == view.traffic()
        assert api.traffic().requests == 1


@pytest.mark.parametrize("position", [Position(), Position(pages=4, last_rows=0, rows=100, announced=100)])
async def test_a_position_behind_the_end_yields_no_page_and_the_first_one_all(position: Position) -> None:
    simulator = ExampleSimulator(100, 1)
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        found = await numbers(api.resuming("/people?", position))
    assert found == ([] if position.pages else [1, 2, 3, 4, 5])


@pytest.mark.jumping
async def test_the_listing_is_told_by_path_query_and_body_apart_from_the_page() -> None:
    simulator = ExampleSimulator(30, 1)
    found: list[Any] = []
    async with reached(simulator, Example.manifest, ExampleCredentials.parse(simulator.credentials)) as api:
        for params, body in (({}, None), ({"sort": "name"}, None), ({}, {"q": 1}), ({}, {"q": 2})):
            listed = api.pages("/people", People, paging=PageNumber(size=25, appends=True), params=params, body=body)
            found.append({page.place.listing async for page in listed})
    assert [len(one) for one in found] == [1] * 4
    assert len(set.union(*found)) == 4

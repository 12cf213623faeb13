"""Tokens that are fetched and expire: fetched once, renewed in time, renewed once if rejected, and never shown."""

import asyncio
import json
import traceback
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest
import structlog
from aiohttp import web

from connector_core import (
    Advice,
    Basic,
    Call,
    ClientCredentials,
    ConnectorCoreError,
    Credentials,
    Header,
    Manifest,
    PageNumber,
    ProtocolError,
    RejectedCredentialsError,
    SecretStr,
    UnavailableError,
    Wire,
)
from connector_core.http import HttpApi
from connector_core.http.request import Request
from connector_core.settings import HttpSettings
from connector_core.testing import BODY, Answer, clock, json_answer
from planted.example import Example, Owner, People
from planted.simulator import JSON, ExampleSimulator
from world import reached

T = TypeVar("T")

SECRET = "canary-secret-5d1f"
FORM = ClientCredentials("/token")
AS_JSON = ClientCredentials("/token", encoding="json", token="data.token", lifetime="data.expires_in")


class Keys(Credentials):
    client_id: str
    client_secret: SecretStr


def manifest(auth: Any) -> Manifest:
    told = {"base_url": "https://acme.hr.example/v1", "rejected": Advice("It is not known.", (), "Make another.")}
    return Example.manifest.model_copy(update={**told, "auth": auth, "limits": ()})


class Issuer(ExampleSimulator):
    """Gives tokens that are valid for a while, by the loop's clock."""

    def __init__(self, life: float | None = 600.0) -> None:
        super().__init__(3, 1)
        self.life = life
        self.tokens: list[tuple[str, float]] = []
        self.sent: list[tuple[str, bytes]] = []
        self.refuses: int | None = None
        self.deaf = False
        self.latency = 0.1

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def fetched(self) -> int:
        return sum(one.path == "/token" for one in self.requests)

    def answer(self, request: web.Request) -> Answer:
        if self.path_of(request) == "/token":
            self.sent.append((request.content_type, request[BODY]))
            return self._token(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.deaf or not any(one == token and self.now < until for one, until in self.tokens):
            return json_answer({"error": "token"}, 401, JSON)
        return json_answer({"id": "o1", "company": "Acme"}, 200, JSON)

    def _token(self, request: web.Request) -> Answer:
        if self.refuses:
            return json_answer({"error": f"not {SECRET}"}, self.refuses, JSON)
        token = f"canary-token-{len(self.tokens)}"
        self.tokens.append((token, self.now + (self.life or 1e9)))
        life = {} if self.life is None else {"expires_in": self.life}
        if request.content_type == "application/json":
            return json_answer({"success": True, "data": {"token": token, **life}}, 200, JSON)
        return json_answer({"access_token": token, **life}, 200, JSON)


def asking(issuer: Issuer, work: Callable[[HttpApi], Awaitable[T]], auth: Any = FORM, secret: str = SECRET) -> T:
    """Return what this work with the client returns, by the clock that jumps."""

    async def begin() -> T:
        keys = Keys(client_id="client", client_secret=SecretStr(secret))
        async with reached(issuer, manifest(auth), keys) as api:
            return await work(api)

    return clock.run(begin())


async def me(api: HttpApi) -> str:
    return (await api.get("/me", Owner)).id


async def failure(work: Awaitable[Any]) -> ConnectorCoreError:
    try:
        await work
    except ConnectorCoreError as error:
        return error
    raise AssertionError("it did not fail")


def test_a_token_is_fetched_once_however_many_requests_wait_for_it() -> None:
    issuer = Issuer()

    async def work(api: HttpApi) -> list[str]:
        await api.sign_in()
        return await asyncio.gather(*(me(api) for _ in range(9)))

    assert asking(issuer, work) == ["o1"] * 9
    assert issuer.fetched == 1
    assert len(issuer.requests) == 10


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        (
            FORM,
            ("application/x-www-form-urlencoded", {"grant_type": "client_credentials", "client_secret": "s&p=1+%"}),
        ),
        (AS_JSON, ("application/json", {"client_secret": "s&p=1+%"})),
    ],
    ids=["form", "json"],
)
def test_the_credentials_are_sent_in_the_body_as_the_provider_takes_them(
    auth: Any, sent: tuple[str, dict[str, str]]
) -> None:
    issuer = Issuer()
    assert asking(issuer, me, auth, secret="s&p=1+%") == "o1"
    ((kind, body),) = issuer.sent
    parsed = (
        json.loads(body)
        if auth is AS_JSON
        else {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
    )
    assert (kind, parsed) == (sent[0], {"client_id": "client", **sent[1]})
    assert not any(one.query for one in issuer.requests)


@pytest.mark.parametrize(("life", "used_for"), [(600, 540), (100, 50)])
def test_a_token_is_renewed_before_it_expires(life: int, used_for: int) -> None:
    issuer = Issuer(life)

    async def work(api: HttpApi) -> list[int]:
        fetched = []
        for wait in (0, used_for - 5, 10):
            await asyncio.sleep(wait)
            await me(api)
            fetched.append(issuer.fetched)
        return fetched

    assert asking(issuer, work) == [1, 1, 2]
    # Renewed in time: none was rejected.
    assert len(issuer.requests) == 5


def test_a_token_without_a_lifetime_is_used_until_it_is_rejected() -> None:
    issuer = Issuer(life=None)

    async def work(api: HttpApi) -> None:
        await me(api)
        await asyncio.sleep(1e6)
        await me(api)
        assert issuer.fetched == 1
        issuer.tokens.clear()
        await me(api)

    asking(issuer, work)
    assert issuer.fetched == 2


@pytest.mark.parametrize("same", [False, True], ids=["another token comes", "the same token comes again"])
def test_a_rejected_token_is_renewed_once_for_all_requests_that_were_rejected(*, same: bool) -> None:
    issuer = Issuer()

    async def work(api: HttpApi) -> list[str]:
        await me(api)
        issuer.tokens = [] if same else [("revoked", 0.0)]
        return await asyncio.gather(*(me(api) for _ in range(6)))

    assert asking(issuer, work) == ["o1"] * 6
    assert issuer.fetched == 2


def test_a_second_rejection_is_final_and_the_next_request_fetches_another_token() -> None:
    issuer = Issuer()
    issuer.deaf = True

    async def work(api: HttpApi) -> ConnectorCoreError:
        refused = await failure(me(api))
        assert [one.path for one in issuer.requests] == ["/token", "/me", "/token", "/me"]
        # The proof is a fresh token: the one that was rejected proves nothing any more.
        await api.sign_in()
        assert issuer.fetched == 3
        return refused

    assert isinstance(asking(issuer, work), RejectedCredentialsError)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("auth", [FORM, AS_JSON], ids=["form", "json"])
def test_wrong_credentials_are_sent_once_and_rejected_with_what_to_do(status: int, auth: Any) -> None:
    issuer = Issuer()
    issuer.refuses = status

    async def work(api: HttpApi) -> list[ConnectorCoreError]:
        return await asyncio.gather(failure(api.sign_in()), *(failure(me(api)) for _ in range(5)))

    for error in asking(issuer, work, auth):
        assert isinstance(error, RejectedCredentialsError)
        assert (error.message, error.hint) == ("It is not known.", "Make another.")
    assert len(issuer.requests) == 1


def test_a_request_after_a_failed_fetch_fetches_again() -> None:
    issuer = Issuer()
    issuer.refuses = 401

    async def work(api: HttpApi) -> str:
        await failure(me(api))
        issuer.refuses = None
        return await me(api)

    assert asking(issuer, work) == "o1"


def test_a_gateway_that_gives_up_on_the_token_is_retried_and_does_not_divide_the_page_that_waits_for_it() -> None:
    issuer = Issuer()
    issuer.script("502@1x2:/token")
    assert asking(issuer, me) == "o1"
    assert issuer.fetched == 3
    lasting = Issuer()
    lasting.script("502@1x99:/token")

    async def work(api: HttpApi) -> ConnectorCoreError:
        return await failure(anext(api.pages("/people", People, paging=PageNumber(size=50))))

    error = asking(lasting, work)
    assert isinstance(error, UnavailableError)
    assert error.call == Call("POST", "/token")
    # The attempts of one fetch: smaller pages would fetch the token again.
    assert len(lasting.requests) == lasting.fetched == HttpSettings().tries


@pytest.mark.parametrize("script", ["empty@1x9", "garbage@1x9", "html@1x9", "404@1x9", "302@1x9"])
def test_a_response_without_a_token_is_the_providers_fault_and_names_the_post(script: str) -> None:
    issuer = Issuer()
    issuer.script(f"{script}:/token")

    async def work(api: HttpApi) -> ConnectorCoreError:
        return await failure(api.sign_in())

    error = asking(issuer, work)
    assert isinstance(error, ProtocolError)
    assert error.call == Call("POST", "/token")


def test_neither_the_secret_nor_a_token_is_in_any_log_or_error(capfd: pytest.CaptureFixture[str]) -> None:
    told = []
    for script in ("", "garbage@1x99:/token", "empty@1x99:/token", "403@1x99:/token", "502@1x99:/token", "reset@2x99"):
        issuer = Issuer()
        issuer.script(script)

        async def work(api: HttpApi) -> str:
            try:
                await api.get("/me", Wire)
            except ConnectorCoreError as error:
                return "".join(traceback.format_exception(error)) + repr(vars(error))
            return ""

        with structlog.testing.capture_logs() as logged:
            told += [asking(issuer, work), repr(logged)]
    told += [*capfd.readouterr(), repr(Request(Call("POST", "/token"), body=SECRET.encode()))]
    assert "UnavailableError" in "".join(told)
    assert not [one for one in told if SECRET in one or "canary-token" in one]


# ---- signatures that do not change


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Basic("client_id", "client_secret"), "Authorization", f"client:{SECRET}"),
        (Basic("client_secret"), "Authorization", f"{SECRET}:x"),
        (Header("X-Api-Key", "client_secret"), "X-Api-Key", SECRET),
    ],
    ids=["a pair", "a key as the user", "a header of its own"],
)
def test_a_secret_is_sent_under_the_header_that_the_provider_takes(auth: Any, header: str, value: str) -> None:
    seen: list[str] = []

    class Listener(ExampleSimulator):
        def answer(self, request: web.Request) -> Answer:
            seen.append(request.headers.get(header, ""))
            return json_answer({"id": "o1", "company": "Acme"}, 200, JSON)

    async def begin() -> str:
        keys = Keys(client_id="client", client_secret=SecretStr(SECRET))
        async with reached(Listener(1, 1), manifest(auth), keys) as api:
            # Nothing is fetched, so there is nothing to sign in to.
            await api.sign_in()
            return await me(api)

    assert clock.run(begin()) == "o1"
    expected = f"Basic {b64encode(value.encode()).decode()}" if isinstance(auth, Basic) else value
    assert seen == [expected]

"""Tokens that are fetched and expire: fetched once, renewed in time, renewed once if rejected, and never shown."""

import asyncio
import json
import traceback
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import time
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, parse_qsl

import jwt
import pytest
import structlog
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from connector_core import (
    Advice,
    Basic,
    Call,
    ClientCredentials,
    ClientSecret,
    ConnectorCoreError,
    Credentials,
    Header,
    Identifier,
    InvalidCredentialsError,
    Manifest,
    PageNumber,
    PrivateKey,
    PrivateKeyJwt,
    ProtocolError,
    RateLimit,
    RejectedCredentialsError,
    SecretStr,
    UnavailableError,
    Wire,
)
from connector_core.http import HttpApi, check_key
from connector_core.http.auth.proofs import proof
from connector_core.http.auth.tokens import token_request
from connector_core.http.request import Request
from connector_core.settings import HttpSettings
from connector_core.testing import BODY, Answer, clock, json_answer, new_rsa_key
from planted.example import Example, Owner, People
from planted.simulator import JSON, ExampleSimulator
from world import reached

T = TypeVar("T")


def in_pem(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


RSA = new_rsa_key()

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


# ---- where the token is fetched, and how the client proves who it is


class Keyed(Credentials):
    tenant: Annotated[str, Identifier()] = "t-1"
    client_id: str = "a client/1"
    client_secret: SecretStr = SecretStr("s&p=1+%:x")
    key_id: str = "key-7"
    private_key: Annotated[SecretStr, PrivateKey()] = SecretStr("unset")

    def variables(self) -> dict[str, Any]:
        return {**super().variables(), "login": "https://login.hr.example"}


class TokenHost(Issuer):
    """Gives tokens at an address of its own, to whoever asks."""

    other_hosts = ("login.hr.example",)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, str]] = []
        self.answers = 200

    def answer(self, request: web.Request) -> Answer:
        if not request.path.endswith("/token"):
            return super().answer(request)
        self.asked.append((request.host, request.path_qs, request.headers.get("Authorization", "")))
        self.sent.append((request.content_type, request[BODY]))
        return self._token(request) if self.answers == 200 else json_answer({"error": "no"}, self.answers, JSON)

    @property
    def form(self) -> dict[str, str]:
        """The last form that was sent."""
        return dict(parse_qsl(self.sent[-1][1].decode(), strict_parsing=True))


def fetching(issuer: TokenHost, auth: Any, work: Callable[[HttpApi], Awaitable[T]], keys: Keyed | None = None) -> T:
    async def begin() -> T:
        told = manifest(auth).model_copy(update={"limits": (RateLimit("/oauth", 1, 60),)})
        async with reached(issuer, told, keys or Keyed()) as api:
            return await work(api)

    return clock.run(begin())


ELSEWHERE = "{login}/{tenant}/oauth2/token"


@pytest.mark.parametrize(
    ("token_url", "host", "path"),
    [
        ("/oauth/token", "acme.hr.example", "/v1/oauth/token"),
        (ELSEWHERE, "login.hr.example", "/t-1/oauth2/token"),
        ("https://login.hr.example/oauth/token?v=2", "login.hr.example", "/oauth/token?v=2"),
    ],
)
def test_the_address_of_the_token_may_be_a_path_or_that_of_another_host(token_url: str, host: str, path: str) -> None:
    issuer = TokenHost()
    assert fetching(issuer, ClientCredentials(token_url), me) == "o1"
    assert issuer.asked == [(host, path, "")]


def test_a_token_host_that_the_manifest_does_not_declare_gets_no_request() -> None:
    issuer = TokenHost()
    error = fetching(issuer, ClientCredentials("https://login.other.example/token"), lambda api: failure(me(api)))
    assert isinstance(error, ProtocolError)
    assert str(error) == "POST /token: login.other.example is not a host of this connector"
    assert issuer.requests == []


def test_scope_and_audience_are_sent_with_the_variables_of_the_credentials() -> None:
    issuer = TokenHost()
    fetching(issuer, ClientCredentials(ELSEWHERE, scope="{login}/.default all", audience="urn:{tenant}"), me)
    assert (issuer.form["scope"], issuer.form["audience"]) == ("https://login.hr.example/.default all", "urn:t-1")
    fetching(issuer, ClientCredentials(ELSEWHERE), me)
    assert issuer.form.keys() == {"grant_type", "client_id", "client_secret"}


def test_a_secret_in_a_basic_header_is_form_encoded_and_not_in_the_body() -> None:
    issuer = TokenHost()
    fetching(issuer, ClientCredentials(ELSEWHERE, client=ClientSecret(sent_in="basic")), me)
    assert issuer.form == {"grant_type": "client_credentials"}
    ((_, _, header),) = issuer.asked
    assert b64decode(header.removeprefix("Basic ")).decode() == "a+client%2F1:s%26p%3D1%2B%25%3Ax"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSA),
        ("RS384", RSA),
        ("RS512", RSA),
        ("PS256", RSA),
        ("ES256", in_pem(ec.generate_private_key(ec.SECP256R1()))),
        ("ES384", in_pem(ec.generate_private_key(ec.SECP384R1()))),
        ("EdDSA", in_pem(ed25519.Ed25519PrivateKey.generate())),
    ],
)
def test_an_assertion_is_signed_as_declared_and_says_who_to_whom_and_for_how_long(algorithm: Any, key: str) -> None:
    issuer = TokenHost()
    client = PrivateKeyJwt(key_id="key_id", algorithm=algorithm)
    assert fetching(issuer, ClientCredentials(ELSEWHERE, client=client), me, Keyed(private_key=SecretStr(key))) == "o1"
    form = issuer.form
    assert form.keys() == {"grant_type", "client_id", "client_assertion_type", "client_assertion"}
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    public: Any = load_pem_private_key(key.encode(), None).public_key()
    whole = "https://login.hr.example/t-1/oauth2/token"
    claims = jwt.decode(form["client_assertion"], public, [algorithm], audience=whole)
    assert (claims["iss"], claims["sub"]) == ("a client/1", "a client/1")
    assert 0 < claims["exp"] - time() <= 300
    assert claims["exp"] - claims["iat"] <= 300
    assert jwt.get_unverified_header(form["client_assertion"]) == {"alg": algorithm, "typ": "JWT", "kid": "key-7"}


def test_each_assertion_has_an_id_of_its_own_and_its_audience_and_key_id_may_be_others() -> None:
    issuer, ids = TokenHost(), set[str]()
    auth = ClientCredentials("/oauth/token", client=PrivateKeyJwt(audience="urn:{tenant}"))
    for _ in range(2):
        fetching(issuer, auth, me, Keyed(private_key=SecretStr(RSA)))
        assertion = issuer.form["client_assertion"]
        claims = jwt.decode(assertion, options={"verify_signature": False})
        assert claims["aud"] == "urn:t-1"
        assert "kid" not in jwt.get_unverified_header(assertion)
        ids.add(claims["jti"])
    assert len(ids) == 2
    fetching(issuer, replace(auth, client=PrivateKeyJwt()), me, Keyed(private_key=SecretStr(RSA)))
    claims = jwt.decode(issuer.form["client_assertion"], options={"verify_signature": False})
    assert claims["aud"] == "https://acme.hr.example/v1/oauth/token"


@pytest.mark.parametrize(
    ("algorithm", "key", "problem"),
    [
        ("RS256", in_pem(ec.generate_private_key(ec.SECP256R1())), "is a key of another kind: RS256 needs an RSA key"),
        ("ES256", RSA, "is a key of another kind: ES256 needs a key of the curve secp256r1"),
        ("ES384", in_pem(ec.generate_private_key(ec.SECP256R1())), "ES384 needs a key of the curve secp384r1"),
        ("EdDSA", RSA, "EdDSA needs a key of the curve Ed25519"),
        ("PS256", new_rsa_key(1024), "is an RSA key of 1024 bits; PS256 needs 2048 at least"),
        ("RS256", RSA.replace(RSA.splitlines()[2], "A" * 64), "is not a private key in PEM that can be read"),
    ],
)
def test_a_key_that_does_not_fit_the_algorithm_is_refused_by_its_field(algorithm: Any, key: str, problem: str) -> None:
    keys = Keyed(private_key=SecretStr(key))
    told = manifest(ClientCredentials("/oauth/token", client=PrivateKeyJwt(algorithm=algorithm)))
    with pytest.raises(InvalidCredentialsError) as caught:
        check_key(told.reached_with(keys), keys)
    assert caught.value.field == "private_key"
    assert caught.value.message.startswith("private_key: ")
    assert problem in caught.value.message
    assert not any(line in repr(vars(caught.value)) for line in key.splitlines()[1:-1])


def test_a_token_host_that_is_down_is_named_and_so_is_one_that_cannot_be_reached() -> None:
    issuer = TokenHost()
    issuer.answers = 503
    error = fetching(issuer, ClientCredentials(ELSEWHERE), lambda api: failure(me(api)))
    assert isinstance(error, UnavailableError)
    assert str(error) == "POST /t-1/oauth2/token: Example HR (login.hr.example) answered 503"
    issuer = TokenHost()
    issuer.script("reset@1x9")
    error = fetching(issuer, ClientCredentials(ELSEWHERE), lambda api: failure(me(api)))
    assert isinstance(error, UnavailableError)
    assert "Example HR (login.hr.example) broke the connection" in str(error)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_client_that_is_refused_at_another_host_is_told_what_to_do(status: int) -> None:
    issuer = TokenHost()
    issuer.answers = status
    error = fetching(issuer, ClientCredentials(ELSEWHERE), lambda api: failure(me(api)))
    assert isinstance(error, RejectedCredentialsError)
    assert (error.message, error.hint, len(issuer.asked)) == ("It is not known.", "Make another.", 1)


def test_requests_for_tokens_are_counted_and_wait_for_the_quota_of_their_path() -> None:
    issuer = TokenHost()

    async def work(api: HttpApi) -> float:
        loop = asyncio.get_running_loop()
        await me(api)
        assert api.traffic().requests == 2
        issuer.tokens.clear()
        began = loop.time()
        await me(api)
        return loop.time() - began

    assert fetching(issuer, ClientCredentials("https://login.hr.example/oauth/token"), work) > 59
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("client", [ClientSecret(sent_in="basic"), PrivateKeyJwt()], ids=["basic", "assertion"])
def test_neither_a_basic_header_nor_an_assertion_nor_a_key_is_in_any_log_or_error(
    client: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    told, secret = [], [line for line in RSA.splitlines() if "-----" not in line]
    for answers in (200, 401, 404, 500):
        issuer = TokenHost()
        issuer.answers = answers
        keys = Keyed(private_key=SecretStr(RSA))

        async def work(api: HttpApi) -> str:
            try:
                await api.get("/me", Wire)
            except ConnectorCoreError as error:
                return "".join(traceback.format_exception(error)) + repr(vars(error))
            return ""

        with structlog.testing.capture_logs() as logged:
            told += [fetching(issuer, ClientCredentials(ELSEWHERE, client=client), work, keys), repr(logged)]
        secret += [header.removeprefix("Basic ") for _, _, header in issuer.asked if header]
        secret += [issuer.form[name] for name in ("client_assertion",) if name in issuer.form]
    told += capfd.readouterr()
    fields = {"private_key": SecretStr(RSA), "key_id": SecretStr("k"), "client_secret": SecretStr(SECRET)}
    proved = proof(client, fields, "client", "https://login.hr.example/token")
    request = token_request("/token", {"grant_type": SecretStr("x")}, proved)
    told += [repr(proved), repr(request)]
    assert len(secret) > 20
    assert not [one for one in secret if any(one in text for text in told)]


# ---- signatures that do not change


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Basic("client_id", "client_secret"), "Authorization", f"client:{SECRET}"),
        (Basic("client_secret"), "Authorization", f"{SECRET}:x"),
        (Header("X-Api-Key", "client_secret"), "X-Api-Key", SECRET),
        (Header("Authorization", "client_secret", prefix="SSWS "), "Authorization", f"SSWS {SECRET}"),
    ],
    ids=["a pair", "a key as the user", "a header of its own", "a word before it"],
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

"""The simulated authorization server, by plain requests to it over TLS."""

import json
import ssl
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from connector_core import Entity
from connector_core.testing import Answer, AuthorizationServer, Simulator, json_answer, serve, simulated_key
from connector_core.testing.oauth import ASSERTION_TYPE

REDIRECT = "http://127.0.0.1:1234/callback"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
KEY = simulated_key("test")


class Provider(Simulator):
    host = "id.hr.example"

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.oauth = AuthorizationServer(f"https://{self.host}", "client", issued=self.issued, **options)

    def answer(self, request: web.Request) -> Answer:
        assert self.oauth
        if answer := self.oauth.answer(request):
            return answer
        return json_answer({}, 200 if self.oauth.accepts(request) else 401)

    people: list[Any] = []  # noqa: RUF012 - none is ever added

    def ids(self, kind: type[Entity]) -> set[str]:
        raise NotImplementedError

    def hire(self) -> Any:
        raise NotImplementedError

    def evolve(self) -> tuple[str, ...]:
        raise NotImplementedError


class Browser:
    """Requests to one served provider."""

    def __init__(self, session: aiohttp.ClientSession, port: int, provider: Provider) -> None:
        self._session = session
        self._root = f"https://127.0.0.1:{port}"
        assert provider.oauth
        self.oauth = provider.oauth

    async def authorize(self, **changed: str) -> dict[str, str]:
        """Return the parameters of the address that the user is sent back to."""
        query = {
            "response_type": "code",
            "client_id": "client",
            "redirect_uri": REDIRECT,
            "state": "s1",
            "scope": "people.read",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        address = f"{self._root}/oauth2/authorize"
        async with self._session.get(address, params=query | changed, allow_redirects=False) as answer:
            assert answer.status == 302
            sent_to = urlsplit(answer.headers["Location"])
        assert f"{sent_to.scheme}://{sent_to.netloc}{sent_to.path}" == REDIRECT
        return {name: values[0] for name, values in parse_qs(sent_to.query).items()}

    async def token(
        self, grant_type: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        data = {"grant_type": grant_type, **form}
        async with self._session.post(f"{self._root}/oauth2/token", data=data, headers=headers) as answer:
            result: dict[str, Any] = await answer.json()
            assert (answer.status == 200) == ("error" not in result)
            return result

    async def sign_in(self, **changed: str) -> dict[str, Any]:
        code = (await self.authorize())["code"]
        form = {"client_id": "client", "redirect_uri": REDIRECT, "code": code, "code_verifier": VERIFIER}
        return await self.token("authorization_code", form | changed)

    async def refresh(self, token: str) -> dict[str, Any]:
        return await self.token("refresh_token", {"client_id": "client", "refresh_token": token})

    async def accepted(self, token: str) -> bool:
        async with self._session.get(f"{self._root}/rows", headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status == 200


@pytest.fixture
async def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return getattr(request, "param", {})


@pytest.fixture
async def browser(options: dict[str, Any]) -> AsyncIterator[Browser]:
    provider = Provider(**options)
    async with serve(provider) as served:
        context = ssl.create_default_context(cafile=str(served.ca_file))
        context.check_hostname = False
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            yield Browser(session, served.port, provider)


def having(**options: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("options", [options], indirect=True)


async def test_a_code_is_exchanged_for_tokens_that_are_accepted_until_they_are_revoked(browser: Browser) -> None:
    tokens = await browser.sign_in()
    assert tokens["expires_in"] == 3600
    assert await browser.accepted(tokens["access_token"])
    browser.oauth.revoke()
    assert not await browser.accepted(tokens["access_token"])
    assert await browser.accepted((await browser.refresh(tokens["refresh_token"]))["access_token"])
    assert {tokens["access_token"], tokens["refresh_token"]} <= browser.oauth.issued
    assert browser.oauth.counts == {"authorization_code": 1, "refresh_token": 1}


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "w" * 43}, {"redirect_uri": "http://127.0.0.1:9/callback"}, {"code": "other"}]
)
async def test_a_code_is_bound_to_its_verifier_and_redirect_uri(browser: Browser, changed: dict[str, str]) -> None:
    assert (await browser.sign_in(**changed))["error"] == "invalid_grant"


async def test_a_code_is_used_once(browser: Browser) -> None:
    code = (await browser.authorize())["code"]
    await browser.sign_in(code=code)
    assert (await browser.sign_in(code=code))["error"] == "invalid_grant"


@having(denies=True)
async def test_a_user_who_denies_access_is_sent_back_with_the_error_and_the_state(browser: Browser) -> None:
    assert await browser.authorize(state="mine") == {
        "error": "access_denied",
        "state": "mine",
        "iss": "https://id.hr.example",
    }


async def test_without_pkce_no_code_is_given(browser: Browser) -> None:
    assert (await browser.authorize(code_challenge_method="plain"))["error"] == "invalid_request"


@having(rotation="on_use")
async def test_on_use_the_old_refresh_token_is_valid_until_the_new_one_is_used(browser: Browser) -> None:
    first = (await browser.sign_in())["refresh_token"]
    second = (await browser.refresh(first))["refresh_token"]
    again = (await browser.refresh(first))["refresh_token"]
    assert (await browser.refresh(second))["error"] == "invalid_grant"
    await browser.refresh(again)
    assert (await browser.refresh(first))["error"] == "invalid_grant"


@having(rotation="at_once", revokes_family=True)
async def test_at_once_a_second_use_revokes_the_family(browser: Browser) -> None:
    first = await browser.sign_in()
    second = await browser.refresh(first["refresh_token"])
    assert await browser.accepted(second["access_token"])
    assert (await browser.refresh(first["refresh_token"]))["error"] == "invalid_grant"
    assert not await browser.accepted(second["access_token"])
    assert (await browser.refresh(second["refresh_token"]))["error"] == "invalid_grant"
    assert browser.oauth.counts["reused"] == 1


@having(client_secret="hidden", scopes=frozenset({"a", "b"}), audience="api")
async def test_client_credentials_must_name_the_scope_and_the_audience(browser: Browser) -> None:
    given = {"client_id": "client", "client_secret": "hidden", "scope": "b a", "audience": "api"}
    assert (await browser.token("client_credentials", given))["scope"] == "b a"
    assert (await browser.token("client_credentials", given | {"scope": ""}))["error"] == "invalid_scope"
    assert (await browser.token("client_credentials", given | {"scope": "a c"}))["error"] == "invalid_scope"
    assert (await browser.token("client_credentials", given | {"audience": ""}))["error"] == "invalid_target"
    assert (await browser.token("client_credentials", given | {"client_secret": "x"}))["error"] == "invalid_client"
    assert browser.oauth.requested[0] == {"grant_type": "client_credentials", "client_id": "client"} | {
        "scope": "b a",
        "audience": "api",
    }
    assert browser.oauth.counts == {"client_credentials": 1, "refused": 4}


@pytest.mark.parametrize("place", ["body", "basic"])
@having(client_secret="hid den")
async def test_the_secret_is_taken_from_the_body_or_the_header(
    browser: Browser, place: Literal["body", "basic"]
) -> None:
    form = {"client_id": "client", "client_secret": "hid den"} if place == "body" else {}
    headers = {"Authorization": f"Basic {b64encode(b'client:hid+den').decode()}"} if place == "basic" else {}
    for taken_from in ("body", "basic", "either"):
        browser.oauth.secret_in = taken_from
        answer = await browser.token("client_credentials", form, headers)
        assert ("access_token" in answer) == (taken_from in {place, "either"})


def assertion(key: str = KEY, alg: str = "ES256", **changed: Any) -> str:
    claims = {
        "iss": "client",
        "sub": "client",
        "aud": "https://id.hr.example/oauth2/token",
        "exp": time.time() + 300,
        "jti": "1",
    }
    parts = [{"alg": alg}, claims | changed]
    signed = b".".join(urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts)
    private = serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    numbers = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = b"".join(number.to_bytes(32) for number in numbers)
    return f"{signed.decode()}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@having(private_key=KEY)
async def test_an_assertion_is_verified_and_used_once(browser: Browser) -> None:
    async def answer_to(signed: str) -> str:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        return str((await browser.token("client_credentials", form)).get("error", "granted"))

    assert await answer_to(assertion()) == "granted"
    assert await answer_to(assertion()) == "invalid_client"
    for wrong in (
        assertion(simulated_key("another"), jti="2"),
        assertion(jti="2", aud="https://elsewhere.example"),
        assertion(jti="2", sub="other"),
        assertion(jti="2", exp=time.time() - 1),
        assertion(jti="2", exp=time.time() + 7200),
        assertion(jti="2", alg="none"),
        "",
    ):
        assert await answer_to(wrong) == "invalid_client"
    assert await answer_to(assertion(jti="2")) == "granted"

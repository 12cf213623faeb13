"""OWASP ASVS 5.0, level 2: one test for each number that applies to the web host. docs/security.md lists them."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
import trustme
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from connector_core.directory import PersonRow
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.settings import Role, Settings
from connector_core.web.access import _NEEDED
from connector_core.web.api import OPERATIONS
from connector_core.web.rendering import STATIC
from connector_core.web.server import refuse_plain_http, refuse_unnamed_proxy, serving, tls_of
from web_host import TOKEN, NotedRuns, WebHost, client, served_web, web_settings
from world import Start, free_port

ROOT = Path(__file__).parents[2]
SENSITIVE = "/api/v1/integrations/acme/cancel"
"""A change, which is answered 204 if it may be made."""


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def settings(namely: Start) -> Settings:
    place = await namely(60, scanned=True)
    return place.settings.model_copy(update={"web": web_settings()})


@pytest.fixture
async def app(settings: Settings, clock: Clock) -> AsyncIterator[WebHost]:
    """A host on the loopback address, whose clock a test sets."""

    async def bug(_: web.Request) -> web.Response:
        raise KeyError("a secret of a person")

    routes = [web.get("/bug", bug), web.get("/api/v1/bug", bug)]
    async with Host(settings) as host, served_web(host, engine=NotedRuns(), clock=clock, routes=routes) as served:
        yield served


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with client() as session:
        yield session


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls(settings: Settings, authority: trustme.CA, tmp_path: Path) -> AsyncIterator[WebHost]:
    """A host with a certificate, as it is where others reach it."""
    made, certificate, key = authority.issue_cert("127.0.0.1"), tmp_path / "certificate.pem", tmp_path / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    secured = settings.model_copy(update={"web": web_settings(certificate=certificate, key=key)})
    async with Host(secured) as host, served_web(host) as served:
        yield served


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncIterator[aiohttp.ClientSession]:
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with client(connector=aiohttp.TCPConnector(ssl=trusted)) as session:
        yield session


@asynccontextmanager
async def behind_a_proxy(settings: Settings, **more: Any) -> AsyncIterator[WebHost]:
    """Serve the host to a proxy on this machine, which names the users."""
    roles = {"vera": Role.VIEWER, "otto": Role.APPROVER, "ada": Role.ADMINISTRATOR}
    known = {"proxies": ("127.0.0.1",), "user_header": "X-Forwarded-User", "roles": roles, **more}
    proxied = settings.model_copy(update={"web": web_settings(**known)})
    async with Host(proxied) as host, served_web(host) as served:
        yield served


async def status(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> int:
    async with session.request(method, url, allow_redirects=False, **more) as response:
        return response.status


async def cookie_set(session: aiohttp.ClientSession, app: WebHost) -> str:
    async with session.post(f"{app.address}/sign-in", data={"token": TOKEN}, allow_redirects=False) as response:
        return response.headers["Set-Cookie"]


def value_of(cookie: str) -> str:
    return cookie.partition("=")[2].partition(";")[0]


async def responses(session: aiohttp.ClientSession, app: WebHost) -> list[tuple[str, aiohttp.ClientResponse]]:
    """Return responses of every kind: pages, files, documents, redirects and errors."""
    found = []
    for path, headers in (
        *((path, {}) for path in ("/", "/sign-in", "/health", "/static/app.css", "/static/icon.svg", "/nowhere")),
        *(
            (path, app.bearer)
            for path in ("/nowhere", "/metrics", "/api/v1/me", "/api/v1/nothing", "/bug", "/api/v1/me?x=1")
        ),
        ("/api/v1/me", {}),
        ("/", {"Host": "evil.example"}),
    ):
        async with session.get(app.address + path, headers=headers, allow_redirects=False) as response:
            await response.read()
            found.append((path, response))
    async with session.post(app.address + "/sign-in", data={"token": "wrong"}) as response:
        await response.read()
        found.append(("/sign-in", response))
    return found


# ---- V3: the browser


async def test_asvs_3_2_1_a_response_that_is_no_page_runs_nothing_when_it_is_opened(
    app: WebHost, browser: aiohttp.ClientSession
) -> None:
    for path, response in await responses(browser, app):
        is_page = response.content_type == "text/html"
        assert response.headers["Content-Security-Policy"].endswith("; sandbox") is not is_page, path


async def test_asvs_3_3_1_the_cookie_is_secure_over_tls(
    tls: WebHost, secure: aiohttp.ClientSession, app: WebHost, browser: aiohttp.ClientSession
) -> None:
    assert "; Secure" in await cookie_set(secure, tls)
    # Not met on plain HTTP, which only this machine reaches: not every browser would keep it.
    assert "Secure" not in await cookie_set(browser, app)


async def test_asvs_3_3_2_the_cookie_is_not_sent_with_forms_of_other_sites(
    app: WebHost, browser: aiohttp.ClientSession
) -> None:
    assert "; SameSite=Lax" in await cookie_set(browser, app)


async def test_asvs_3_3_3_the_cookie_is_this_hosts_alone_over_tls(
    tls: WebHost, secure: aiohttp.ClientSession, app: WebHost, browser: aiohttp.ClientSession
) -> None:
    cookie = await cookie_set(secure, tls)
    assert cookie.startswith("__Host-session=")
    assert "; Path=/" in cookie
    assert "Domain" not in cookie
    # On plain HTTP the name says at least which port it is of: cookies are shared between ports.
    port = app.address.rpartition(":")[2]
    assert (await cookie_set(browser, app)).startswith(f"discover-{port}=")


async def test_asvs_3_3_4_no_script_sees_the_cookie(app: WebHost, browser: aiohttp.ClientSession) -> None:
    cookie = await cookie_set(browser, app)
    assert "; HttpOnly" in cookie
    for path in ("/sign-in", "/nowhere", "/api/v1/me"):
        async with browser.get(app.address + path) as response:
            assert value_of(cookie) not in await response.text()


async def test_asvs_3_4_1_browsers_are_told_to_come_over_tls_only(tls: WebHost, secure: aiohttp.ClientSession) -> None:
    for path in ("/sign-in", "/health", "/static/app.css", "/api/v1/me"):
        async with secure.get(tls.address + path) as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


async def test_asvs_3_4_2_no_other_origin_may_read_anything(app: WebHost, browser: aiohttp.ClientSession) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", **app.bearer}
    for method in ("GET", "OPTIONS"):
        async with browser.request(method, f"{app.address}/api/v1/me", headers=asked) as response:
            assert not [name for name in response.headers if name.startswith("Access-Control-")]
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_asvs_3_4_3_scripts_come_from_this_host_only(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path, response in await responses(browser, app):
        policy = response.headers["Content-Security-Policy"]
        directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
        assert directives["default-src"] == directives["object-src"] == directives["base-uri"] == "'none'", path
        assert directives["script-src"] == directives["style-src"] == "'self'"
        assert "unsafe" not in policy


async def test_asvs_3_4_4_no_type_is_guessed(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path, response in await responses(browser, app):
        assert response.headers["X-Content-Type-Options"] == "nosniff", path


async def test_asvs_3_4_5_no_address_is_told_to_others(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path, response in await responses(browser, app):
        assert response.headers["Referrer-Policy"] == "no-referrer", path


async def test_asvs_3_4_6_no_page_is_shown_in_a_frame(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path, response in await responses(browser, app):
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"], path


async def test_asvs_3_5_1_a_change_needs_the_key_of_its_session(
    app: WebHost, browser: aiohttp.ClientSession, settings: Settings
) -> None:
    key, url = await app.signed_in(browser), app.address + SENSITIVE
    right = {"X-Form-Key": key}
    assert await status(browser, "POST", url, headers=right) == 204
    assert await status(browser, "POST", url, headers={**right, "Sec-Fetch-Site": "same-origin"}) == 204
    sign_out = f"{app.address}/sign-out"
    assert await status(browser, "POST", sign_out, data={"form_key": "0" * 64}) == 403
    assert await status(browser, "POST", url, data={"form_key": key}) == 403
    for refused in (
        {},
        {"X-Form-Key": "0" * 64},
        {"X-Form-Key": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {**right, "Sec-Fetch-Site": "cross-site"},
        {**right, "Sec-Fetch-Site": "same-site"},
        {**right, "Sec-Fetch-Site": "none"},
        {**right, "Origin": "https://evil.example"},
        {**right, "Origin": "null"},
        # What a browser repeats by itself proves nothing.
        {"Authorization": "Basic YTpi"},
    ):
        assert await status(browser, "POST", url, headers=refused) == 403, refused
    async with client() as other:
        assert await status(browser, "POST", url, headers={"X-Form-Key": await app.signed_in(other)}) == 403
    assert await status(browser, "POST", sign_out, data={"form_key": key}) == 303
    # The form of the sign-in, too.
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert await status(browser, "POST", f"{app.address}/sign-in", data={"token": TOKEN}, headers=foreign) == 403
    async with behind_a_proxy(settings) as proxied:
        named = {"X-Forwarded-User": "ada", "Authorization": "Basic YTpi"}
        assert await status(browser, "POST", proxied.address + SENSITIVE, headers=named) == 403
        async with browser.get(f"{proxied.address}/api/v1/me", headers=named) as response:
            named["X-Form-Key"] = (await response.json())["form_key"]
        assert await status(browser, "POST", proxied.address + SENSITIVE, headers=named) == 204


async def test_asvs_3_5_2_a_plain_form_cannot_call_the_api(app: WebHost, browser: aiohttp.ClientSession) -> None:
    url, key = f"{app.address}/api/v1/integrations/acme/runs", await app.signed_in(browser)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        assert await status(browser, "POST", url, data=b'{"delta": true}', headers=headers) == 403
        assert await status(browser, "POST", url, data=b"{}", headers={**headers, "X-Form-Key": key}) == 415


async def test_asvs_3_5_3_safe_methods_change_nothing(app: WebHost, browser: aiohttp.ClientSession) -> None:
    changing = [one for one in OPERATIONS if one.changes]
    assert {one.method for one in changing} <= {"POST", "PUT", "DELETE"}
    for one in changing:
        for method in ("GET", "HEAD", "OPTIONS"):
            path = re.sub(r"\{\w+\}", "acme", one.path)
            await status(browser, method, f"{app.address}/api/v1{path}", headers=app.bearer)
    assert [one.name for one in await app.host.integrations()] == ["acme"]
    assert len(await app.host.history("acme")) == 1
    assert await status(browser, "GET", f"{app.address}/sign-out", headers=app.bearer) == 405


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "x", ""],
)
async def test_asvs_3_7_2_signing_in_leads_to_no_other_host(
    app: WebHost, browser: aiohttp.ClientSession, following: str
) -> None:
    typed = {"token": TOKEN, "next": following}
    async with browser.post(f"{app.address}/sign-in", data=typed, allow_redirects=False) as response:
        assert response.headers["Location"] == "/settings/integrations"
    async with browser.get(f"{app.address}/sign-in", params={"next": following}, allow_redirects=False) as response:
        assert response.headers["Location"] == "/settings/integrations"


# ---- V4: messages


async def test_asvs_4_1_1_every_body_has_its_type_and_charset(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path, response in await responses(browser, app):
        if response.headers.get("Content-Length") != "0":
            assert response.content_type in {
                *("text/html", "text/css", "text/plain", "image/svg+xml"),
                *("application/json", "application/problem+json"),
            }, path
            assert not response.content_type.startswith("text/") or response.charset == "utf-8", path


async def test_asvs_4_1_3_no_client_can_write_what_a_proxy_says(
    settings: Settings, app: WebHost, browser: aiohttp.ClientSession
) -> None:
    # Without a declared proxy, or from elsewhere, the header counts for nothing.
    named = {"X-Forwarded-User": "ada"}
    assert await status(browser, "GET", f"{app.address}/api/v1/me", headers=named) == 401
    for unsafe in ({"user_header": "X-Forwarded-User"}, {"user_header": "X-Forwarded-User", "certificate": "a.pem"}):
        with pytest.raises(SettingsError, match="anyone could name any user"):
            refuse_unnamed_proxy(web_settings(**unsafe))
    async with behind_a_proxy(settings, proxies=("192.0.2.1",)) as elsewhere:
        assert await status(browser, "GET", f"{elsewhere.address}/api/v1/me", headers=named) == 421
    async with behind_a_proxy(settings) as proxied:
        url = f"{proxied.address}/api/v1/me"
        assert await status(browser, "GET", url, headers=named) == 200
        twice = [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "vera")]
        for refused in (
            twice,
            {"X_Forwarded_User": "ada"},
            {"X-Forwarded-User": "ada, vera"},
            {"X-Forwarded-User": ""},
        ):
            assert await status(browser, "GET", url, headers=refused) == 401
        # Nor does the token, which is not this proxy's to give.
        assert await status(browser, "GET", url, headers=proxied.bearer) == 401
    # The address that is throttled is the one that the proxy has added, not one that the client wrote before it.
    behind = {"proxies": ("127.0.0.1",), "user_header": ""}
    async with behind_a_proxy(settings, **behind) as proxied:
        url = f"{proxied.address}/api/v1/me"
        for number in range(5):
            forged = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7", "Authorization": "Bearer wrong"}
            assert await status(browser, "GET", url, headers=forged) == 401
        assert await status(browser, "GET", url, headers={**forged, "X-Forwarded-For": "1.1.1.1, 203.0.113.7"}) == 429
        others = {**proxied.bearer, "X-Forwarded-For": "203.0.113.7, 198.51.100.9"}
        assert await status(browser, "GET", url, headers=others) == 200


async def test_asvs_4_2_1_a_message_with_two_lengths_is_refused(app: WebHost) -> None:
    head = f"POST {SENSITIVE} HTTP/1.1\r\nHost: {app.address[7:]}\r\nAuthorization: Bearer {TOKEN}\r\n"
    both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    twice = "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"
    assert (await raw(app, head + both)).startswith(b"HTTP/1.0 400 ")
    assert (await raw(app, head + twice)).startswith(b"HTTP/1.0 400 ")
    assert (await raw(app, head + "Host: evil.example\r\n\r\n")).startswith(b"HTTP/1.0 400 ")


async def raw(app: WebHost, text: str) -> bytes:
    address, _, port = app.address[7:].rpartition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.write(text.encode())
    found = await asyncio.wait_for(reader.read(200), 5)
    writer.close()
    return found


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost", "127.0.0.1.evil.example:{port}", ""]
)
async def test_asvs_4_2_1_a_name_that_was_rebound_to_this_address_is_refused(
    app: WebHost, browser: aiohttp.ClientSession, host: str
) -> None:
    named = {"Host": host.format(port=app.address.rpartition(":")[2]), **app.bearer}
    assert await status(browser, "GET", f"{app.address}/api/v1/me", headers=named) in {400, 421}


# ---- V6 and V7: users and sessions


async def test_asvs_6_3_1_guesses_are_few(app: WebHost, browser: aiohttp.ClientSession, clock: Clock) -> None:
    url = f"{app.address}/sign-in"
    tries = [await status(browser, "POST", url, data={"token": f"guess-{n}"}) for n in range(7)]
    assert tries == [403] * 5 + [429] * 2
    # Not even the right one is looked at, by no way in, until a minute is over.
    async with browser.post(url, data={"token": TOKEN}, allow_redirects=False) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "60")
    assert await status(browser, "GET", f"{app.address}/api/v1/me", headers=app.bearer) == 429
    clock.now += 61
    assert await status(browser, "GET", f"{app.address}/api/v1/me", headers=app.bearer) == 200


async def test_asvs_6_3_3_every_way_in_is_throttled_alike(app: WebHost, browser: aiohttp.ClientSession) -> None:
    url, wrong = f"{app.address}/api/v1/me", {"Authorization": "Bearer guess"}
    assert [await status(browser, "GET", url, headers=wrong) for _ in range(6)] == [401] * 5 + [429]
    assert await status(browser, "POST", f"{app.address}/sign-in", data={"token": TOKEN}) == 429
    # The open addresses stay open.
    assert await status(browser, "GET", f"{app.address}/health", headers=wrong) == 200


async def test_asvs_7_2_1_a_session_is_known_to_the_host_only(app: WebHost, browser: aiohttp.ClientSession) -> None:
    name = (await cookie_set(browser, app)).partition("=")[0]
    for made_up in ("", "a" * 43, "administrator"):
        async with client() as other:
            assert await status(other, "GET", f"{app.address}/api/v1/me", cookies={name: made_up}) == 401


async def test_asvs_7_2_3_a_session_has_256_random_bits(app: WebHost) -> None:
    values = set()
    for _ in range(20):
        async with client() as one:
            values.add(value_of(await cookie_set(one, app)))
    assert len(values) == 20
    assert {len(one) for one in values} == {43}
    assert not [one for one in values if TOKEN in one]


async def test_asvs_7_2_4_signing_in_makes_a_new_session_and_ends_the_one_before(
    app: WebHost, browser: aiohttp.ClientSession
) -> None:
    name = (await cookie_set(browser, app)).partition("=")[0]
    # One that was planted before is not taken over, and one that was used is ended.
    async with client() as other:
        planted = {name: "p" * 43}
        async with other.post(
            f"{app.address}/sign-in", data={"token": TOKEN}, cookies=planted, allow_redirects=False
        ) as response:
            first = value_of(response.headers["Set-Cookie"])
        assert first != "p" * 43
        second = value_of(await cookie_set(other, app))
    assert first != second
    for value, expected in ((first, 401), (second, 200), ("p" * 43, 401)):
        async with client() as other:
            assert await status(other, "GET", f"{app.address}/api/v1/me", cookies={name: value}) == expected


async def test_asvs_7_3_1_a_session_without_requests_ends(
    app: WebHost, browser: aiohttp.ClientSession, clock: Clock
) -> None:
    await app.signed_in(browser)
    url = f"{app.address}/api/v1/me"
    for _ in range(3):
        clock.now += 59 * 60
        assert await status(browser, "GET", url) == 200
    clock.now += 61 * 60
    assert await status(browser, "GET", url) == 401


async def test_asvs_7_3_2_a_session_ends_in_any_case(
    app: WebHost, browser: aiohttp.ClientSession, clock: Clock
) -> None:
    await app.signed_in(browser)
    found = []
    for _ in range(26):
        clock.now += 29 * 60
        found.append(await status(browser, "GET", f"{app.address}/api/v1/me"))
    # 12 hours are 24 times 29 minutes, and a bit.
    assert found == [200] * 24 + [401] * 2


async def test_asvs_7_4_1_signing_out_ends_the_session(app: WebHost, browser: aiohttp.ClientSession) -> None:
    cookie = await cookie_set(browser, app)
    key = await app.signed_in(browser)
    cookies = [(one.key, one.value) for one in browser.cookie_jar]
    async with browser.post(f"{app.address}/sign-out", data={"form_key": key}, allow_redirects=False) as response:
        assert response.headers["Clear-Site-Data"] == '"cache"'
        assert "Max-Age=0" in response.headers["Set-Cookie"]
    name = cookie.partition("=")[0]
    assert [one for one, _ in cookies] == [name]
    async with client() as other:
        assert await status(other, "GET", f"{app.address}/api/v1/me", cookies=dict(cookies)) == 401
    async with browser.get(f"{app.address}/sign-in") as response:
        assert response.headers["Cache-Control"] == "no-store"


async def test_asvs_7_4_4_every_page_has_a_button_to_sign_out(app: WebHost, browser: aiohttp.ClientSession) -> None:
    await app.signed_in(browser)
    async with browser.get(f"{app.address}/nowhere") as response:
        assert 'action="/sign-out"' in await response.text()


# ---- V8: roles


async def test_asvs_8_2_1_each_change_needs_its_role(settings: Settings, browser: aiohttp.ClientSession) -> None:
    async with behind_a_proxy(settings) as proxied:
        keys = {}
        for user in ("vera", "otto", "ada"):
            async with browser.get(f"{proxied.address}/api/v1/me", headers={"X-Forwarded-User": user}) as response:
                keys[user] = (await response.json())["form_key"]
        for one in OPERATIONS:
            url = f"{proxied.address}/api/v1" + re.sub(r"\{\w+\}", "nothing", one.path)
            for user, role in (("vera", Role.VIEWER), ("otto", Role.APPROVER), ("ada", Role.ADMINISTRATOR)):
                headers = {"X-Forwarded-User": user, "X-Form-Key": keys[user]}
                found = await status(browser, one.method, url, headers=headers)
                assert (found == 403) is not role.may(one.role), (one.name, user, found)
        # A user without a role has none.
        assert await status(browser, "GET", f"{proxied.address}/api/v1/me", headers={"X-Forwarded-User": "eve"}) == 401


async def test_asvs_8_2_1_no_route_that_changes_something_is_open_to_viewers(app: WebHost) -> None:
    from connector_core.web.application import build_application
    from connector_core.web.site import Site

    found = build_application(Site(app.host, NotedRuns(), None, None)).router.routes()  # type: ignore[arg-type]
    roles = {
        (one.method, one.resource.canonical): getattr(one.handler, _NEEDED, Role.VIEWER)
        for one in found
        if one.resource and one.method not in {"GET", "HEAD", "OPTIONS"}
    }
    assert roles.pop(("POST", "/sign-in")) is None
    assert roles.pop(("POST", "/sign-out")) is Role.VIEWER
    # What these look for comes in a body, since an address would keep it. They change nothing.
    for path in ("people/search", "people/{source_id}/reports"):
        assert roles.pop(("POST", f"/api/v1/integrations/{{name}}/{path}")) is Role.VIEWER
    assert roles.pop(("POST", "/integrations/{name}/people")) is Role.VIEWER
    assert {*roles.values()} == {Role.APPROVER, Role.ADMINISTRATOR}


# ---- V12 and V13: connections


async def test_asvs_12_1_1_tls_is_1_2_or_newer(tls: WebHost, authority: trustme.CA) -> None:
    address, _, port = tls.address.removeprefix("https://").rpartition(":")

    async def spoken(least: ssl.TLSVersion, most: ssl.TLSVersion) -> str | None:
        context = ssl.create_default_context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        authority.configure_trust(context)
        context.minimum_version, context.maximum_version = least, most
        _, writer = await asyncio.open_connection(address, int(port), ssl=context)
        version: str | None = writer.get_extra_info("ssl_object").version()
        writer.close()
        return version

    assert await spoken(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert await spoken(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match="TLS"), pytest.raises((ssl.SSLError, ConnectionError)):
        await spoken(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


async def test_asvs_12_2_1_other_machines_are_not_served_over_plain_http(settings: Settings, tls: WebHost) -> None:
    with pytest.raises(SettingsError, match="plain HTTP"):
        refuse_plain_http(web_settings(listen="0.0.0.0:8080"))
    exposed = settings.model_copy(update={"web": web_settings(listen=f"0.0.0.0:{free_port()}")})
    with pytest.raises(SettingsError, match="plain HTTP"):
        async with Host(exposed) as host, serving(host):
            pass
    assert tls_of(tls.host.settings.web) is not None
    async with client() as plain:
        with pytest.raises(aiohttp.ClientError):
            await status(plain, "GET", tls.address.replace("https://", "http://"))


class _Addresses(HTMLParser):
    """The addresses that a page loads, or leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value or "" for name, value in attributes if name in {"src", "href", "action", "srcset"}]


async def test_asvs_13_2_4_pages_reach_no_address_outside(app: WebHost, browser: aiohttp.ClientSession) -> None:
    await app.signed_in(browser)
    for path in ("/nowhere", "/settings/integrations", "/settings/catalogue", "/integrations/acme"):
        async with browser.get(app.address + path) as response:
            read = _Addresses()
            read.feed(await response.text())
            assert read.found
            assert [one for one in read.found if not re.match(r"/(?!/)|#", one)] == []
            policy = response.headers["Content-Security-Policy"]
            assert not re.search(r"https?:|\*|wss?:", policy)
    for file in (STATIC / "app.css", STATIC / "app.js", STATIC / "pico.classless.min.css"):
        assert not re.search(r"(url\(|@import|fetch\()\s*[\"']?(https?:)?//", file.read_text(encoding="utf-8"))


def test_asvs_13_2_4_only_the_listed_modules_open_connections() -> None:
    listed = set(re.findall(r"`connector_core/([\w/]+)`", (ROOT / "docs/security.md").read_text(encoding="utf-8")))
    opens = re.compile(r"ClientSession\(|TCPConnector\(|open_connection\(|create_connection\(|urlopen\(|aiosmtplib")
    for file in (ROOT / "connector_core").rglob("*.py"):
        place = file.relative_to(ROOT / "connector_core").as_posix()
        if opens.search(file.read_text(encoding="utf-8")) and not place.startswith("testing/"):
            assert any(place.startswith(one) for one in listed), place


async def test_asvs_13_4_4_trace_is_not_answered(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path in ("/", "/sign-in", "/api/v1/me"):
        assert await status(browser, "TRACE", app.address + path, headers=app.bearer) == 405


async def test_asvs_13_4_5_document_and_figures_need_a_user(app: WebHost, browser: aiohttp.ClientSession) -> None:
    assert await status(browser, "GET", f"{app.address}/api/v1/openapi.json") == 401
    assert await status(browser, "GET", f"{app.address}/metrics") == 303


# ---- V14: data


async def test_asvs_14_2_1_no_address_holds_a_name_or_what_was_typed(
    app: WebHost, browser: aiohttp.ClientSession
) -> None:
    key = await app.signed_in(browser)
    people = f"{app.address}/integrations/acme/people"
    one = (await app.host.directory("acme")).people(limit=1).rows[0]
    assert one.email
    typed = {"search": one.email, "status": one.status.value, "form_key": key}
    async with browser.post(people, data=typed, allow_redirects=False) as response:
        assert response.status == 303
        following = response.headers["Location"]
    assert {*URL(following).query} == {"find", "status"}
    async with browser.get(f"{app.address}{following}") as response:
        page = await response.text()
    assert escape(one.name) in page
    assert f'value="{escape(one.email)}"' in page
    # What is not sealed is not looked at, so that no page leads there.
    async with browser.get(people, params={"search": "no such person"}) as response:
        page = await response.text()
    assert escape(one.name) in page
    (more,) = set(re.findall(r'href="(/integrations/acme/people\?find=[^"]+)"', page))
    async with browser.get(app.address + more) as response:
        assert (response.status, escape(one.name) in await response.text()) == (200, False)
    assert await status(browser, "GET", f"{people}?find=x") == 404
    # No address on a page, and none of the API, names a person.
    held = re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', page)
    names = {part for person in (await app.host.directory("acme")).people(limit=500).rows for part in _words(person)}
    assert held
    assert not [one for one in held for name in names if name in unquote(one).casefold()]
    queries = {
        name for operation in OPERATIONS if "query" in operation.parts for name in operation.parts["query"].model_fields
    }
    assert queries == {"after", "limit", "cron", "integration", "parent", "since"}


def _words(person: PersonRow) -> set[str]:
    return {person.name.casefold(), (person.email or person.name).casefold()}


# ---- V16: logs and errors


async def test_asvs_16_2_5_no_log_holds_a_secret_or_a_person(
    app: WebHost, browser: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (person,) = await app.host.listings.entities("acme", await app.host.kind("acme", "employees"), limit=1)
    with capture_logs() as logs:
        key = await app.signed_in(browser)
        (cookie,) = [one.value for one in browser.cookie_jar]
        async with client() as stranger:
            for headers in ({}, app.bearer, {"Authorization": "Bearer a-wrong-token-1234"}):
                for path in (f"/api/v1/integrations/acme/entities/employees/{person.source_id}", "/bug"):
                    await status(stranger, "GET", app.address + path, headers=headers)
            await status(stranger, "POST", f"{app.address}/sign-in", data={"token": "a-wrong-token-1234"})
            new = {"name": "b", "connector": "namely", "fields": {"personal_access_token": "a-providers-secret"}}
            await status(stranger, "POST", f"{app.address}/api/v1/integrations", json=new, headers=app.bearer)
        await raw(app, f"GET / HTTP/1.1\r\nHost: x\r\nCookie: discover-1={cookie}\x00\r\n\r\n")
    written = f"{logs} {caplog.text} {[str(one.__dict__) for one in caplog.records]}"
    events = {one["event"] for one in logs}
    assert {"web_signed_in", "web_sign_in_refused", "web_unidentified", "web_bug", "web_malformed_request"} <= events
    for secret in (TOKEN, cookie, key, "a-wrong-token-1234", "a-providers-secret", person.source_id, "of a person"):
        assert secret not in written


async def test_asvs_16_3_1_signing_in_and_out_is_logged(
    app: WebHost, browser: aiohttp.ClientSession, clock: Clock
) -> None:
    with capture_logs() as logs:
        key = await app.signed_in(browser)
        await status(browser, "POST", f"{app.address}/sign-out", headers={"X-Form-Key": key})
        await status(browser, "POST", f"{app.address}/sign-in", data={"token": "wrong"})
        for _ in range(2):
            await status(browser, "GET", f"{app.address}/api/v1/me", headers=app.bearer)
        wrong = {"Authorization": "Bearer wrong"}
        for _ in range(5):
            await status(browser, "GET", f"{app.address}/api/v1/me", headers=wrong)
    found = [(one["event"], one.get("means"), one["remote"]) for one in logs]
    assert found == [
        ("web_signed_in", "form", "127.0.0.1"),
        ("web_signed_out", None, "127.0.0.1"),
        ("web_sign_in_refused", "form", "127.0.0.1"),
        ("web_signed_in", "bearer", "127.0.0.1"),
        *[("web_sign_in_refused", "bearer", "127.0.0.1")] * 4,
        ("web_sign_in_throttled", "bearer", "127.0.0.1"),
    ]
    with capture_logs() as logs:
        clock.now += 3700
        await status(browser, "GET", f"{app.address}/api/v1/me", headers=app.bearer)
    assert [one["event"] for one in logs] == ["web_signed_in"]


async def test_asvs_16_3_2_what_a_role_does_not_allow_is_logged(
    settings: Settings, browser: aiohttp.ClientSession
) -> None:
    async with behind_a_proxy(settings) as proxied:
        with capture_logs() as logs:
            assert (
                await status(browser, "POST", proxied.address + SENSITIVE, headers={"X-Forwarded-User": "vera"}) == 403
            )
    (entry,) = logs
    assert (entry["event"], entry["user"], entry["role"], entry["needed"], entry["method"], entry["resource"]) == (
        *("web_refused", "vera", "viewer", "approver", "POST"),
        "/api/v1/integrations/{name}/cancel",
    )


async def test_asvs_16_3_3_attempts_to_go_around_a_protection_are_logged(
    app: WebHost, browser: aiohttp.ClientSession, settings: Settings
) -> None:
    await app.signed_in(browser)
    with capture_logs() as logs:
        await status(browser, "POST", app.address + SENSITIVE)
        await status(browser, "GET", f"{app.address}/", headers={"Host": "evil.example"})
        await raw(app, "GET / HTTP/1.1\r\nbad header\r\n\r\n")
        async with behind_a_proxy(settings, proxies=("192.0.2.1",)) as elsewhere:
            await status(browser, "GET", f"{elsewhere.address}/")
    found = [one["event"] for one in logs]
    assert found == ["web_foreign_request", "web_wrong_host", "web_malformed_request", "web_proxy_bypassed"]


async def test_asvs_16_3_4_unexpected_errors_are_logged_by_their_place(
    app: WebHost, browser: aiohttp.ClientSession
) -> None:
    with capture_logs() as logs:
        assert await status(browser, "GET", f"{app.address}/bug", headers=app.bearer) == 500
    (entry,) = [one for one in logs if one["event"] == "web_bug"]
    assert entry["log_level"] == "error"
    assert re.fullmatch(r"KeyError in bug, line \d+ of test_security\.py", entry["where"])


async def test_asvs_16_4_1_no_request_writes_a_line_of_the_log(app: WebHost, browser: aiohttp.ClientSession) -> None:
    with capture_logs() as logs:
        await status(browser, "GET", f"{app.address}/api/v1/integrations/a%0Aevent=forged")
        await status(browser, "GET", f"{app.address}/api/v1/integrations/b", headers={"User-Agent": "forged"})
    assert [one["resource"] for one in logs] == ["/api/v1/integrations/{name}"] * 2
    assert "forged" not in str(logs)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("multipart/form-data; boundary=x", b"not in parts", 415),
        ("application/x-www-form-urlencoded; charset=nothing", b"token=a", 400),
        ("application/x-www-form-urlencoded; charset=utf-8", b"token=\xff", 400),
        ("text/plain", b"token=a", 403),
        ("application/x-www-form-urlencoded", b"token=" + b"a" * 300_000, 413),
    ],
)
async def test_asvs_16_5_3_a_form_that_cannot_be_read_is_refused_and_is_no_bug(
    app: WebHost, browser: aiohttp.ClientSession, kind: str, body: bytes, expected: int
) -> None:
    for path in ("/sign-in", "/sign-out"):
        headers = {"Content-Type": kind}
        with capture_logs() as logs:
            found = await status(browser, "POST", app.address + path, data=body, headers=headers)
        assert "web_bug" not in {one["event"] for one in logs}
        # Strangers are led to the form before theirs is read.
        assert found == (expected if path == "/sign-in" else 303)


async def test_asvs_16_5_1_an_unexpected_error_tells_nothing(app: WebHost, browser: aiohttp.ClientSession) -> None:
    for path in ("/bug", "/api/v1/bug"):
        async with browser.get(app.address + path, headers=app.bearer) as response:
            text = await response.text()
            assert response.status == 500
            assert not re.search(r"KeyError|Traceback|\.py|line \d|secret of a person", text)


def test_the_table_in_the_documents_and_these_tests_name_the_same_numbers() -> None:
    document = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\d+\.\d+\.\d+) \| [^|]+ \| ((?:`test_\w+` ?)+) \| (met|met over TLS|in part)[^|]* \|$",
        document,
        re.MULTILINE,
    )
    named = {(number, name) for number, tests, _ in rows for name in re.findall(r"`(\w+)`", tests)}
    tests = {
        (".".join(found.groups()), name)
        for name in globals()
        if (found := re.match(r"test_asvs_(\d+)_(\d+)_(\d+)_", name))
    }
    assert named == tests
    assert len({number for number, _, _ in rows}) == len(rows) > 30

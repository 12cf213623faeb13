"""Simulated authorization server (OAuth 2), which the simulators of providers that issue tokens are composed with."""

import asyncio
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from aiohttp import web

from connector_core.testing.answers import BODY, Answer, json_answer
from connector_core.testing.assertions import OAuthError, verified
from connector_core.testing.grants import Code, Family

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
_CODE_LIFE = 60.0
_LONGEST_ASSERTION = 3600.0


@dataclass
class AuthorizationServer:
    """One authorization server with one client and one user, who consents.

    A simulator assigns it to ``oauth``, and asks it first in ``answer``. Its endpoints are told by their paths, on
    whatever host: one that is not the simulator's own is among its ``other_hosts``. Without ``client_secret`` and
    ``private_key`` the client is public. Attributes may be changed while it serves. The kit sets ``rotation`` itself.

    Example::

        class AcmeSimulator(StaffSimulator):
            host = "api.acme.example"
            other_hosts = ("login.acme.example",)
            credentials = {"client_id": "client-1", "client_secret": "simulated-secret"}
            oauth: AuthorizationServer

            def __init__(self, people: int, seed: int) -> None:
                super().__init__(people, seed)
                self.oauth = AuthorizationServer(
                    "https://login.acme.example",
                    "client-1",
                    client_secret="simulated-secret",
                    scopes=frozenset({"people.read"}),
                    issued=self.issued,
                )

            def answer(self, request: web.Request) -> Answer:
                if answer := self.oauth.answer(request):
                    return answer
                if not self.oauth.accepts(request):
                    return json_answer({"error": "invalid_token"}, 401)
                return json_answer({"people": [{"id": str(one.number)} for one in self.people]})
    """

    issuer: str
    """Its address, without a slash at its end: that of its token endpoint is the audience of assertions."""
    client_id: str
    client_secret: str = ""
    private_key: str = ""
    """The client's private key in PEM. Only its public half is used."""
    token_path: str = "/oauth2/token"  # noqa: S105 - a path
    authorize_path: str = "/oauth2/authorize"
    scopes: frozenset[str] = frozenset()
    """The scopes that it grants. A request must name some of them, and no others; empty accepts any or none."""
    audience: str = ""
    """The ``audience`` that requests for client credentials must name."""
    secret_in: Literal["body", "basic", "either"] = "either"  # noqa: S105 - a place
    """Place of the client's secret in a token request."""
    token_life: float = 3600.0
    """Seconds for which an access token is valid."""
    rotation: Literal["none", "on_use", "at_once"] = "none"
    """When a refresh token ends: never; when the one that replaced it is first used; or when it is used itself."""
    revokes_family: bool = False
    """True if the use of a refresh token that has ended revokes all tokens of that consent."""
    denies: bool = False
    """True if the user denies access."""
    gives_refresh_tokens: bool = True
    """False if a user's consent brings an access token alone."""
    sends_issuer: bool = True
    """True if the address that the user is sent back to names the issuer (RFC 9207)."""
    issued: set[str] = field(default_factory=set)
    """All codes and tokens, which are secrets: give it the simulator's own set."""
    counts: Counter[str] = field(default_factory=Counter)
    """Token requests that were granted, by grant type; those ``refused``; and refresh tokens that were ``reused``."""
    requested: list[Mapping[str, str]] = field(default_factory=list)
    """The form of each token request, without its secrets."""

    def __post_init__(self) -> None:
        self._codes: dict[str, Code] = {}
        self._families: list[Family] = []
        self._valid_until: dict[str, float] = {}
        self._assertions: set[str] = set()

    def answer(self, request: web.Request) -> Answer | None:
        """Return the answer to a request at one of the two endpoints, or None for another one."""
        if request.path == self.token_path and request.method == "POST":
            form = dict(parse_qsl(request[BODY].decode(errors="replace"), keep_blank_values=True))
            hidden = {"client_secret", "client_assertion", "code", "code_verifier", "refresh_token"}
            self.requested.append({name: value for name, value in form.items() if name not in hidden})
            try:
                return json_answer(self._grant(request, form), 200, _JSON)
            except OAuthError as error:
                self.counts["refused"] += 1
                return self.refusal(error)
        if request.path == self.authorize_path and request.method == "GET":
            return self._authorize(dict(request.query))
        return None

    def accepts(self, request: web.Request) -> bool:
        """Return True if the request is signed with a valid access token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._valid_until.get(token, 0.0) > _now()

    def refusal(self, error: OAuthError) -> Answer:
        """Return the answer to a token request that is refused. A provider with a shape of its own overrides it."""
        return json_answer({"error": error.code, "error_description": "Simulated"}, error.status, _JSON)

    def revoke(self) -> None:
        """Make all access tokens invalid, whatever their lifetime. Refresh tokens stay valid."""
        self._valid_until.clear()

    def revoke_consent(self) -> None:
        """Make all tokens invalid, as if the user had withdrawn the consent."""
        self.revoke()
        for one in self._families:
            one.revoked = True

    def consent(self, scope: str = "") -> str:
        """Return a new refresh token, as if the user had signed in already."""
        family = Family(scope)
        self._families.append(family)
        return self._new_refresh_token(family)

    def adopt_consents(self, other: "AuthorizationServer") -> None:
        """Accept the refresh tokens of another server, as if this one had issued them."""
        self._families = other._families  # noqa: SLF001 - it is one, too
        self.issued |= {token for one in self._families for token in one.tokens}

    # ---- the user's browser

    def _authorize(self, query: Mapping[str, str]) -> Answer:
        redirect_uri, state = query.get("redirect_uri", ""), query.get("state", "")
        if query.get("client_id") != self.client_id or not urlsplit(redirect_uri).scheme:
            # Sent nowhere: the address may be an attacker's.
            return Answer(400, b"<h1>Unknown client</h1>", (("Content-Type", "text/html"),))
        back = {"state": state} | ({"iss": self.issuer} if self.sends_issuer else {})
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            back["error"] = "invalid_request"
        elif self._unknown_scope(query.get("scope", "")):
            back["error"] = "invalid_scope"
        elif self.denies:
            back["error"] = "access_denied"
        else:
            code = self._new("code")
            self._codes[code] = Code(
                query.get("code_challenge", ""), redirect_uri, query.get("scope", ""), _now() + _CODE_LIFE
            )
            back["code"] = code
        joined = f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{urlencode(back)}"
        return Answer(302, b"", (("Location", joined),))

    def _unknown_scope(self, scope: str) -> bool:
        wanted = set(scope.split())
        return bool(self.scopes) and (not wanted or not wanted <= self.scopes)

    # ---- token requests

    def _grant(self, request: web.Request, form: Mapping[str, str]) -> dict[str, Any]:
        self._authenticate(request, form)
        grant_type = form.get("grant_type", "")
        by_type: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "client_credentials": self._grant_to_client,
            "authorization_code": self._grant_for_code,
            "refresh_token": self._grant_for_refresh_token,
        }
        if grant_type not in by_type:
            raise OAuthError("unsupported_grant_type")
        tokens = by_type[grant_type](form)
        self.counts[grant_type] += 1
        return tokens

    def _authenticate(self, request: web.Request, form: Mapping[str, str]) -> None:
        """Raise OAuthError unless the client has proved who it is."""
        client_id, secret, place = form.get("client_id", ""), form.get("client_secret", ""), "body"
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, _, secret = map(unquote_plus, b64decode(encoded).decode(errors="replace").partition(":"))
            place = "basic"
        if self.private_key:
            self._verify_assertion(form)
            return
        refused = bool(self.client_secret) and self.secret_in not in {"either", place}
        if refused or client_id != self.client_id or secret != self.client_secret:
            raise OAuthError("invalid_client", 401)

    def _verify_assertion(self, form: Mapping[str, str]) -> None:
        claims = verified(form.get("client_assertion", ""), self.private_key)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        left, identity = float(claims.get("exp", 0)) - time.time(), str(claims.get("jti", ""))
        good = (
            form.get("client_assertion_type") == ASSERTION_TYPE
            and claims.get("iss") == claims.get("sub") == self.client_id
            and form.get("client_id", self.client_id) == self.client_id
            and f"{self.issuer}{self.token_path}" in audiences
            and 0 < left <= _LONGEST_ASSERTION
            and identity not in self._assertions
        )
        if not good:
            raise OAuthError("invalid_client", 401)
        self._assertions |= {identity} - {""}

    def _grant_to_client(self, form: Mapping[str, str]) -> dict[str, Any]:
        if not (self.client_secret or self.private_key):
            raise OAuthError("unauthorized_client")
        scope = form.get("scope", "")
        if self._unknown_scope(scope):
            raise OAuthError("invalid_scope")
        if form.get("audience", "") != self.audience:
            raise OAuthError("invalid_target")
        return self._tokens(scope)

    def _grant_for_code(self, form: Mapping[str, str]) -> dict[str, Any]:
        found = self._codes.pop(form.get("code", ""), None)
        digest = sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            found is None
            or found.until <= _now()
            or challenge != found.challenge
            or form.get("redirect_uri", "") != found.redirect_uri
        ):
            raise OAuthError("invalid_grant")
        family = Family(found.scope)
        self._families.append(family)
        return self._tokens(found.scope, family, self._new_refresh_token(family) if self.gives_refresh_tokens else "")

    def _grant_for_refresh_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        token = form.get("refresh_token", "")
        family = next((one for one in self._families if token in one.tokens), None)
        if family is None or family.revoked:
            raise OAuthError("invalid_grant")
        if not self._is_current(family, token):
            self.counts["reused"] += 1
            if self.revokes_family:
                family.revoked = True
                for one in family.access:
                    self._valid_until.pop(one, None)
            raise OAuthError("invalid_grant")
        if self.rotation == "none":
            return self._tokens(family.scope, family)
        if token != family.tokens[-1]:
            # The one that replaced it never arrived, so it never will be used.
            family.tokens.remove(family.tokens[-1])
        return self._tokens(family.scope, family, self._new_refresh_token(family))

    def _is_current(self, family: Family, token: str) -> bool:
        if self.rotation == "none":
            return True
        return token in family.tokens[-2 if self.rotation == "on_use" else -1 :]

    # ---- tokens

    def _tokens(self, scope: str, family: Family | None = None, refresh_token: str = "") -> dict[str, Any]:
        token = self._new("access")
        self._valid_until[token] = _now() + self.token_life
        if family:
            family.access.add(token)
        answer = {"token_type": "Bearer", "access_token": token, "expires_in": int(self.token_life)}
        if scope:
            answer["scope"] = scope
        return answer | ({"refresh_token": refresh_token} if refresh_token else {})

    def _new_refresh_token(self, family: Family) -> str:
        family.tokens.append(self._new("refresh"))
        return family.tokens[-1]

    def _new(self, kind: str) -> str:
        token = f"simulated-{kind}-{secrets.token_hex(16)}"
        self.issued.add(token)
        return token


def _now() -> float:
    return asyncio.get_running_loop().time()

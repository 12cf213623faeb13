"""The sign-in of a user at a provider: the address to open, and what is made of the one that the user is sent back to.

OAuth 2 with an authorization code (RFC 6749), PKCE (RFC 7636) and a state of its own for each sign-in (RFC 9700).
"""

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from pydantic import SecretStr

from connector_core.errors import InvalidCredentialsError, RejectedCredentialsError
from connector_core.http import AuthorizedCode, TokensInMemory
from connector_core.http.auth.tokens import address_of
from connector_core.sdk.authentication import AuthorizationCode
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.field_types import NOT_OBTAINED
from connector_core.sdk.manifest import Manifest
from connector_core.secrecy import hide

_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_CHECK = "Check the client's id, and that {redirect_uri} is a redirect URI of the application there."
_REMEDIES = MappingProxyType(
    {
        "access_denied": "Sign in again as a user who may read what is wanted, and allow access.",
        "invalid_scope": "Grant the application the scopes that the connector's page names, and sign in again.",
        "invalid_request": _CHECK,
        "unauthorized_client": _CHECK,
        "server_error": "Try again later.",
        "temporarily_unavailable": "Try again later.",
    }
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that is under way."""

    address: str = field(repr=False)
    """The address to open in the user's browser."""
    redirect_uri: str
    """The address that the user is sent back to, with the answer in its query."""
    _manifest: Manifest = field(repr=False)
    _state: SecretStr
    _verifier: SecretStr

    def awaits(self, state: str) -> bool:
        """Return True if an answer with this state belongs to this sign-in."""
        return secrets.compare_digest(state.encode(), self._state.get_secret_value().encode())

    def tokens(self, answer: str | SecretStr) -> TokensInMemory:
        """Return the tokens that the answer leads to, which are fetched when they are first needed.

        Args:
            answer: The address that the user was sent back to, its query, or the code alone.

        Raises RejectedCredentialsError if access was refused or the answer is another sign-in's, and
        InvalidCredentialsError if there is no code in it.
        """
        text = (answer.get_secret_value() if isinstance(answer, SecretStr) else answer).strip()
        code = SecretStr(self._code_in(text) if re.match(r"https?://|\?", text) or "state=" in text else unquote(text))
        if not re.fullmatch(r"[!-~]+", code.get_secret_value()):
            raise InvalidCredentialsError(
                "There is no code in what was pasted.",
                hint="Paste the whole address that the browser shows when you have signed in.",
            )
        hide(code)
        return TokensInMemory(AuthorizedCode(code, self._verifier, self.redirect_uri))

    def _code_in(self, address: str) -> str:
        query = urlsplit(address).query if "?" in address else address
        given = {name: values[0] for name, values in parse_qs(query).items()}
        title = self._manifest.title
        if not self.awaits(given.get("state", "")):
            raise RejectedCredentialsError(
                "This is the answer to another sign-in.",
                hint="Open the address that was shown last, and sign in there.",
            )
        if issuer := given.get("iss"):
            self._check_issuer(issuer)
        if error := given.get("error"):
            named = f" ({error})" if _ERROR_CODE.fullmatch(error) else ""
            remedy = _REMEDIES.get(error, "Sign in again.").format(redirect_uri=self.redirect_uri)
            raise RejectedCredentialsError(f"{title} has refused the sign-in{named}.", hint=remedy)
        return given.get("code", "")

    def _check_issuer(self, issuer: str) -> None:
        """Raise RejectedCredentialsError if another server than the connector's has answered (RFC 9207)."""
        host = urlsplit(issuer).hostname or ""
        if host != urlsplit(self.address).hostname and not self._manifest.allows(host):
            raise RejectedCredentialsError(
                f"The answer to the sign-in does not come from {self._manifest.title}.", hint="Sign in again."
            )


def sign_in(manifest: Manifest, credentials: Credentials, redirect_uri: str) -> SignIn | None:
    """Begin the sign-in that these credentials need; None if they need none. The manifest is resolved."""
    auth = manifest.auth
    if not isinstance(auth, AuthorizationCode) or getattr(credentials, auth.refresh_token) != NOT_OBTAINED:
        return None
    state, verifier = SecretStr(secrets.token_urlsafe(32)), SecretStr(secrets.token_urlsafe(64))
    query = {
        "response_type": "code",
        "client_id": str(getattr(credentials, auth.client_id)),
        "redirect_uri": redirect_uri,
        "scope": auth.scope,
        "audience": auth.audience,
        "state": state.get_secret_value(),
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
    }
    base = address_of(auth.authorize_url, manifest.base_url)
    given = urlencode({name: value for name, value in query.items() if value})
    return SignIn(f"{base}{'&' if '?' in base else '?'}{given}", redirect_uri, manifest, state, verifier)


def _challenge(verifier: SecretStr) -> str:
    return urlsafe_b64encode(sha256(verifier.get_secret_value().encode()).digest()).rstrip(b"=").decode()

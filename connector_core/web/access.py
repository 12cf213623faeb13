"""Sign-in, sessions and roles, or the user whom a trusted proxy names."""

import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

import structlog
from aiohttp import web
from pydantic import SecretStr

from connector_core.settings import Endpoint, Role, WebSettings
from connector_core.web.addresses import client_of
from connector_core.web.errors import SignInRefusedError, SignInRequiredError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)

_MOST_SESSIONS = 1000
_TRIES, _WINDOW = 5, 60.0
"""Wrong tokens from one address, and from all together ten times as many, within so many seconds."""
_NEEDED = "__needed_role__"


@dataclass(frozen=True, slots=True)
class User:
    """The user of a request. ``key`` binds forms to the session; without one it is empty."""

    name: str
    role: Role
    key: str = ""
    is_program: bool = False
    """True if the request carries the token itself, which no page of another site can make a browser send."""


USER = web.RequestKey("user", User)


@dataclass(slots=True)
class _Session:
    user: User
    began: float
    seen: float


def needs(role: Role) -> Callable[[H], H]:
    """Mark a handler that only this role, or a higher one, may call. Without it a viewer may."""

    def mark(handler: H) -> H:
        setattr(handler, _NEEDED, role)
        return handler

    return mark


def open_to_all(handler: H) -> H:
    """Mark a handler that needs no user."""
    setattr(handler, _NEEDED, None)
    return handler


def needed_role(request: web.Request) -> Role | None:
    """Return the role that a request needs, or None if it needs no user. An unknown path needs a viewer."""
    role: Role | None = getattr(request.match_info.handler, _NEEDED, Role.VIEWER)
    return role


class Access:
    """The users of one web host. Sessions are in memory: after a restart everyone signs in again."""

    def __init__(
        self, settings: WebSettings, token: SecretStr, *, secure: bool, clock: Callable[[], float] = monotonic
    ) -> None:
        self._settings = settings
        self._token = _digest(token.get_secret_value())
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}
        self._wrong: dict[str, deque[float]] = {}
        self._programs: dict[str, float] = {}
        self._forms = secrets.token_bytes(32)
        self.secure = secure
        self.cookie = "__Host-session" if secure else f"discover-{Endpoint.parse(settings.listen).port}"
        """A ``__Host-`` cookie needs HTTPS, which a host on the loopback address may lack. There the programs of all
        ports share their cookies, so the name says whose it is."""

    @property
    def by_proxy(self) -> bool:
        """True if a proxy in front names the users, so that users do not sign in here."""
        # Without a declared proxy everyone could send the header.
        return bool(self._settings.user_header and self._settings.proxies)

    def identify(self, request: web.Request) -> User | None:
        """Return the user of a request, or None. SignInRequiredError, or SignInRefusedError, for a wrong token."""
        if self.by_proxy:
            return self._named_by_proxy(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._with_token(self.client_of(request), token.strip())
        return self._in_session(request.cookies.get(self.cookie, ""))

    def client_of(self, request: web.Request) -> str:
        """Return the address that a request came from: behind a declared proxy, the one that the proxy names."""
        return client_of(request, self._settings.proxies)

    def sign_in(self, remote: str, token: str) -> str:
        """Begin a session; return the value of its cookie. SignInRefusedError for a wrong token, or too many."""
        self._refuse_many(remote)
        if not self._is_token(token.strip()):
            self._note_wrong(remote)
            raise SignInRefusedError("This is not the token.", hint="`discover serve` prints it when it starts.")
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        value, now = secrets.token_urlsafe(32), self._clock()
        user = User("administrator", Role.ADMINISTRATOR, secrets.token_hex(16))
        self._sessions[_digest(value)] = _Session(user, now, now)
        return value

    def sign_out(self, request: web.Request) -> None:
        """End the session of a request."""
        self._sessions.pop(_digest(request.cookies.get(self.cookie, "")), None)

    def _with_token(self, remote: str, token: str) -> User:
        """Return the user of a program that sends the token."""
        log = structlog.get_logger().bind(remote=remote, means="bearer")
        try:
            self._refuse_many(remote)
        except SignInRefusedError:
            log.warning("web_sign_in_throttled")
            raise
        if not self._is_token(token):
            self._note_wrong(remote)
            log.warning("web_sign_in_refused")
            raise SignInRequiredError("This is not the token.", hint="`discover serve` prints it when it starts.")
        now = self._clock()
        if now - self._programs.pop(remote, -self._idle) >= self._idle:
            # A program that scrapes figures would fill the log if each of its requests were noted.
            log.info("web_signed_in")
        while len(self._programs) >= _MOST_SESSIONS:
            del self._programs[next(iter(self._programs))]
        self._programs[remote] = now
        return User("token", Role.ADMINISTRATOR, is_program=True)

    def form_key(self, user: User) -> str:
        """Return the key that a user's forms carry, so that no other site can send one."""
        return hmac.digest(self._forms, (user.key or user.name).encode(), "sha256").hex()

    @property
    def _idle(self) -> float:
        return self._settings.session_idle * 60

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(_digest(token), self._token)

    def goes_on(self, request: web.Request) -> bool:
        """Return False once the session of a request that is still being answered has ended.

        A page that stays open is no activity of its user: it prolongs nothing.
        """
        if self.by_proxy or "Authorization" in request.headers:
            return True
        return self._session(_digest(request.cookies.get(self.cookie, ""))) is not None

    def _in_session(self, value: str) -> User | None:
        session = self._session(_digest(value))
        if session is None:
            return None
        session.seen = self._clock()
        return session.user

    def _session(self, key: bytes) -> _Session | None:
        session, now = self._sessions.get(key), self._clock()
        lifetime = self._settings.session_lifetime * 3600
        if session and (now - session.seen > self._idle or now - session.began > lifetime):
            del self._sessions[key]
            return None
        return session

    def _named_by_proxy(self, request: web.Request) -> User | None:
        names = request.headers.getall(self._settings.user_header, [])
        name = names[0].strip() if len(names) == 1 else ""
        role = self._settings.roles.get(name, self._settings.default_role) if name else None
        return User(name, role) if role else None

    def _refuse_many(self, remote: str) -> None:
        """Raise SignInRefusedError if there were too many wrong tokens to look at another one."""
        if wait := self._wait(remote):
            raise SignInRefusedError(
                "There were too many wrong tokens.", hint=f"Try again in {wait:.0f} seconds.", retry_after=wait
            )

    def _wait(self, remote: str) -> float:
        """Return the seconds to wait before another token is looked at."""
        now, waits, limits = self._clock(), [0.0], [(remote, _TRIES)]
        if remote not in self._programs:
            # Programs that had the right token go on, whatever others try from elsewhere.
            limits.append(("", 10 * _TRIES))
        for key, most in limits:
            wrong = self._wrong.get(key, deque())
            while wrong and wrong[0] <= now - _WINDOW:
                wrong.popleft()
            if len(wrong) >= most:
                waits.append(wrong[0] + _WINDOW - now)
        return max(waits)

    def _note_wrong(self, remote: str) -> None:
        for key in (remote, ""):
            self._wrong.setdefault(key, deque(maxlen=10 * _TRIES)).append(self._clock())
        for key in [key for key, wrong in self._wrong.items() if wrong[-1] <= self._clock() - _WINDOW]:
            del self._wrong[key]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

"""Receivers of notices for tests: an HTTPS server and mail servers on this machine, with real certificates."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import trustme
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "hooks.example"


@dataclass
class Hooks:
    """A receiver of webhooks. ``answers`` are the next statuses; 204 when there are none left."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and body of each request."""
    stalls: bool = False

    @property
    def address(self) -> str:
        return f"https://{HOST}/in/secret-path"

    async def answer(self, request: web.Request) -> web.Response:
        self.received.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        if self.stalls:
            await asyncio.sleep(3600)
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status in {301, 307} else {})


@asynccontextmanager
async def serve_hooks(authority: trustme.CA, *, host: str = HOST) -> AsyncIterator[Hooks]:
    """Serve a receiver over TLS."""
    hooks = Hooks()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hooks.answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    hooks.port = runner.addresses[0][1]
    try:
        yield hooks
    finally:
        await runner.cleanup()


@dataclass
class Mailbox:
    """Handler of a mail server, which keeps what it was sent. ``refused`` are recipients that it does not take."""

    refused: frozenset[str] = frozenset()
    mails: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refused:
            return f"550 {address} is unknown here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        del session
        self.mails.append(envelope)
        self.encrypted.append(bool(server.transport and server.transport.get_extra_info("ssl_object")))
        return "250 OK"


def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    del server, session, envelope, mechanism
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (b"discover", b"canary-mail-password")
    # Not handled here: the server answers.
    return AuthResult(success=right, handled=False)


class _AnyPort(Controller):
    """A controller that lets the system choose the port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's


@contextmanager
def serve_mail(
    mailbox: Mailbox, authority: trustme.CA | None, security: str, *, with_user: bool = False
) -> Iterator[int]:
    """Serve a mailbox by a thread; yield its port."""
    context = None
    if authority:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    options: dict[str, Any] = {"authenticator": authenticator} if with_user else {}
    if security == "starttls":
        options.update(tls_context=context, require_starttls=True, auth_required=with_user)
    else:
        # It counts only a connection that was encrypted by STARTTLS.
        options["auth_require_tls"] = False
    controller = _AnyPort(mailbox, "127.0.0.1", 0, ssl_context=context if security == "tls" else None, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()

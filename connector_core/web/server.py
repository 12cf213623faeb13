"""The server of `discover serve`: its address, TLS, and the parts that it starts and stops."""

import asyncio
import errno
import logging
import os
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import SecretStr

from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.scheduling import Service
from connector_core.secrecy import hiding
from connector_core.settings import Endpoint, WebSettings
from connector_core.web.access import Access
from connector_core.web.addresses import is_loopback, is_unspecified
from connector_core.web.application import build_application
from connector_core.web.drafts import Drafts
from connector_core.web.site import Site

TOKEN_VARIABLE = "DISCOVER_SIGN_IN_TOKEN"  # noqa: S105 - the name of a variable
_SHORTEST_TOKEN = 20
_GOODBYE = 2.0
"""Seconds in which open responses end when the server stops; streams of events are closed at once."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A web host that answers."""

    address: str
    token: SecretStr = field(repr=False)
    token_given: bool
    """True if the environment gave the token, which is not printed then."""


@asynccontextmanager
async def serving(host: Host) -> AsyncIterator[Serving]:
    """Serve a host, run its schedules and deliver its notices, within this context.

    SettingsError if the address cannot be used, or is open to others without TLS; BusyError if another service works on
    the same store.
    """
    settings = host.settings.web
    context = tls_of(settings)
    refuse_plain_http(settings)
    refuse_unnamed_proxy(settings)
    refuse_unnamed_host(settings)
    token = _token()
    address = f"{'https' if context else 'http'}://{settings.listen}"
    async with Service(host, address=address) as service:
        access = Access(settings, token, secure=bool(context or settings.proxies))
        app = build_application(Site(host, service.engine, access, Drafts()))
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=ServerLog("web", logging.WARNING),
            handler_cancellation=True,
            shutdown_timeout=_GOODBYE,
        )
        await runner.setup()
        try:
            with hiding([token]):
                await _listen(runner, settings, context)
                yield Serving(address, token, TOKEN_VARIABLE in os.environ)
        finally:
            await runner.cleanup()


class ServerLog(logging.Logger):
    """Logs that aiohttp could not read a request, or answer it, and nothing of what it holds."""

    def handle(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind and issubclass(kind, (HttpProcessingError, web.RequestPayloadError)):
            structlog.get_logger().warning("web_malformed_request", error=kind.__name__)
        elif not (kind and issubclass(kind, ConnectionError)):
            structlog.get_logger().error("web_server_failed", error=kind.__name__ if kind else "")


def _token() -> SecretStr:
    given = os.environ.get(TOKEN_VARIABLE)
    if given is not None and len(given) < _SHORTEST_TOKEN:
        raise SettingsError(
            f"The environment variable {TOKEN_VARIABLE} is too short.",
            hint=f"Use at least {_SHORTEST_TOKEN} random characters, or let a token be made.",
        )
    return SecretStr(given or secrets.token_urlsafe(24))


def refuse_plain_http(settings: WebSettings) -> None:
    """Raise SettingsError if others on the network could read what people type."""
    address = Endpoint.parse(settings.listen).address
    if is_loopback(address) or settings.certificate or settings.proxies:
        return
    raise SettingsError(
        f"{settings.listen} is open to other machines, and plain HTTP would show them every token that is typed.",
        hint="Give --certificate and --key, or name the proxy that ends TLS in [web] proxies.",
    )


def refuse_unnamed_proxy(settings: WebSettings) -> None:
    """Raise SettingsError if a header names the users, and everyone may send it."""
    if settings.user_header and not settings.proxies:
        raise SettingsError(
            "[web] user_header is set, and no proxy is: anyone could name any user.", hint="Set [web] proxies."
        )


def refuse_unnamed_host(settings: WebSettings) -> None:
    """Raise SettingsError if every request would be refused: no request names an address that stands for all."""
    if is_unspecified(Endpoint.parse(settings.listen).address) and not settings.hosts:
        raise SettingsError(
            f"{settings.listen} stands for every address of this machine, and no name is set by which it is reached: "
            "all requests would be refused.",
            hint='Name it in plugins.toml, such as [web] hosts = ["discovery.example.com"], or listen on one address.',
        )


def tls_of(settings: WebSettings) -> ssl.SSLContext | None:
    """Return the context of the server's certificate, or None if there is none."""
    if not settings.certificate and not settings.key:
        return None
    if not settings.certificate or not settings.key:
        raise SettingsError("A certificate needs its key, and a key its certificate.", hint="Give both.")
    _require_pem("certificate", settings.certificate, b"-----BEGIN CERTIFICATE-----")
    _require_pem("key", settings.key, b"PRIVATE KEY-----")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
    except OSError as error:
        # ssl.SSLError is one, too.
        other = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        reason = "the key is that of another certificate" if other else "one is damaged, or the key needs a password"
        raise SettingsError(
            f"The certificate {settings.certificate} and the key {settings.key} cannot be used: {reason}."
        ) from None
    return context


def _require_pem(part: str, file: Path, mark: bytes) -> None:
    """Raise SettingsError, which names the file, if it cannot be read or does not hold this part."""
    try:
        found = mark in file.read_bytes()
    except OSError as error:
        raise SettingsError(f"The {part} {file} cannot be read: {error.strerror}.", hint="Check its path.") from None
    if not found:
        raise SettingsError(f"The file {file} holds no {part} in PEM format.", hint=f"Name the {part}'s PEM file.")


async def _listen(runner: web.AppRunner, settings: WebSettings, context: ssl.SSLContext | None) -> None:
    endpoint = Endpoint.parse(settings.listen)
    try:
        await web.TCPSite(runner, endpoint.address, endpoint.port, ssl_context=context).start()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program uses it" if taken else error.strerror
        raise SettingsError(
            f"{settings.listen} cannot be listened on: {reason}.", hint="Choose another: --listen 127.0.0.1:8081"
        ) from None


async def until_cancelled() -> None:
    """Wait for ever."""
    await asyncio.Event().wait()

"""Webhooks by the specification of Standard Webhooks: notices that are signed, and posted."""

import asyncio
import ipaddress
import os
import ssl
import time
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import sha256
from hmac import digest

from pydantic import SecretStr
from yarl import URL

from connector_core.errors import Call, ConnectorCoreError, SettingsError
from connector_core.http import open_session, tls_context
from connector_core.http.auth import signing
from connector_core.http.connection_errors import Destination, connection_errors
from connector_core.proxies import Proxies
from connector_core.scheduling.deliveries import Delivery
from connector_core.secrecy import hiding
from connector_core.settings import Settings
from connector_core.store import Notice

SECRET_VARIABLE = "DISCOVER_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
_PREFIX = "whsec_"
_TIMEOUT = 20.0
"""Seconds for one attempt."""
_GONE = 410
"""The receiver wants no more of them."""
_MAKE_ONE = f"Set {SECRET_VARIABLE} to a secret such as `echo whsec_$(openssl rand -base64 32)` prints."


def sign(secrets: Sequence[SecretStr], message_id: str, timestamp: int, payload: str) -> str:
    """Return the header ``webhook-signature``: one signature for each secret."""
    signed = f"{message_id}.{timestamp}.{payload}".encode()
    keys = (b64decode(secret.get_secret_value().removeprefix(_PREFIX)) for secret in secrets)
    return " ".join(f"v1,{b64encode(digest(key, signed, sha256)).decode()}" for key in keys)


def secrets_of_environment() -> tuple[SecretStr, ...]:
    """Return the secrets that sign. There are two while one replaces the other, with a comma in between."""
    given = [one.strip() for one in os.environ.get(SECRET_VARIABLE, "").split(",") if one.strip()]
    if not given:
        raise SettingsError(f"[notices] webhook needs a secret, and {SECRET_VARIABLE} is not set.", hint=_MAKE_ONE)
    for one in given:
        try:
            size = len(b64decode(one.removeprefix(_PREFIX), validate=True)) if one.startswith(_PREFIX) else 0
        except (Base64Error, ValueError):
            size = 0
        if not 24 <= size <= 64:
            raise SettingsError(
                f"{SECRET_VARIABLE} is not {_PREFIX} and 24 to 64 bytes in Base64.", hint=_MAKE_ONE
            ) from None
    return tuple([SecretStr(one) for one in given])


def is_loopback(host: str) -> bool:
    """Return True for an address of this machine that no other can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Webhook:
    """Posts notices to one address."""

    name = "webhook"

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        try:
            self._url = URL(settings.notices.webhook)
            host = self._url.host or ""
        except ValueError:
            host = ""
        if not host:
            raise SettingsError("[notices] webhook is not a valid address.", hint="Such as https://hooks.example/in.")
        if self._url.user is not None:
            raise SettingsError("[notices] webhook must not hold credentials: the signature proves the sender.")
        if self._url.scheme == "http" and not is_loopback(host):
            raise SettingsError("[notices] webhook must begin with https://: http is for this machine only.")
        self._host = host
        self._settings = settings.host
        self._secrets = secrets_of_environment()
        self._clock = clock
        self._proxies = Proxies(settings.host.http.proxy, settings.host.endpoints().keys())

    async def deliver(self, notice: Notice) -> Delivery:
        """Post a notice once. No redirect is followed, and nothing of the response but its status is read."""
        with hiding(self._secrets):
            try:
                async with asyncio.timeout(_TIMEOUT):
                    status = await self._post(notice)
            except ConnectorCoreError as error:
                return Delivery(problem=error.message)
            except TimeoutError:
                return Delivery(problem=f"{self._host} did not answer within {_TIMEOUT:.0f} seconds.")
        if 200 <= status < 300:
            return Delivery()
        said = f"{self._host} answered {status}"
        if status == _GONE:
            return Delivery(problem=f"{said}: it wants no more notices.", is_final=True)
        return Delivery(problem=f"{said}.")

    async def _post(self, notice: Notice) -> int:
        encrypted = self._url.scheme == "https"
        proxy = self._proxies.to(self._host, self._url.port or 443) if encrypted else None
        timestamp = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secrets, notice.id, timestamp, notice.payload),
        }
        # Only the host is named: the path of a webhook may be as good as a secret.
        to = Destination("the receiver of notices", self._host, Call("POST", ""), proxy)
        with connection_errors(to):
            async with (
                open_session(self._settings.endpoints(), timeout=self._settings.http.connect_timeout) as session,
                session.post(
                    self._url,
                    data=notice.payload.encode(),
                    headers=headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    proxy=str(proxy) if proxy else None,
                    middlewares=(signing({}, proxy),),
                    ssl=self._tls,
                ) as response,
            ):
                return response.status

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

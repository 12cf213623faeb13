"""Errors of a connection: of the provider, its certificate, the proxy before it, or the network."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from connector_core.errors import (
    Call,
    ConnectorCoreError,
    InsecureError,
    ProtocolError,
    RejectedCredentialsError,
    SettingsError,
    UnavailableError,
)
from connector_core.proxies import SETTING, Proxy
from connector_core.sdk.authentication import ClientCertificate

LONGEST_HEADER = 64 * 1024
"""Bytes of one header of a response."""
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a proxy that may be others a moment later."""

_CLOCK = "Check this machine's clock. If it is right, the certificate, or that of its authority, has to be replaced."
_ADDRESS = "Check the address in the integration's credentials, and that no proxy or firewall answers in its place."
_AUTHORITY = "If a proxy inspects TLS here, name its certificate authority in SSL_CERT_FILE."
_SIMULATOR = "For a simulator, set SSL_CERT_FILE as `discover simulate` printed it."
_UNTRUSTED = "is signed by an authority that is not trusted here", _AUTHORITY
_CERTIFICATES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        2: _UNTRUSTED,
        9: ("is not valid yet", _CLOCK),
        10: ("has expired", _CLOCK),
        18: ("is self-signed, so it is not trusted", _AUTHORITY),
        19: _UNTRUSTED,
        20: _UNTRUSTED,
        21: _UNTRUSTED,
        62: ("is for another host name", _ADDRESS),
        64: ("is for another address", _ADDRESS),
    }
)
"""Findings of OpenSSL (X509_V_ERR), and what to do about each."""


_DEMANDED = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED"})
"""OpenSSL's name of a server's answer to a client that shows no certificate, from TLS 1.3 on. Older servers just end
the handshake, which may have other reasons."""
_HANDSHAKE_ENDED = "SSLV3_ALERT_HANDSHAKE_FAILURE"
_REFUSED = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
    }
)
"""The server's answers to a certificate that it does not accept."""


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """The certificate that the connector may show, by the fields of the credentials, and if it is shown."""

    fields: ClientCertificate | None = None
    shown: bool = False

    @property
    def hint(self) -> str:
        """The advice about a connection that is broken off without a word."""
        if not self.fields:
            return ""
        names = f"{self.fields.certificate} and {self.fields.private_key}"
        return f"If it lasts, check {names}: a server that demands another certificate may break off, too."


@dataclass(frozen=True, slots=True)
class Destination:
    """The provider's host, and the proxy before it."""

    title: str
    host: str
    call: Call
    proxy: Proxy | None = None
    redirected: bool = False
    """True for a host with an address of its own in ``[host.resolve]``, as a simulator has."""
    certificate: ShownCertificate = ShownCertificate()
    gives_tokens: bool = False
    """True for the address that gives tokens, which may be of another host than the rows."""

    def __str__(self) -> str:
        return f"{self.title} ({self.host})"

    @property
    def named(self) -> str:
        """The title, and the host where it is not that of the rows."""
        return str(self) if self.gives_tokens else self.title

    @property
    def through(self) -> str:
        return f" through the proxy {self.proxy}" if self.proxy else ""


@contextmanager
def connection_errors(to: Destination) -> Iterator[None]:
    """Within this context, errors of aiohttp and of the system become ours."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise _ours(error, to) from None


def _ours(error: aiohttp.ClientError | OSError, to: Destination) -> ConnectorCoreError:
    if isinstance(error, TimeoutError):
        return UnavailableError(f"{to.named} did not answer in time{to.through}", call=to.call)
    if isinstance(error, aiohttp.InvalidURL):
        return SettingsError(f"The address of {to.title} that the credentials give is not a valid URL")
    if isinstance(error, aiohttp.ClientHttpProxyError) and to.proxy:
        return _refused(error.status, to, to.proxy)
    if refused := _refused_certificate(error, to):
        return refused
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error, to)
    if any(isinstance(one, LineTooLong) for one in _with_causes(error)):
        message = f"{to.title} sent a header of more than {LONGEST_HEADER} bytes in a response"
        return ProtocolError(message, call=to.call)
    message = f"{to.named} broke the connection ({type(error).__name__}){to.through}"
    return UnavailableError(message, call=to.call, hint=to.certificate.hint)


def _refused_certificate(error: aiohttp.ClientError | OSError, to: Destination) -> ConnectorCoreError | None:
    """Return the error of a server that wants another certificate of the client, or any; None for another error."""
    reasons = {getattr(one, "reason", None) for one in (*_with_causes(error), getattr(error, "os_error", None))}
    fields, shown = to.certificate.fields, to.certificate.shown
    if shown and fields and reasons & (_REFUSED | _DEMANDED | {_HANDSHAKE_ENDED}):
        return RejectedCredentialsError(
            f"{to} does not accept the client's certificate.",
            hint=f"Check that the certificate is registered there and valid, and give it and its key again in "
            f"{fields.certificate} and {fields.private_key}.",
        )
    if fields and reasons & (_DEMANDED | {_HANDSHAKE_ENDED}):
        return RejectedCredentialsError(
            f"{to} demands a certificate of the client.",
            hint=f"Connect again with {fields.certificate} and {fields.private_key}.",
        )
    if reasons & _DEMANDED:
        hint = "Check the address. The connector shows no certificate, so it cannot reach a server that demands one."
        return ProtocolError(f"{to} demands a certificate of the client", call=to.call, hint=hint)
    return None


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _not_connected(error: aiohttp.ClientConnectorError, to: Destination) -> ConnectorCoreError:
    at_proxy = to.proxy is not None and error.host == to.proxy.host
    name, through = (f"the proxy {to.proxy}", "") if at_proxy else (str(to), to.through)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        code = getattr(error.certificate_error, "verify_code", 0)
        finding, hint = _CERTIFICATES.get(code, ("is not trusted", _AUTHORITY))
        if to.redirected and hint == _AUTHORITY:
            hint = f"{hint} {_SIMULATOR}"
        return InsecureError(f"The certificate of {name}{through} {finding}", call=to.call, hint=hint)
    if at_proxy and to.proxy:
        hint = f"Check {to.proxy.source}, and that the proxy runs.{_beside(to.proxy)}"
    else:
        hint = "Check the network of this machine, and the address in the integration's credentials."
    if isinstance(error, ssl.SSLError):
        reason = getattr(error.os_error, "reason", None) or type(error.os_error).__name__
        message = f"{name} cannot be reached over TLS ({reason}){through}"
        return UnavailableError(message, call=to.call, hint=hint)
    what = "resolved" if isinstance(error, aiohttp.ClientConnectorDNSError) else "reached"
    return UnavailableError(f"{name} cannot be {what}{through}", call=to.call, hint=hint)


def _refused(status: int, to: Destination, proxy: Proxy) -> ConnectorCoreError:
    """Return the error that a proxy's answer to CONNECT stands for: the operator's, unless it may pass by itself."""
    if status in _PASSING:
        message = f"the proxy {proxy} cannot reach {to}: it answered {status}"
        return UnavailableError(message, call=to.call, hint="Ask the administrator of the proxy if it lasts.")
    if status == 407:
        problem = f"refuses the credentials in {proxy.source}" if proxy.authorization else "asks for credentials"
        return SettingsError(
            f"The proxy {proxy} {problem} (407).",
            hint="Set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, percent-encoded, and no [host.http] proxy. Only "
            "basic authentication is supported.",
        )
    return SettingsError(
        f"The proxy {proxy} refuses to connect to {to.host}: it answered {status}.",
        hint=f"Ask its administrator to allow this host.{_beside(proxy)}",
    )


def _beside(proxy: Proxy) -> str:
    # It says nothing about the proxy of the settings.
    return "" if proxy.source == SETTING else " If the host can be reached without a proxy, list it in NO_PROXY."

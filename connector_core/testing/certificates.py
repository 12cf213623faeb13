"""Certificates of a simulated provider: a good one, and those that a client must refuse."""

import ssl
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import trustme


class Certificate(StrEnum):
    """The certificate that a simulator presents."""

    GOOD = "good"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    OTHER_HOST = "other_host"
    SELF_SIGNED = "self_signed"
    UNKNOWN_AUTHORITY = "unknown_authority"


def server_context(authority: trustme.CA, host: str, certificate: Certificate, *others: str) -> ssl.SSLContext:
    """Return the TLS context of a server of this host, and of ``others``, whose clients trust ``authority``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # Valid for sibling hosts too: an unknown tenant must be recognised by its answer, not by a TLS error.
    names = [host, f"*.{host.partition('.')[2]}", *others]
    now, day, begin, end = datetime.now(UTC), timedelta(days=1), None, None
    match certificate:
        case Certificate.EXPIRED:
            begin, end = now - 2 * day, now - day
        case Certificate.NOT_YET_VALID:
            begin, end = now + day, now + 2 * day
        case Certificate.OTHER_HOST:
            names = ["elsewhere.example"]
        case Certificate.UNKNOWN_AUTHORITY:
            authority = trustme.CA()
        case Certificate.SELF_SIGNED:
            stranger = trustme.CA()
            both = trustme.Blob(stranger.private_key_pem.bytes() + stranger.cert_pem.bytes())
            with both.tempfile() as file:
                context.load_cert_chain(file)
            return context
    authority.issue_cert(*names, not_before=begin, not_after=end).configure_cert(context)
    return context


def demand_certificates(context: ssl.SSLContext, authority: trustme.CA) -> None:
    """Let a server demand that clients show a certificate which this authority has signed."""
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)


def client_pair(authority: trustme.CA, name: str, *, expired: bool = False) -> tuple[str, str]:
    """Return a certificate that a client may show, and its private key, both in PEM."""
    ended = datetime.now(UTC) - timedelta(days=1) if expired else None
    begun = datetime.now(UTC) - timedelta(days=2) if expired else None
    issued = authority.issue_cert(name, not_before=begun, not_after=ended)
    return issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode()

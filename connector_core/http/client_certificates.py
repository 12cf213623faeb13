"""Mutual TLS: the certificate that a client shows to the provider, loaded without leaving its key on a disk."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp

from pydantic import SecretStr

from connector_core.errors import InvalidCredentialsError
from connector_core.http.trust import tls_context
from connector_core.sdk.authentication import ClientCertificate
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest

_OPEN_FILES = Path("/proc/self/fd")


def showing(manifest: Manifest, credentials: Credentials) -> ssl.SSLContext | None:
    """Return a context that verifies the provider and shows the certificate among the credentials; None without one."""
    fields = manifest.client_certificate
    if fields is None or not manifest.shows_certificate(credentials):
        return None
    context = tls_context()
    _load(context, fields, credentials)
    return context


def check_certificate(manifest: Manifest, credentials: Credentials) -> None:
    """Raise InvalidCredentialsError if the certificate cannot be shown."""
    fields = manifest.client_certificate
    if fields and manifest.shows_certificate(credentials):
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), fields, credentials)


def _load(context: ssl.SSLContext, fields: ClientCertificate, credentials: Credentials) -> None:
    certificate, key = (_as_secret(getattr(credentials, name)) for name in fields.fields)
    _check_pair(fields, certificate, key)
    pem = SecretStr(f"{certificate.get_secret_value()}\n{key.get_secret_value()}")
    try:
        with (_file_in_memory if _has_files_in_memory() else _private_file)(pem) as path:
            # A key that needs a password is refused above: OpenSSL would ask for it on the terminal.
            context.load_cert_chain(path, password="")
    except ssl.SSLError as error:
        raise _unusable(fields.certificate, f"cannot be used ({error.reason or 'no reason is known'})") from None


def _check_pair(fields: ClientCertificate, certificate: SecretStr, key: SecretStr) -> None:
    """Raise InvalidCredentialsError that names what is wrong with a certificate, its key, or the two together."""
    # Imported late: few connectors show a certificate.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        shown = load_pem_x509_certificate(certificate.get_secret_value().encode())
    except ValueError:
        raise _unusable(fields.certificate, "is not a certificate in PEM that can be read: copy it again") from None
    if shown.not_valid_after_utc < datetime.now(UTC):
        raise _unusable(fields.certificate, f"has expired on {shown.not_valid_after_utc:%Y-%m-%d}")
    try:
        own = load_pem_private_key(key.get_secret_value().encode(), None)
    except TypeError:
        raise _unusable(fields.private_key, "is encrypted: give the key without its passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(fields.private_key, "is not a private key in PEM that can be read: copy it again") from None
    if own.public_key() != shown.public_key():
        raise _unusable(fields.private_key, "does not belong to the certificate")


def _unusable(field: str, problem: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(f"{field}: {problem}.", field=field)


def _as_secret(value: str | SecretStr) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(value)


def _has_files_in_memory() -> bool:
    return hasattr(os, "memfd_create") and _OPEN_FILES.is_dir()


@contextmanager
def _file_in_memory(pem: SecretStr) -> Iterator[str]:
    """Yield the path of a file that no disk holds, and that ends with this context."""
    with os.fdopen(os.memfd_create("client-certificate"), "wb") as file:
        file.write(pem.get_secret_value().encode())
        file.flush()
        yield str(_OPEN_FILES / str(file.fileno()))


@contextmanager
def _private_file(pem: SecretStr) -> Iterator[str]:
    """Yield the path of a file that only this user can read, and that is removed with this context."""
    descriptor, path = mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem.get_secret_value().encode())
        yield path
    finally:
        Path(path).unlink()

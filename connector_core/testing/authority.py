"""The authority that signs the certificates of simulators. Kept in a folder, it is trusted by clients for good."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from platformdirs import user_cache_path

from connector_core.distributions import how_to_install
from connector_core.errors import BusyError, SettingsError
from connector_core.files import draft_of, locked, write_privately

if TYPE_CHECKING:  # It comes with an extra.
    from trustme import CA

_PATIENCE = 10.0
"""Seconds to wait while other simulators start."""
_RENEWED_BEFORE = timedelta(days=30)


def cache_folder() -> Path:
    """Return the folder in which the simulators of this user keep their authority."""
    return user_cache_path("connector-core") / "simulator"


async def authority_in(folder: Path) -> "tuple[CA, Path]":
    """Return the authority that a folder keeps, and the file of its certificate.

    It is made where there is none, and where the one that is there cannot be used or ends soon.
    """
    try:
        async with locked(_made(folder) / ".lock", patience=_PATIENCE):
            return _kept(folder)
    except ImportError:
        raise SettingsError("The simulator needs trustme.", hint=f"Install it: {how_to_install('simulator')}") from None
    except TimeoutError:
        raise BusyError(f"{folder} is in use by another simulator that starts.", hint="Try again.") from None
    except OSError as error:
        raise SettingsError(
            f"The simulator's certificate cannot be kept in {folder}: {error.strerror}.",
            hint="Make that folder writable, or set XDG_CACHE_HOME to another one.",
        ) from None


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _kept(folder: Path) -> "tuple[CA, Path]":
    from trustme import CA  # It comes with an extra.

    # Key and certificate in one file, so that they are replaced together.
    file = folder / "authority.pem"
    if pem := _usable(file):
        authority = CA.from_pem(pem, pem)
    else:
        authority = CA(organization_name="connector-core simulator")
        _write(file, authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    certificate, pem = folder / "ca.pem", authority.cert_pem.bytes()
    if not certificate.is_file() or certificate.read_bytes() != pem:
        _write(certificate, pem)
    return authority, certificate


def _usable(file: Path) -> bytes | None:
    """Return the key and the certificate in a file, unless they are damaged, end soon, or others could read them."""
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            return None
        pem = file.read_bytes()
        certificate, key = load_pem_x509_certificate(pem), load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError):
        return None
    ends_soon = certificate.not_valid_after_utc < datetime.now(UTC) + _RENEWED_BEFORE
    return None if ends_soon or certificate.public_key() != key.public_key() else pem


def _write(file: Path, pem: bytes) -> None:
    # A process that was killed left it.
    draft_of(file).unlink(missing_ok=True)
    write_privately(file, pem)

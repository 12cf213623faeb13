"""The certificate authorities that are trusted: the system's, or those that the environment names."""

import os
import ssl
from pathlib import Path

from connector_core.errors import SettingsError

_FILE, _FOLDERS = "SSL_CERT_FILE", "SSL_CERT_DIR"


def tls_context() -> ssl.SSLContext:
    """Return a context that always verifies, by the system's trust store or the file named in ``SSL_CERT_FILE``.

    Where that file cannot be read OpenSSL says nothing, and trusts no authority: here it is a SettingsError.
    """
    context = ssl.create_default_context()
    file, folders = os.environ.get(_FILE), os.environ.get(_FOLDERS)
    if file is not None:
        try:
            context.load_verify_locations(cafile=file)
        except ssl.SSLError:
            raise _not_usable(f"{_FILE} names {file!r}, which holds no valid certificate") from None
        except OSError as error:
            raise _not_usable(f"{_FILE} names {file!r}, which cannot be read: {error.strerror}") from None
    if folders is not None and not any(Path(one).is_dir() for one in folders.split(os.pathsep)):
        raise _not_usable(f"{_FOLDERS} names {folders!r}, which is not a folder")
    return context


def _not_usable(problem: str) -> SettingsError:
    hint = "Name a PEM file with the certificate authorities to trust, or unset the variable to trust the system's."
    return SettingsError(f"{problem}.", hint=hint)

"""Names of integrations."""

import re
import unicodedata

from connector_core.errors import SettingsError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


def check_name(name: str) -> None:
    """Raise SettingsError if this is not a valid name of an integration."""
    if not _NAME.fullmatch(name):
        example = valid_name(name) or "acme"
        raise SettingsError(
            f"{name!r} is not a valid integration name.", hint=f"Use a-z, 0-9, - and _, such as {example}."
        )


def valid_name(text: str) -> str:
    """Return the valid name that is closest to a text, such as ``acme-gmbh``; empty if nothing of it can be used."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:63]

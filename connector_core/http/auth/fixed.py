"""Signatures that are the same for every request."""

from base64 import b64encode
from collections.abc import Mapping

from pydantic import SecretStr

from connector_core.http.auth.proofs import Signed
from connector_core.sdk.authentication import Basic, Bearer, Header
from connector_core.secrecy import hide


class Fixed:
    """The same secret for every request."""

    def __init__(self, name: str, value: SecretStr) -> None:
        self._headers: Signed = {name: value}

    async def headers(self) -> Signed:
        return self._headers

    async def discard(self, rejected: Signed) -> bool:  # noqa: ARG002 - named by the protocol
        return False


def fixed(auth: Bearer | Header | Basic, fields: Mapping[str, SecretStr]) -> Fixed:
    """Return the signature with these fields of the credentials."""
    if isinstance(auth, Header):
        return Fixed(auth.name, SecretStr(f"{auth.prefix}{fields[auth.field].get_secret_value()}"))
    if isinstance(auth, Bearer):
        return Fixed("Authorization", SecretStr(f"Bearer {fields[auth.field].get_secret_value()}"))
    # If the user is an API key, the password may be anything.
    password = fields[auth.password] if auth.password else SecretStr("x")
    pair = SecretStr(
        b64encode(f"{fields[auth.user].get_secret_value()}:{password.get_secret_value()}".encode()).decode()
    )
    hide(pair)
    return Fixed("Authorization", SecretStr(f"Basic {pair.get_secret_value()}"))

"""Signed assertions (JWT), verified as an authorization server does, and keys of simulated clients."""

from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


class OAuthError(Exception):
    """A token request that is refused, by the error code of RFC 6749.

    Example: ``raise OAuthError("invalid_client", 401)``.
    """

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


def simulated_key(name: str) -> str:
    """Return the private key (P-256, for ES256) of a simulated client in PEM: always the same for a name.

    Example: ``simulated_key("acme")``.
    """
    number = int.from_bytes(sha256(name.encode()).digest()) >> 1
    return (
        ec.derive_private_key(number, ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def verified(assertion: str, private_key: str) -> dict[str, Any]:
    """Return the claims of a signed assertion. OAuthError if it has expired, or was not signed with this key."""
    key: Any = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    try:
        # Whom it is meant for is compared by the caller.
        options: jwt.types.Options = {"require": ["iss", "sub", "aud", "exp"], "verify_aud": False}
        return jwt.decode(assertion, key, _ALGORITHMS, options)
    except jwt.InvalidTokenError:
        raise OAuthError("invalid_client", 401) from None

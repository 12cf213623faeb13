"""Proofs of a client's identity at the address that gives tokens: a secret in the body or a header, or an assertion."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote_plus
from uuid import uuid4

from pydantic import SecretStr

from connector_core.errors import InvalidCredentialsError
from connector_core.sdk.authentication import ClientSecret, PrivateKeyJwt
from connector_core.secrecy import hide

if TYPE_CHECKING:  # Imported late: few connectors sign assertions, and the import takes long.
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    _Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_VALID_FROM, _VALID_FOR = -60, 240
"""Seconds around now in which an assertion is valid: clocks differ, and providers accept five minutes at most."""
_SMALLEST_RSA = 2048
"""Bits of an RSA key at least (RFC 7518, section 3.3)."""
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1"}

Signed = Mapping[str, SecretStr]
"""The headers that sign a request. No local variable ever holds them as text: logs may show the locals of a frame."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Additions to a token request that prove which client sends it."""

    form: Mapping[str, SecretStr] = field(default_factory=dict)
    headers: Signed = field(default_factory=dict)


def proof(
    client: ClientSecret | PrivateKeyJwt | None, fields: Mapping[str, SecretStr], client_id: str, token_url: str
) -> Proof:
    """Return the proof for one token request; that of a public client is its id.

    Args:
        client: How the client proves its identity.
        fields: The fields of the credentials.
        client_id: The client's id.
        token_url: The whole address that gives tokens, for which an assertion is meant.
    """
    own_id = {"client_id": SecretStr(client_id)}
    if client is None:
        return Proof(own_id)
    if isinstance(client, PrivateKeyJwt):
        key_id = fields[client.key_id].get_secret_value() if client.key_id else ""
        assertion = _assertion(client, signing_key(client, fields), client_id, client.audience or token_url, key_id)
        hide(assertion)
        return Proof({**own_id, "client_assertion_type": SecretStr(_ASSERTION_TYPE), "client_assertion": assertion})
    if client.sent_in == "body":
        return Proof({**own_id, "client_secret": fields[client.field]})
    # RFC 6749, section 2.3.1: both are form-encoded first.
    pair = SecretStr(
        b64encode(f"{quote_plus(client_id)}:{quote_plus(fields[client.field].get_secret_value())}".encode()).decode()
    )
    hide(pair)
    return Proof(headers={"Authorization": SecretStr(f"Basic {pair.get_secret_value()}")})


def signing_key(client: PrivateKeyJwt, fields: Mapping[str, SecretStr]) -> "_Key":
    """Return the private key that signs assertions. Raises InvalidCredentialsError if it does not fit."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = client.field
    try:
        key = load_pem_private_key(fields[name].get_secret_value().encode(), None)
    except TypeError:
        raise _unusable(name, "is encrypted: give the key without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(name, "is not a private key in PEM that can be read: copy it again, all lines of it") from None
    return _fitting(name, key, client.algorithm)


def _fitting(name: str, key: object, algorithm: str) -> "_Key":
    """Return the key if it is of the algorithm's kind."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if isinstance(key, rsa.RSAPrivateKey) and algorithm.startswith(("RS", "PS")):
        if key.key_size < _SMALLEST_RSA:
            raise _unusable(name, f"is an RSA key of {key.key_size} bits; {algorithm} needs {_SMALLEST_RSA} at least")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == _CURVES.get(algorithm):
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) and algorithm == "EdDSA":
        return key
    kinds = {"R": "an RSA key", "P": "an RSA key", "E": f"a key of the curve {_CURVES.get(algorithm, 'Ed25519')}"}
    raise _unusable(name, f"is a key of another kind: {algorithm} needs {kinds[algorithm[0]]}")


def _unusable(name: str, problem: str) -> InvalidCredentialsError:
    return InvalidCredentialsError(f"{name}: {problem}.", field=name)


def _assertion(client: PrivateKeyJwt, key: "_Key", client_id: str, audience: str, key_id: str) -> SecretStr:
    import jwt  # See above.

    now = int(time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now + _VALID_FROM,
        "exp": now + _VALID_FOR,
        "jti": uuid4().hex,
    }
    return SecretStr(jwt.encode(claims, key, client.algorithm, {"kid": key_id} if key_id else None))

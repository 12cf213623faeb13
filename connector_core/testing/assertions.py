"""Signed assertions (JWT), verified as an authorization server does, and keys of simulated clients."""

from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class OAuthError(Exception):
    """A token request that is refused, by the error code of RFC 6749."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


def simulated_key(name: str) -> str:
    """Return the private key (P-256, for ES256) of a simulated client in PEM: always the same for a name."""
    number = int.from_bytes(sha256(name.encode()).digest()) >> 1
    return (
        ec.derive_private_key(number, ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def verified(assertion: str, private_key: str) -> dict[str, Any]:
    """Return the claims of a signed assertion. OAuthError if it was not signed with this key."""
    try:
        signed, _, signature = assertion.rpartition(".")
        header, _, claims = signed.partition(".")
        key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
        algorithm = str(msgspec.json.decode(_unencoded(header))["alg"])
        _verify_signature(key, algorithm, _unencoded(signature), signed.encode())
        return msgspec.json.decode(_unencoded(claims), type=dict[str, Any])
    except (InvalidSignature, KeyError, TypeError, ValueError):
        raise OAuthError("invalid_client", 401) from None


def _verify_signature(key: Any, algorithm: str, signature: bytes, signed: bytes) -> None:
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(algorithm[2:])
    match algorithm[:2], key:
        case "RS", rsa.RSAPublicKey() if digest:
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        case "PS", rsa.RSAPublicKey() if digest:
            key.verify(signature, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        case "ES", ec.EllipticCurvePublicKey() if digest and algorithm[2:] == str(key.key_size):
            half = len(signature) // 2
            numbers = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            key.verify(numbers, signed, ec.ECDSA(digest))
        case "Ed", ed25519.Ed25519PublicKey() if algorithm == "EdDSA":
            key.verify(signature, signed)
        case _:
            raise InvalidSignature


def _unencoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""Signed assertions (JWT), verified as an authorization server does, and keys of simulated clients."""

from base64 import urlsafe_b64decode
from functools import cache
from hashlib import sha256
from itertools import count
from math import gcd, prod
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_SMALL_PRIMES = prod(n for n in range(3, 2000) if all(n % d for d in range(2, int(n**0.5) + 1)))
"""A product, so that numbers which share a factor with it are told apart quickly."""


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


@cache
def simulated_rsa_key(name: str) -> str:
    """Return the private key (RSA, for RS256) of a simulated client in PEM: always the same for a name."""
    exponent = 65537
    p, q = (_prime(f"{name} {half}", exponent) for half in "pq")
    private = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, private, private % (p - 1), private % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
    )
    return (
        numbers.private_key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _prime(seed: str, exponent: int) -> int:
    """Return a prime of 1024 bits: the first number of a sequence that passes Fermat's test."""
    for attempt in count():
        digest = b"".join(sha256(f"{seed} {attempt} {part}".encode()).digest() for part in range(4))
        number = int.from_bytes(digest) | 3 << 1022 | 1
        if gcd(number, _SMALL_PRIMES) == 1 == pow(2, number - 1, number) and number % exponent != 1:
            return number
    raise AssertionError


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

"""Private keys for tests, in PEM."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_rsa_key(bits: int = 2048) -> str:
    """Return a new RSA key in PEM.

    Example: ``private_key = new_rsa_key()``.
    """
    return _pem(rsa.generate_private_key(65537, bits))


def another_key(pem: str) -> str:
    """Return another key of the same kind, as a key that is mistyped.

    Example: ``another_key(simulated_key("acme")) != simulated_key("acme")``.
    """
    match load_pem_private_key(pem.encode(), None):
        case rsa.RSAPrivateKey() as key:
            return new_rsa_key(key.key_size)
        case ec.EllipticCurvePrivateKey() as key:
            return _pem(ec.generate_private_key(key.curve))
        case _:
            return _pem(ed25519.Ed25519PrivateKey.generate())


def _pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

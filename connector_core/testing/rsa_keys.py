"""RSA keys of simulated clients, which are always the same: clients stay connected when a simulator starts again."""

from functools import cache
from hashlib import sha256
from itertools import count
from math import gcd, prod

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_EXPONENT = 65537
_SMALL_PRIMES = prod(n for n in range(3, 2000) if all(n % d for d in range(2, int(n**0.5) + 1)))
"""A product: most numbers share a factor with it, which is found out quickly."""


@cache
def simulated_rsa_key(name: str) -> str:
    """Return the private key (RSA, for RS256) of a simulated client in PEM: always the same for a name.

    Example: ``credentials = {"client_id": "simulated", "private_key": simulated_rsa_key("acme")}``.
    """
    p, q = _prime(f"{name} p"), _prime(f"{name} q")
    private = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, private, private % (p - 1), private % (q - 1), pow(q, -1, p), public)
    return (
        numbers.private_key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _prime(seed: str) -> int:
    """Return a prime of 1024 bits: the first number of a sequence that passes Fermat's test."""
    numbers = (_number(f"{seed} {attempt}") for attempt in count())
    return next(one for one in numbers if gcd(one, _SMALL_PRIMES) == 1 == pow(2, one - 1, one) and one % _EXPONENT != 1)


def _number(seed: str) -> int:
    """Return an odd number of 1024 bits, of which the product of any two has 2048."""
    digest = b"".join(sha256(f"{seed} {part}".encode()).digest() for part in range(4))
    return int.from_bytes(digest) | 3 << 1022 | 1

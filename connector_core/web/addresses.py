"""Addresses of requests: this machine's, those of declared proxies, and that of a client behind them."""

import ipaddress
from collections.abc import Collection

from aiohttp import web


def is_loopback(address: str) -> bool:
    """Return True for an address that only this machine reaches."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def is_unspecified(address: str) -> bool:
    """Return True for an address that stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def is_among(address: str | None, proxies: Collection[str]) -> bool:
    """Return True if an address is one of these proxies, or in one of these networks."""
    try:
        peer = ipaddress.ip_address(address or "")
        return any(peer in ipaddress.ip_network(one, strict=False) for one in proxies)
    except ValueError:
        return False


def client_of(request: web.Request, proxies: Collection[str]) -> str:
    """Return the address that a request came from.

    Behind declared proxies it is the last one in X-Forwarded-For that is no proxy of ours: what stands before it, the
    client may have written.
    """
    peer = request.remote or ""
    if not is_among(peer, proxies):
        return peer
    named = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for one in reversed(named):
        address = one.strip()
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return peer
        if not is_among(address, proxies):
            return address
        peer = address
    return peer

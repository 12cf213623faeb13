"""A local Namely over TLS that is not the bottleneck: an answer costs a look-up and a write.

``python -m benchmarks.server --people 10000`` prints one line of JSON when it is ready. Every name under namely.com
is a tenant, and all have the same people. ``/_stats`` tells what was since it was last asked, and begins anew: the
counts, the quotas and the randomness.
"""

import argparse
import asyncio
import gc
import json
import random
import signal
import ssl
import sys
import tempfile
import time
import zlib
from collections import defaultdict, deque
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs

import trustme

from benchmarks.company import PAGE, TOKEN, Company, company_of, pack

PREFIX = "/api/v1"
SMALL_PAGE = 30
"""Rows when no size is asked for."""
HOSTS = ("*.namely.com", "localhost", "127.0.0.1")
STATS = b"/_stats"
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, ready to be sent."""

    status: int
    body: bytes
    kind: str = "application/json; charset=utf-8"
    listing: bool = False
    """True if it counts against the quota."""
    public: bool = False
    """True if it is given without a token."""
    gzipped: bool = True

    def encoded(self, *, gzipped: bool) -> bytes:
        """Its bytes, compressed only for a client that says it can inflate."""
        packed = self.gzipped and gzipped
        body = self.body if packed or not self.gzipped else zlib.decompress(self.body, wbits=31)
        head = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.kind}",
            f"Content-Length: {len(body)}",
            *(["Content-Encoding: gzip"] if packed else []),
            f"Date: {formatdate(usegmt=True)}",
            "Server: nginx\r\nVary: Accept-Encoding\r\nCache-Control: max-age=0, private, must-revalidate\r\n\r\n",
        ]
        return "\r\n".join(head).encode() + body


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, pack({"message": message, "errors": []}))


NOT_FOUND = _refusal(404, "Not found")
REJECTED = _refusal(401, "Invalid access token provided.")
THROTTLED = _refusal(406, "Rate limit exceeded")
BROKEN = Answer(502, BAD_GATEWAY, "text/html", gzipped=False)


@dataclass
class Counts:
    """What was since the last time that somebody asked."""

    requests: int = 0
    throttled: int = 0
    errors: int = 0
    most_in_flight: int = 0
    since: float = field(default_factory=time.process_time)

    def told(self) -> bytes:
        facts = {name: value for name, value in vars(self).items() if name != "since"}
        return json.dumps({**facts, "cpu_seconds": round(time.process_time() - self.since, 3)}).encode()


class Provider:
    """What is answered, to whom, how late, and how often not."""

    def __init__(self, company: Company, options: argparse.Namespace) -> None:
        self._company = company
        self._options = options
        self._known: dict[bytes, Answer] = {}
        self.in_flight = 0
        self._begin()

    def _begin(self) -> None:
        self.counts = Counts()
        self._asked: defaultdict[bytes, deque[float]] = defaultdict(deque)
        self._random = random.Random(1)

    def stats(self) -> bytes:
        told = self.counts.told()
        self._begin()
        return told

    def delay(self) -> float:
        """Seconds until an answer is sent."""
        latency, jitter = self._options.latency, self._options.jitter
        return cast("float", latency * self._random.uniform(1 - jitter, 1 + jitter)) if latency else 0.0

    def answer(self, head: bytes) -> Answer:
        """The answer to the request with this head."""
        counts = self.counts
        counts.requests += 1
        method, target, rest = head.split(b" ", 2)
        if method != b"GET":
            return NOT_FOUND
        known = self._known.get(target)
        if known is None:
            known = self._known[target] = self._find(target.decode("latin-1"))
        if not known.public and f"bearer {TOKEN}".encode() not in rest.lower():
            return REJECTED
        if known.listing:
            if self._options.quota and self._exceeds(rest):
                counts.throttled += 1
                return THROTTLED
            if self._options.errors and self._random.random() < self._options.errors:
                counts.errors += 1
                return BROKEN
        return known

    def _exceeds(self, rest: bytes) -> bool:
        """Return True if this tenant has asked for more than its quota in any window that ends now."""
        host = rest.lower().partition(b"\r\nhost:")[2].partition(b"\r\n")[0].strip()
        asked, now = self._asked[host], time.monotonic()
        while asked and asked[0] <= now - self._options.window:
            asked.popleft()
        if len(asked) >= self._options.quota:
            return True
        asked.append(now)
        return False

    def _find(self, target: str) -> Answer:
        path, _, query = target.partition("?")
        path = path.removesuffix(".json")
        if not path.startswith(f"{PREFIX}/"):
            return NOT_FOUND
        kind, _, source_id = path.removeprefix(f"{PREFIX}/").partition("/")
        if kind == "companies":
            return Answer(200, pack({"name": "Acme Widgets", "permalink": "acme", "authentications": []}), public=True)
        if kind in {"groups", "group_types"} and not source_id:
            return Answer(200, self._company.listing(kind))
        if kind != "profiles":
            return NOT_FOUND
        if source_id:
            found = self._company.profile(source_id)
            return _refusal(404, "Profile not found") if found is None else Answer(200, found)
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        size = max(1, min(int(asked.get("per_page", SMALL_PAGE)), PAGE))
        number = max(1, int(asked.get("page", 1)))
        return Answer(200, self._company.page(number, size, asked.get("sort", "created_at")), listing=True)


class Connection(asyncio.Protocol):
    """One client's connection, kept alive. No client sends a request before the response to its last one."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        head, end, self._received = (self._received + data).partition(b"\r\n\r\n")
        if not end:
            self._received = head
            return
        if head.startswith(STATS, 4):
            self._transport.write(Answer(200, self._provider.stats(), gzipped=False).encoded(gzipped=False))
            return
        answer = self._provider.answer(head)
        lowered = head.lower()
        encoded = answer.encoded(gzipped=b"gzip" in lowered)
        last = b"\r\nconnection: close" in lowered
        provider = self._provider
        provider.in_flight += 1
        provider.counts.most_in_flight = max(provider.counts.most_in_flight, provider.in_flight)
        delay = provider.delay()
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send, encoded, last)
        else:
            self._send(encoded, last)

    def _send(self, encoded: bytes, last: bool) -> None:
        self._provider.in_flight -= 1
        if not self._transport.is_closing():
            self._transport.write(encoded)
            if last:
                self._transport.close()


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """The context to serve with, and the file with the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(context)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file


async def serve(options: argparse.Namespace) -> None:
    """Serves until it is told to stop, and tells then what was."""
    provider = Provider(company_of(options.people), options)
    gc.freeze()
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopped.set)
    with tempfile.TemporaryDirectory() as folder:
        context, ca_file = _certificate(Path(folder))
        server = await loop.create_server(
            lambda: Connection(provider), "127.0.0.1", options.port, ssl=context, backlog=1024
        )
        port = server.sockets[0].getsockname()[1]
        _say({"port": port, "ca_file": str(ca_file), "token": TOKEN, "people": options.people})
        provider.stats()
        await stopped.wait()
        server.close()
    _say(json.loads(provider.stats()))


def _say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="A local Namely that is not the bottleneck.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--jitter", type=float, default=0.0, help="by which share of it the latency varies")
    parser.add_argument("--quota", type=int, default=0, help="requests of /profiles in a window; 0: no quota")
    parser.add_argument("--window", type=float, default=60.0, help="seconds")
    parser.add_argument("--errors", type=float, default=0.0, help="the share of listings answered with 502")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

"""Measure the web host at 100,000 people: ``make bench-web`` writes its part of docs/performance.md.

Every program is a real one, in a process of its own: ``discover simulate``, ``discover serve``, and a bare handler of
aiohttp that sends as many bytes, beside which the pages are measured in the same run.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.serving import ROOT

NOTES = Path(__file__).with_name("web.md")
DOCUMENT = ROOT / "docs" / "performance.md"
TOKEN = "a-token-for-the-measurement"  # noqa: S105 - of a server that lives for this measurement
LIFTED = """[plugins.namely]
[plugins.namely.limits."/profiles"]
requests = 1000000
per = 1"""
PORT, BARE, SIMULATOR = 18_080, 18_081, 18_443
ROUNDS = 60
USERS = 50
THINK = 3.0
"""Seconds between two clicks of one user, on average."""
BOUND, BOUND_IN_A_RUN, BOUND_OF_THE_RUN = 0.050, 0.500, 1.2


@dataclass(frozen=True)
class Times:
    """The times of one page, in seconds."""

    page: str
    size: int
    seconds: Sequence[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the web host.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--bare", action="store_true", help="serve the bare handler")
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare())
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), given.people):
        text, good = asyncio.run(measure(given.people))
    sys.stdout.write(text)
    if given.people == 100_000:
        NOTES.write_text(text, encoding="utf-8")
        document = DOCUMENT.read_text(encoding="utf-8")
        part = re.compile(r"(?<=<!-- web host -->\n).*(?=<!-- end -->)", re.DOTALL)
        DOCUMENT.write_text(part.sub(lambda _: text, document), encoding="utf-8")
    return 0 if good else 1


async def bare() -> None:
    """Serve as many bytes as are asked for, from memory."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["size"]), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{size}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", BARE).start()
    await asyncio.Event().wait()


@contextmanager
def serving(folder: Path, people: int) -> Iterator[None]:
    """Serve so many simulated people, connect and run, and serve the web host and the bare handler."""
    discover, settings = str(Path(sys.executable).with_name("discover")), folder / "plugins.toml"
    environment = os.environ | {"DISCOVER_SIGN_IN_TOKEN": TOKEN, "XDG_CACHE_HOME": str(folder)}
    quiet: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    simulate = [discover, "simulate", "namely", "--people", str(people), "--port", str(SIMULATOR)]
    simulate += ["--set", "quota=100000000", "--settings", str(settings), "--json"]
    with ExitStack() as stack:
        simulator = stack.enter_context(_ended(subprocess.Popen(simulate, env=environment, stdout=subprocess.PIPE)))
        ready = json.loads(_document(simulator))
        settings.write_text(settings.read_text().replace("[plugins.namely]", LIFTED))
        environment["SSL_CERT_FILE"] = ready["ca_file"]
        environment["DISCOVER_PERSONAL_ACCESS_TOKEN"] = ready["credentials"]["personal_access_token"]
        domain = ready["credentials"]["domain"]
        for command in (f"connect namely --name acme --domain {domain}", "run acme"):
            subprocess.run([discover, *command.split(), "--settings", str(settings)], check=True, **quiet)
        serve = [discover, "serve", "--listen", f"127.0.0.1:{PORT}", "--settings", str(settings)]
        stack.enter_context(_ended(subprocess.Popen(serve, **quiet)))
        stack.enter_context(_ended(subprocess.Popen([sys.executable, "-m", "benchmarks.web", "--bare"], cwd=ROOT)))
        yield


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _document(process: subprocess.Popen[bytes]) -> str:
    """Return the JSON document that a process prints first, over several lines."""
    text = ""
    while process.stdout and not text.endswith("\n}\n"):
        line = process.stdout.readline().decode()
        if not line or (not text and line.rstrip().endswith("}")):
            return text + line
        text += line
    return text


@asynccontextmanager
async def _client() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        for port in (PORT, BARE):
            for _ in range(200):
                try:
                    async with session.get(f"http://127.0.0.1:{port}/1"):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
        yield session


async def measure(people: int) -> tuple[str, bool]:
    """Return the section of the document, and whether all bounds are kept."""
    async with _client() as client:
        async with client.get(_address("/api/v1/integrations/acme/entities/employees?limit=200")) as response:
            found = [one["source_id"] for one in (await response.json())["items"]]
        pages = [
            "/settings/integrations",
            "/settings/catalogue",
            "/settings/integrations/Namely",
            "/integrations/acme",
            "/integrations/acme/plan",
            "/integrations/acme/people",
            await _search(client, "ada"),
            "/integrations/acme/people?status=inactive",
            f"/integrations/acme/people/{found[17]}",
            "/integrations/acme/departments",
            "/integrations/acme/preview",
            "/integrations/acme/history",
            "/settings/audit",
        ]
        await _warm(client, pages)
        alone = [await _time(client, page) for page in pages]
        floors = [await _time(client, f"/{one.size}", port=BARE) for one in alone]
        quiet = await _run(client)
        clicks: list[tuple[str, float]] = []
        users = [asyncio.create_task(_click(client, pages, clicks)) for _ in range(USERS)]
        busy = await _run(client)
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)
    worst = max(clicks, key=lambda one: one[1])
    kept = [max(one.p95 for one in alone) <= BOUND, worst[1] <= BOUND_IN_A_RUN, busy / quiet <= BOUND_OF_THE_RUN]
    return _section(people, alone, floors, clicks, worst, quiet, busy, kept), all(kept)


async def _search(client: aiohttp.ClientSession, words: str) -> str:
    """Return the address of a search: its words are sealed in it."""
    people = _address("/integrations/acme/people")
    async with client.post(people, data={"search": words}, allow_redirects=False) as response:
        return response.headers["Location"]


async def _warm(client: aiohttp.ClientSession, pages: Iterable[str]) -> None:
    """Ask for each page until it is there: the first look at people reads them into memory."""
    for page in pages:
        for _ in range(100):
            async with client.get(_address(page)) as response:
                text = await response.text()
                if response.status == 200 and "data-loading" not in text:
                    break
            await asyncio.sleep(0.1)


async def _time(client: aiohttp.ClientSession, path: str, *, port: int = PORT) -> Times:
    seconds, size = [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        async with client.get(_address(path, port)) as response:
            size = len(await response.read())
            if response.status != 200:
                raise RuntimeError(f"{path} answers {response.status}")
        seconds.append(time.perf_counter() - started)
    return Times(path, size, seconds)


async def _click(client: aiohttp.ClientSession, pages: Sequence[str], clicks: list[tuple[str, float]]) -> None:
    while True:
        await asyncio.sleep(random.expovariate(1 / THINK))
        page = random.choice(pages)
        started = time.perf_counter()
        async with client.get(_address(page)) as response:
            await response.read()
        clicks.append((page, time.perf_counter() - started))


async def _run(client: aiohttp.ClientSession) -> float:
    """Run the integration as a whole; return how many seconds it took, as its own record says."""
    for _ in range(50):
        async with client.post(_address("/api/v1/integrations/acme/runs"), json={}) as response:
            if response.status != 409:  # The end of the run before is being noted.
                break
        await asyncio.sleep(0.1)
    if response.status >= 300:
        raise RuntimeError(f"The run did not start: {response.status}")
    started = time.perf_counter()
    while True:
        await asyncio.sleep(0.2)
        async with client.get(_address("/api/v1/integrations/acme/status")) as response:
            if not (await response.json())["running"] and time.perf_counter() - started > 1:
                return time.perf_counter() - started


def _address(path: str, port: int = PORT) -> str:
    return f"http://127.0.0.1:{port}{path}"


def _section(
    people: int,
    alone: Sequence[Times],
    floors: Sequence[Times],
    clicks: Sequence[tuple[str, float]],
    worst: tuple[str, float],
    quiet: float,
    busy: float,
    kept: Sequence[bool],
) -> str:
    said = ["reached" if one else "missed" for one in kept]
    rows = [
        f"| `{_named(one.page)}` | {one.size / 1024:.0f} KB | {_ms(one.p50)} | {_ms(one.p95)} | {_ms(floor.p95)} |"
        for one, floor in zip(alone, floors, strict=True)
    ]
    seconds = [one for _, one in clicks]
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    return f"""
With {people:,} people stored. A page is timed {ROUNDS} times, one after the other, from the request to its last byte;
beside it a bare handler of aiohttp, which sends as many bytes from memory, in the same run.

| page | size | median | p95 | bare handler, p95 |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}

- **Every page within {_ms(BOUND)} (p95): {said[0]}.** The slowest takes {_ms(max(one.p95 for one in alone))}.
- **{USERS} people clicking while a run of {people:,} goes on**, each about once in {THINK:g} s: {len(seconds):,} pages,
  median {_ms(p50)}, p95 {_ms(p95)}, the slowest {_ms(worst[1])} (`{_named(worst[0])}`). None over
  {_ms(BOUND_IN_A_RUN)}: {said[1]}.
- **The run takes {busy / quiet:.2f} times as long as without them** ({busy:.1f} s, and {quiet:.1f} s). At most
  {BOUND_OF_THE_RUN:g} times: {said[2]}. Simulator, host and those who click share the machine's cores.

"""


def _named(page: str) -> str:
    """Return the address of a page, without the id of a person or the words of a search."""
    return re.sub(r"(?<=find=).+", "…", re.sub(r"(?<=/people/)[^/?]+$", "ID", page))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())

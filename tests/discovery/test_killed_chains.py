"""kill -9 between two pages of a listing by cursors: the next run resumes at the page that it had come to."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import web

from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, Settings
from connector_core.testing import Served
from planted.chained import ChainedSimulator, Cursors
from world import serve_in_thread

TESTS = Path(__file__).parents[1]


class Stalls(ChainedSimulator):
    """Never answers the request for its fourth page, until it is told to."""

    def __init__(self) -> None:
        super().__init__(120, 1)
        self.stalls = True
        self.reached = threading.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.stalls and request.query.get("cursor") == "75":
            self.reached.set()
            await asyncio.sleep(3600)
        return await super().handle(request)


def query(store: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(sql).fetchall()


def run(store: Path, served: Served) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "SSL_CERT_FILE": str(served.ca_file)}
    command = [sys.executable, str(TESTS / "planted" / "run_once.py"), str(store), json.dumps(served.resolve)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def connect(store: Path, served: Served) -> None:
    settings = Settings(host=HostSettings(store=store, resolve=served.resolve))
    async with Host(settings, registry=registry_of(Cursors)) as host:
        await host.connect("example", "acme", served.simulator.credentials)


def test_a_run_that_is_killed_between_two_pages_of_a_chain_resumes_there(tmp_path: Path, monkeypatch: Any) -> None:
    store, simulator = tmp_path / "people.sqlite", Stalls()
    with serve_in_thread(simulator) as served:
        monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
        asyncio.run(connect(store, served))
        with run(store, served) as killed:
            assert simulator.reached.wait(30)
            until = time.monotonic() + 30
            while query(store, "SELECT page FROM checkpoints") != [(3,)] and time.monotonic() < until:
                time.sleep(0.05)
            killed.kill()
        assert query(store, "SELECT page, cursor FROM checkpoints") == [(3, "50")]
        simulator.stalls = False
        asked = len(simulator.requests)
        with run(store, served) as again:
            assert again.wait(60) == 0
    queries = [one.query for one in simulator.requests[asked:] if one.path == "/cursors"]
    assert queries == [f"limit=25&cursor={number}" for number in (50, 75, 100)]
    assert query(store, "SELECT count(*) FROM entities") == [(120,)]
    resumed = "SELECT count(*) FROM certificates WHERE json_extract(certificate, '$.began') = 'resumed'"
    assert query(store, resumed) == [(1,)]

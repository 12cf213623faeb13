"""kill -9 at random instants of a run: the next run must end with the store of an undisturbed one.

``python tests/kills.py`` prints the result of a few kills; ``tests/reliability.py`` documents that of many.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from cryptography.fernet import Fernet

from connector_core import Verdict
from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import environment, serve
from connector_core.vault import KEY_VARIABLE
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant

PEOPLE = 600
HTTP = HttpSettings(first_wait=0.01, tries=3, page_timeout=5.0)


@dataclass
class Kills:
    """Phases in which runs were killed, and the harm found afterwards."""

    phases: Counter[str]
    lost: int = 0
    doubled: int = 0
    broken: int = 0
    resumed: int = 0

    @property
    def harm(self) -> int:
        return self.lost + self.doubled + self.broken


def silence() -> None:
    """Drop all log events."""
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])


def kill_at_random(rounds: int, folder: Path, *, people: int = PEOPLE, seed: int = 1) -> Kills:
    """Kill a run ``rounds`` times, and compare the store after another run with that of an undisturbed run."""
    rnd = random.Random(seed)
    command = [sys.executable, __file__, "--serve", "--people", str(people)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        served = json.loads(server.stdout.readline())
        with environment({"SSL_CERT_FILE": served["ca"], KEY_VARIABLE: Fernet.generate_key().decode()}):
            before = folder / "before.sqlite"
            credentials = {"domain": Tenant.host, "personal_access_token": Tenant.token}
            asyncio.run(_connect(_settings(before, served), credentials))
            _run_in_child(_settings(before, served))
            server.stdin.write("evolve\n")
            server.stdin.flush()
            server.stdout.readline()
            undisturbed = folder / "undisturbed.sqlite"
            shutil.copy(before, undisturbed)
            started = time.monotonic()
            _run_in_child(_settings(undisturbed, served))
            duration = time.monotonic() - started
            expected = _entities(undisturbed)
            kills = Kills(Counter())
            for _ in range(rounds):
                store = folder / "killed.sqlite"
                for old in folder.glob("killed.sqlite*"):
                    if old.is_file():
                        old.unlink()
                shutil.copy(before, store)
                _run_in_child(_settings(store, served), kill_after=_instant(rnd, duration))
                kills.phases[_phase(store)] += 1
                kills.broken += _integrity(store) != "ok"
                _run_in_child(_settings(store, served))
                found = _entities(store)
                kills.lost += sum(found.get(key) != body for key, body in expected.items())
                kills.doubled += len(found.keys() - expected.keys()) + _applied_twice(store)
                kills.resumed += _was_resumed(store)
        server.stdin.close()
        server.terminate()
    return kills


def _instant(rnd: random.Random, duration: float) -> float:
    """Choose an instant: half of them anywhere in the run, half near its end, where it plans and applies."""
    return rnd.uniform(0.02, duration) if rnd.random() < 0.5 else rnd.uniform(0.7 * duration, 1.05 * duration)


def _settings(store: Path, served: dict[str, Any]) -> Settings:
    return Settings(host=HostSettings(store=store, resolve=served["resolve"], http=HTTP))


async def _connect(settings: Settings, credentials: dict[str, str]) -> None:
    async with Host(settings) as host:
        await host.connect("namely", "acme", credentials)


def _run_in_child(settings: Settings, *, kill_after: float | None = None) -> None:
    """Run in a forked process, which has all modules imported: the instants then fall into the run itself."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = asyncio.run(_run(settings))
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


async def _run(settings: Settings) -> int:
    async with Host(settings) as host:
        report = await host.run("acme")
    return 0 if report.verdict is Verdict.COMPLETE else 1


async def _serve(people: int) -> None:
    """Serve a tenant that changes with each line on standard input."""
    simulator = NamelySimulator(Tenant(people, 7, Behaviour()), Behaviour(quota=1_000_000))
    async with serve(simulator) as served:
        sys.stdout.write(json.dumps({"resolve": served.resolve, "ca": str(served.ca_file)}) + "\n")
        sys.stdout.flush()
        while await asyncio.to_thread(sys.stdin.readline):
            for _ in range(8):
                simulator.evolve()
            sys.stdout.write("evolved\n")
            sys.stdout.flush()


# ---- the store afterwards


def _query(store: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(sql).fetchall()


def _entities(store: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (kind, source_id): json.loads(body)
        for kind, source_id, body in _query(
            store, "SELECT e.kind, e.source_id, b.body FROM entities e JOIN bodies b ON b.n = e.n"
        )
    }


def _integrity(store: Path) -> str:
    return str(_query(store, "PRAGMA integrity_check")[0][0])


def _applied_twice(store: Path) -> int:
    sql = (
        "SELECT count(*) FROM (SELECT kind, source_id, operation FROM changes WHERE state = 'applied' "
        "AND operation <> 'update' GROUP BY kind, source_id, operation HAVING count(*) > 1)"
    )
    return int(_query(store, sql)[0][0])


def _was_resumed(store: Path) -> int:
    """Return 1 if a run resumed an earlier one."""
    resumed = "SELECT 1 FROM certificates WHERE json_extract(certificate, '$.began') = 'resumed'"
    return int(bool(_query(store, resumed)))


def _phase(store: Path) -> str:
    """Return the phase in which the last run was killed."""
    runs = _query(store, "SELECT id, finished_at FROM runs ORDER BY n")
    if len(runs) == 1:
        return "before the run"
    run_id, finished = runs[-1]
    if finished:
        return "after the end"
    states = dict(_query(store, f"SELECT state, count(*) FROM changes WHERE run_id = '{run_id}' GROUP BY state"))
    if "applied" in states:
        return "after applying"
    if states or _query(store, f"SELECT 1 FROM certificates WHERE run_id = '{run_id}'"):
        return "planning and applying"
    if _query(store, f"SELECT 1 FROM readings g JOIN checkpoints c ON c.reading = g.id WHERE g.run_id = '{run_id}'"):
        return "reading and staging"
    return "checking"


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--serve", action="store_true")
    arguments.add_argument("--people", type=int, default=PEOPLE)
    arguments.add_argument("--rounds", type=int, default=8)
    options = arguments.parse_args()
    silence()
    if options.serve:
        asyncio.run(_serve(options.people))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        kills = kill_at_random(options.rounds, Path(folder), people=options.people)
    sys.stdout.write(f"{kills}\n")
    return min(kills.harm, 1)


if __name__ == "__main__":
    sys.exit(main())

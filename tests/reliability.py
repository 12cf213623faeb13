"""Every fault against Namely, and kill -9 at random instants: what came of each, and what must be nought.

``python tests/reliability.py`` writes docs/reliability.md (``make reliability``). The everyday tests use the same
functions with fewer rounds.
"""

import argparse
import asyncio
import json
import os
import random
import re
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

from connector_core import Certificate, Employee, RejectedCredentialsError, Report, Verdict
from connector_core.host import Host
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import environment, serve
from connector_core.testing.listing_faults import DAMAGES
from connector_core.testing.network_faults import STRIKES, THROTTLES
from connector_core.vault import KEY_VARIABLE
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
FAULTS = ("500", "502", "503", "504", "408", "401", "403", "404", "406", "429", *THROTTLES, *STRIKES, *DAMAGES)
PEOPLE = 170
HTTP = HttpSettings(
    first_wait=0.01, tries=3, page_timeout=0.7, throttle_tries=3, throttle_wait=0.05, largest_answer=8_000_000
)


@dataclass
class Outcome:
    """What one fault came to. The last four must be nought."""

    fault: str
    times: str
    said: str
    fired: int
    falsely_complete: int
    falsely_removed: int
    falsely_emptied: int
    lost: int

    @property
    def harm(self) -> int:
        return self.falsely_complete + self.falsely_removed + self.falsely_emptied + self.lost


def quiet() -> None:
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])


async def try_fault(fault: str, *, lasting: bool, folder: Path) -> Outcome:
    """A first run, then one that meets the fault on its second page of people, then a quiet one."""
    simulator = NamelySimulator(Tenant(PEOPLE, 7, Behaviour()), Behaviour())
    tenant = simulator.directory
    assert isinstance(tenant, Tenant)
    times = "lasting" if lasting else "once"
    async with serve(simulator) as served:
        with environment({"SSL_CERT_FILE": str(served.ca_file), KEY_VARIABLE: Fernet.generate_key().decode()}):
            host_settings = HostSettings(store=folder / f"{fault}-{times}.sqlite", resolve=served.resolve, http=HTTP)
            async with Host(Settings(host=host_settings)) as host:
                await host.connect("namely", "acme", simulator.credentials)
                await host.run("acme")
                before = {one.source_id: one for one in host.entities("acme", Employee)}
                there = {one.id for one in tenant.people}
                # The first request under /profiles asks for the token's owner, the third for the second page.
                simulator.script(f"{fault}@3{'x99' if lasting else ''}:/profiles")
                said, certificate = await _run(host)
                after = {one.source_id: one for one in host.entities("acme", Employee)}
                stayed = there & {one.id for one in tenant.people}
                fired = len(simulator.faults.fired)
                simulator.script("")
                await host.run("acme")
                last = {one.source_id for one in host.entities("acme", Employee)}
    complete = certificate is not None and certificate.complete
    # Who joined while the run went on may belong to the next scan.
    missing = stayed - after.keys()
    return Outcome(
        fault=fault,
        times=times,
        said=said,
        fired=fired,
        falsely_complete=int(complete and bool(missing)),
        falsely_removed=len(stayed - after.keys()),
        falsely_emptied=sum(_emptied(before[one], after[one]) for one in stayed & after.keys() & before.keys()),
        lost=len({one.id for one in tenant.people} - last),
    )


async def _run(host: Host) -> tuple[str, Certificate | None]:
    try:
        report: Report = await host.run("acme")
    except RejectedCredentialsError as error:
        return f"stopped: {error.message}", None
    found = report.certificates[0]
    began = f"{found.began}: " if found.began else ""
    if found.complete:
        return f"{began}complete" if began else "repaired: complete", found
    # The moment is another in every round, and the document should change only when the outcome does.
    reason = re.sub(r"until \d{4}-\S+ \S+ UTC", "for an hour", found.reasons[0])
    return f"{report.verdict}: {reason}", found


def _emptied(before: Employee, after: Employee) -> int:
    return sum(
        1 for name in Employee.model_fields if getattr(before, name) and not getattr(after, name) and name != "end_date"
    )


# ---- kill -9


@dataclass
class Kills:
    """Where runs were killed, and what was found afterwards."""

    phases: Counter[str]
    lost: int = 0
    doubled: int = 0
    broken: int = 0
    resumed: int = 0

    @property
    def harm(self) -> int:
        return self.lost + self.doubled + self.broken


async def _serve_evolving(people: int) -> None:
    """In a process of its own: a tenant that moves on for each line of standard input."""
    tenant = Tenant(people, 7, Behaviour())
    simulator = NamelySimulator(tenant, Behaviour(quota=1_000_000))
    async with serve(simulator) as served:
        sys.stdout.write(json.dumps({"resolve": served.resolve, "ca": str(served.ca_file)}) + "\n")
        sys.stdout.flush()
        while await asyncio.to_thread(sys.stdin.readline):
            for _ in range(8):
                simulator.evolve()
            sys.stdout.write("evolved\n")
            sys.stdout.flush()


def kill_at_random(rounds: int, folder: Path, *, people: int = 600, seed: int = 1) -> Kills:
    """Kills a run ``rounds`` times; each time a further run must end with what an undisturbed one ends with."""
    rnd = random.Random(seed)
    command = [sys.executable, __file__, "--serve", str(people)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        said = json.loads(server.stdout.readline())
        with environment({"SSL_CERT_FILE": said["ca"], KEY_VARIABLE: Fernet.generate_key().decode()}):
            base = folder / "base.sqlite"
            credentials = {"domain": Tenant.host, "personal_access_token": Tenant.token}
            asyncio.run(_connect(_settings(base, said), credentials))
            _run_in_child(_settings(base, said))
            server.stdin.write("go on\n")
            server.stdin.flush()
            server.stdout.readline()
            whole = folder / "whole.sqlite"
            shutil.copy(base, whole)
            started = time.monotonic()
            _run_in_child(_settings(whole, said))
            length = time.monotonic() - started
            truth = _entities(whole)
            kills = Kills(Counter())
            for _ in range(rounds):
                store = folder / "killed.sqlite"
                for old in folder.glob("killed.sqlite*"):
                    old.unlink()
                shutil.copy(base, store)
                _run_in_child(_settings(store, said), kill_after=_instant(rnd, length))
                kills.phases[_phase(store)] += 1
                kills.broken += _integrity(store) != "ok"
                _run_in_child(_settings(store, said))
                found = _entities(store)
                kills.lost += sum(found.get(key) != body for key, body in truth.items())
                kills.doubled += len(found.keys() - truth.keys()) + _applied_twice(store)
                kills.resumed += _resumed(store)
        server.stdin.close()
        server.terminate()
    return kills


def _instant(rnd: random.Random, length: float) -> float:
    """Half of them anywhere in a run, half near its end, where it plans and applies."""
    return rnd.uniform(0.02, length) if rnd.random() < 0.5 else rnd.uniform(0.7 * length, 1.05 * length)


def _settings(store: Path, said: dict[str, Any]) -> Settings:
    return Settings(host=HostSettings(store=store, resolve=said["resolve"], http=HTTP))


async def _connect(settings: Settings, credentials: dict[str, str]) -> None:
    async with Host(settings) as host:
        await host.connect("namely", "acme", credentials)


def _run_in_child(settings: Settings, *, kill_after: float | None = None) -> None:
    """A run in a forked process: all is imported already, so that the instants fall into the run itself."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = asyncio.run(_once(settings))
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


async def _once(settings: Settings) -> int:
    async with Host(settings) as host:
        report = await host.run("acme")
    return 0 if report.verdict is Verdict.COMPLETE else 1


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


def _resumed(store: Path) -> int:
    return int("resumed at page" in str(_query(store, "SELECT details FROM certificates")))


def _phase(store: Path) -> str:
    runs = _query(store, "SELECT id, finished_at FROM runs ORDER BY started_at")
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
    if _query(store, f"SELECT 1 FROM readings WHERE run_id = '{run_id}' LIMIT 1"):
        return "reading and staging"
    return "checking"


# ---- the document


def _document(outcomes: list[Outcome], kills: Kills, rounds: int) -> str:
    lines = [
        "# Reliability",
        "",
        "Made by `make reliability`: every fault is scripted in the simulator's own server, and met by a run on its",
        f"second page of {PEOPLE} people, once or from then on. A quiet run follows.",
        "",
        f"- faults tried: {len(outcomes)}; seen to fire: {sum(one.fired > 0 for one in outcomes)}",
        f"- certificates falsely complete: {sum(one.falsely_complete for one in outcomes)}",
        f"- people falsely removed: {sum(one.falsely_removed for one in outcomes)}",
        f"- fields falsely emptied: {sum(one.falsely_emptied for one in outcomes)}",
        f"- rows lost after the quiet run: {sum(one.lost for one in outcomes)}",
        "",
        "| fault | how often | what the run said | fired |",
        "| --- | --- | --- | --- |",
        *(f"| {one.fault} | {one.times} | {one.said} | {one.fired} |" for one in outcomes),
        "",
        "`swap` is the scenario in which the counters agree: one deleted, one appended, a third moves up unread.",
        "",
        "## kill -9",
        "",
        f"A run over a changed tenant of 600 people is killed at {rounds} random instants; the next run must end",
        "with the store that an undisturbed run ends with, in every field of every entity.",
        "",
        "| killed while | times |",
        "| --- | --- |",
        *(f"| {phase} | {number} |" for phase, number in kills.phases.most_common()),
        "",
        f"- next runs that went on at a checkpoint: {kills.resumed}",
        f"- entities lost or different: {kills.lost}",
        f"- doubled, or applied twice: {kills.doubled}",
        f"- databases damaged: {kills.broken}",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--serve", type=int)
    arguments.add_argument("--rounds", type=int, default=250)
    arguments.add_argument("--only-kill", action="store_true")
    chosen = arguments.parse_args()
    quiet()
    if chosen.serve:
        asyncio.run(_serve_evolving(chosen.serve))
        return 0
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kills = kill_at_random(chosen.rounds, folder)
        if chosen.only_kill:
            sys.stdout.write(f"{kills}\n")
            return min(kills.harm, 1)
        for fault in FAULTS:
            for lasting in (False, True):
                outcomes.append(asyncio.run(try_fault(fault, lasting=lasting, folder=folder)))
                one = outcomes[-1]
                sys.stderr.write(f"{one.harm or ' '} {one.fault} {one.times}: {one.said} ({one.fired})\n")
    DOCUMENT.write_text(_document(outcomes, kills, chosen.rounds), encoding="utf-8")
    harm = kills.harm + sum(one.harm for one in outcomes) + sum(one.fired == 0 for one in outcomes)
    sys.stderr.write(f"{kills}\nharm: {harm}\n")
    return min(harm, 1)


if __name__ == "__main__":
    sys.exit(main())

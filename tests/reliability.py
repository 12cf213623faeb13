"""Every fault against Namely, and the harm that each did, which must be none.

``python tests/reliability.py`` writes docs/reliability.md (``make reliability``). The everyday tests use the same
functions for fewer cases.
"""

import argparse
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from attacks import HOLDS, Row, collect_elsewhere
from cryptography.fernet import Fernet

from connector_core import Certificate, Employee, RejectedCredentialsError
from connector_core.beginnings import Began
from connector_core.host import Host
from connector_core.messages import message
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import clock, environment, serve
from connector_core.testing.listing_faults import LISTING_FAULTS
from connector_core.testing.network_faults import NETWORK_FAULTS, THROTTLES
from connector_core.testing.readme import table
from connector_core.vault import KEY_VARIABLE
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from kills import Kills, kill_at_random, silence

DOCUMENT = Path(__file__).parents[1] / "docs" / "reliability.md"
FAULTS = (
    *("500", "502", "503", "504", "408", "401", "403", "404", "406", "429"),
    *(*THROTTLES, *NETWORK_FAULTS, *LISTING_FAULTS),
)
PEOPLE = 170
HTTP = HttpSettings(
    first_wait=0.01, tries=3, page_timeout=0.7, throttle_tries=3, throttle_wait=0.05, largest_answer=8_000_000
)


@dataclass(frozen=True)
class Prepared:
    """A store that holds the people of a first run, one that holds none, and the key that secrets are sealed with."""

    full: Path
    empty: Path
    key: str


@dataclass
class Outcome:
    """Outcome of one fault. The last four must be zero."""

    fault: str
    times: str
    empty: bool
    """True for a first run, into an empty store."""
    result: str
    fired: int
    falsely_complete: int
    falsely_removed: int
    falsely_emptied: int
    lost: int

    @property
    def harm(self) -> int:
        return self.falsely_complete + self.falsely_removed + self.falsely_emptied + self.lost


def _simulator() -> NamelySimulator:
    return NamelySimulator(Tenant(PEOPLE, 7, Behaviour()), Behaviour())


async def prepare(folder: Path) -> Prepared:
    """Connect, and run once without a fault."""
    prepared = Prepared(folder / "full.sqlite", folder / "empty.sqlite", Fernet.generate_key().decode())
    simulator = _simulator()
    async with serve(simulator) as served:
        with environment({"SSL_CERT_FILE": str(served.ca_file), KEY_VARIABLE: prepared.key}):
            for store in (prepared.full, prepared.empty):
                settings = HostSettings(store=store, resolve=served.resolve, http=HTTP)
                async with Host(Settings(host=settings)) as host:
                    await host.connect("namely", "acme", simulator.credentials)
                    if store == prepared.full:
                        await host.run("acme")
    return prepared


async def try_fault(prepared: Prepared, fault: str, *, lasting: bool, empty: bool, folder: Path) -> Outcome:
    """Run with the fault on the second page of people, and then once more without it."""
    simulator = _simulator()
    tenant = simulator.directory
    assert isinstance(tenant, Tenant)
    times = "lasting" if lasting else "once"
    store = folder / f"{fault}-{times}-{'empty' if empty else 'full'}.sqlite"
    shutil.copy(prepared.empty if empty else prepared.full, store)
    async with serve(simulator) as served:
        with environment({"SSL_CERT_FILE": str(served.ca_file), KEY_VARIABLE: prepared.key}):
            settings = HostSettings(store=store, resolve=served.resolve, http=HTTP)
            async with Host(Settings(host=settings)) as host:
                before = {one.source_id: one async for one in host.entities("acme", Employee)}
                ids_before = {one.id for one in tenant.people}
                # The first request under /profiles is for the token's owner, the third for the second page.
                simulator.script(f"{fault}@3{'x99' if lasting else ''}:/profiles")
                result, certificate = await _run(host)
                after = {one.source_id: one async for one in host.entities("acme", Employee)}
                # A person who joined during the run may be left to the next one.
                stable = ids_before & {one.id for one in tenant.people}
                fired = len(simulator.faults.fired)
                simulator.script("")
                await host.run("acme")
                last = {one.source_id async for one in host.entities("acme", Employee)}
    missing = stable - after.keys()
    complete = certificate is not None and certificate.complete
    return Outcome(
        fault=fault,
        times=times,
        empty=empty,
        result=result,
        fired=fired,
        falsely_complete=int(complete and bool(missing)),
        falsely_removed=len(missing & before.keys()),
        falsely_emptied=sum(_emptied(before[one], after[one]) for one in stable & after.keys() & before.keys()),
        lost=len({one.id for one in tenant.people} - last),
    )


async def _run(host: Host) -> tuple[str, Certificate | None]:
    try:
        report = await host.run("acme")
    except RejectedCredentialsError as error:
        return f"stopped: {error.message}", None
    found = report["Employee"].certificate
    began = "" if found.began is Began.FRESH else f"{found.began.replace('_', ' ')}: "
    if found.complete:
        return f"{began}complete" if began else "repaired: complete", found
    # Without the time of day, so that the document changes only if an outcome does.
    reason = re.sub(r"until \d{4}-\S+ \S+ UTC", "for an hour", message(found.reasons[0]))
    return f"{report.verdict}: {reason}", found


def _emptied(before: Employee, after: Employee) -> int:
    return sum(
        1 for name in Employee.model_fields if getattr(before, name) and not getattr(after, name) and name != "end_date"
    )


def _document(outcomes: list[Outcome], attacks: list[Row], kills: Kills, rounds: int) -> str:
    lines = [
        "# Reliability",
        "",
        "Written by `make reliability`: the simulator injects every fault into a run, at the second page of",
        f"{PEOPLE} people, once or from then on, when all of them are stored and when none is. A run without faults",
        "follows.",
        "",
        f"- faults tried: {len(outcomes)}, half of them in a first run",
        f"- fired: {sum(one.fired > 0 for one in outcomes)}",
        f"- readings falsely certified as complete: {sum(one.falsely_complete for one in outcomes)}",
        f"- people falsely removed: {sum(one.falsely_removed for one in outcomes)}",
        f"- fields falsely emptied: {sum(one.falsely_emptied for one in outcomes)}",
        f"- rows lost after the run without faults: {sum(one.lost for one in outcomes)}",
        "",
        "| fault | how often | result of the run | fired | result of a first run | fired |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {full.fault} | {full.times} | {full.result} | {full.fired} | {empty.result} | {empty.fired} |"
            for full, empty in zip(outcomes[::2], outcomes[1::2], strict=True)
        ),
        "",
        "`swap` is the case in which the counters agree: one person is deleted, one appended, a third moves up unread.",
        "In a first run nothing is stored that could be missed: creation times tell that a person has left.",
        "",
        "## Attacks",
        "",
        "Each is a test: what is tried, the store that it starts from, what must hold, and whether it does.",
        "",
        table(("attack", "store", "promise", "outcome"), attacks),
        "",
        "## kill -9",
        "",
        f"A run over a changed tenant of 600 people is killed at {rounds} random instants. The next run must end",
        "with the store of an undisturbed run, in every field of every entity.",
        "",
        "| killed while | times |",
        "| --- | --- |",
        *(f"| {phase} | {number} |" for phase, number in kills.phases.most_common()),
        "",
        f"- next runs that resumed at a checkpoint: {kills.resumed}",
        f"- entities lost or different: {kills.lost}",
        f"- duplicated, or applied twice: {kills.doubled}",
        f"- corrupt databases: {kills.broken}",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=250)
    options = arguments.parse_args()
    silence()
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kills = kill_at_random(options.rounds, folder)
        prepared = clock.run(prepare(folder))
        for fault in FAULTS:
            for lasting in (False, True):
                for empty in (False, True):
                    one = clock.run(try_fault(prepared, fault, lasting=lasting, empty=empty, folder=folder))
                    outcomes.append(one)
                    sys.stderr.write(f"{one.harm or ' '} {one.fault} {one.times}: {one.result} ({one.fired})\n")
    tried = collect_elsewhere()
    DOCUMENT.write_text(_document(outcomes, tried, kills, options.rounds), encoding="utf-8")
    harm = kills.harm + sum(one.harm for one in outcomes) + sum(one.fired == 0 for one in outcomes)
    harm += sum(one.outcome != HOLDS for one in tried)
    sys.stderr.write(f"{kills}\nharm: {harm}\n")
    return min(harm, 1)


if __name__ == "__main__":
    sys.exit(main())

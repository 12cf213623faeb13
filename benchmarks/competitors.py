"""The competitors: our own command, the floors, and the peers, each as commands and a proof that all people came."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ours import DISCOVER, facts_of
from benchmarks.serving import ROOT, Server

HERE = ROOT / "benchmarks"
VENVS = HERE / ".venvs"
PAGE = 50
FETCHED = "aiohttp, bytes dropped"
CURL = "curl --parallel"
OURS = "ours"
START_MEASURE = 'python -c "from pydantic import BaseModel"'


@dataclass(frozen=True)
class Competitor:
    name: str
    commands: Callable[[Server, Path], list[list[str]]]
    """What runs in this folder; several are joined by pipes."""
    proof: Callable[[Server, Path], int]
    """How many people it got, by what it left in this folder."""
    template: Path | None = None
    """A folder whose content is there when it starts."""
    reports: bool = False
    """True if it prints a report of ours."""


def ours(template: Path, *arguments: str, name: str = OURS) -> Competitor:
    """``discover run`` from the state in ``template``."""
    command = [DISCOVER, "run", *(arguments or ("acme",))]
    return Competitor(name, lambda _server, _folder: [command], _found, template, reports=True)


def _found(server: Server, folder: Path) -> int:
    facts = facts_of(folder)
    # A delta reads only what changed; that it has caught up says that the totals agree.
    return server.people if facts["caught_up"] else int(facts["people"])


def floors() -> list[Competitor]:
    fetched = Competitor(FETCHED, _fetch, _printed_pages)
    return [Competitor(CURL, _curl, _curled), fetched] if shutil.which("curl") else [fetched]


def _fetch(server: Server, _folder: Path) -> list[list[str]]:
    program = str(HERE / "floors" / "fetch.py")
    return [[sys.executable, program, server.base_url, server.token, server.ca_file, str(-(-server.people // PAGE))]]


def _printed_pages(server: Server, folder: Path) -> int:
    return min(server.people, int(_last_line(folder)) * PAGE)


def _curl(server: Server, folder: Path) -> list[list[str]]:
    lines = []
    for number in range(1, -(-server.people // PAGE) + 1):
        address = f"{server.base_url}/profiles?page={number}&per_page={PAGE}&sort=created_at"
        lines += [f'url = "{address}"', 'output = "/dev/null"']
    config = folder / "urls.txt"
    config.write_text("\n".join(lines), encoding="utf-8")
    flags = ["--parallel", "--parallel-max", "8", "--compressed", "--fail", "--silent", "--cacert", server.ca_file]
    told = ["--write-out", "%{http_code}\\n", "--header", f"Authorization: Bearer {server.token}"]
    return [["curl", *flags, *told, "--config", str(config)]]


def _curled(server: Server, folder: Path) -> int:
    return min(server.people, (folder / "output").read_text(encoding="utf-8").split().count("200") * PAGE)


@dataclass(frozen=True)
class Peer:
    """A peer in an environment of its own, made from ``peers/FOLDER/requirements.txt``."""

    name: str
    folder: str
    flags: tuple[str, ...] = ()
    sink: str = ""
    """The folder of the program that reads its output through a pipe."""
    records: re.Pattern[bytes] | None = None
    """What each person's line in the output looks like; without it, the last line tells the number."""

    @property
    def ready(self) -> bool:
        return all((VENVS / one / ".ready").exists() for one in self._folders())

    @property
    def version(self) -> str:
        """The releases that it is measured with."""
        lines = [(HERE / "peers" / one / "requirements.txt").read_text(encoding="utf-8") for one in self._folders()]
        return ", ".join(line.replace("==", " ") for line in "\n".join(lines).split())

    def _folders(self) -> list[str]:
        return [self.folder, self.sink] if self.sink else [self.folder]

    def competitor(self) -> Competitor:
        return Competitor(self.name, self._commands, self._proof)

    def _commands(self, server: Server, folder: Path) -> list[list[str]]:
        given = [server.base_url, server.token, server.ca_file, str(server.people), str(folder)]
        commands = [[str(_python(self.folder)), str(HERE / "peers" / self.folder / "run.py"), *given, *self.flags]]
        if self.sink:
            commands.append([str(_python(self.sink)), str(HERE / "peers" / self.sink / "run.py"), *given])
        return commands

    def _proof(self, _server: Server, folder: Path) -> int:
        if self.records is None:
            return int(json.loads(_last_line(folder))["people"])
        with (folder / "output").open("rb") as lines:
            return sum(1 for line in lines if self.records.search(line))


def _python(folder: str) -> Path:
    return VENVS / folder / "bin" / "python"


def _last_line(folder: Path) -> str:
    return (folder / "output").read_text(encoding="utf-8").strip().rpartition("\n")[2]


DLT = ("dlt to DuckDB", "dlt to files")
REQUESTS = ("requests, 1 thread", "requests, 8 threads")
NAMELY = ("namely, 1 thread", "namely, many threads")
SINGER = "Singer tap to target-jsonl"
AIRBYTE = "Airbyte CDK"
PEERS = (
    Peer(REQUESTS[0], "requests", ("--threads", "1")),
    Peer(REQUESTS[1], "requests", ("--threads", "8")),
    Peer(NAMELY[0], "namely", ("--threads", "one")),
    Peer(NAMELY[1], "namely", ("--threads", "many")),
    Peer(SINGER, "singer", sink="singer_target"),
    Peer(AIRBYTE, "airbyte", records=re.compile(rb'^{"type":"RECORD"')),
    Peer(DLT[0], "dlt", ("--to", "duckdb")),
    Peer(DLT[1], "dlt", ("--to", "files")),
)
SEQUENTIAL = (REQUESTS[0], SINGER)
"""The peers that go page by page, as the quota is measured beside."""
STARTS: dict[str, tuple[str, ...]] = {
    'python -c "import requests"': ("requests", "-c", "import requests"),
    'python -c "import namely"': ("namely", "-c", "import namely"),
    "tap-namely --help (singer-sdk)": ("singer", "peers/singer/run.py", "--help"),
    "target-jsonl --help": ("singer_target", "peers/singer_target/run.py", "--help"),
    "source-declarative-manifest --help (Airbyte CDK)": ("airbyte", "peers/airbyte/run.py", "--help"),
    "dlt --help": ("dlt", "-m", "dlt", "--help"),
}
"""What each peer starts with: its own command, or its import where it has none."""


def starters(*, peers: bool) -> list[Competitor]:
    """Our commands, the measure that they are held to, and the peers'."""
    ours_and_measure = {
        START_MEASURE: [sys.executable, "-c", "from pydantic import BaseModel"],
        "discover --help": [DISCOVER, "--help"],
        "discover list": [DISCOVER, "list"],
    }
    theirs = {
        name: [str(_python(folder)), *(str(HERE / one) if one.startswith("peers/") else one for one in arguments)]
        for name, (folder, *arguments) in STARTS.items()
        if peers
    }
    return [_starter(name, command) for name, command in (ours_and_measure | theirs).items()]


def _starter(name: str, command: list[str]) -> Competitor:
    return Competitor(name, lambda _server, _folder: [command], lambda server, _folder: server.people)

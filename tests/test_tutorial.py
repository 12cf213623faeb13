"""The tutorial is followed: every block of it is a file that is written, a command that is run, or what that prints."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connector_core.testing.kit.rules import RULES
from world import DISCOVER

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
OTHER_TERMINAL = "another terminal"
INSTALL = "pip install"
OFFLINE = f"{INSTALL} --no-index --no-deps --no-build-isolation"
"""What the reader's pip fetches is here already."""
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """One fenced block: a file with its name, commands, or what they print."""

    language: str
    title: str
    text: str

    @property
    def is_file(self) -> bool:
        return self.language in {"python", "toml", "markdown"} and bool(self.title)

    @property
    def is_command(self) -> bool:
        return self.language == "sh" and self.title in {"", OTHER_TERMINAL}


def blocks(document: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(document)]


def pattern(line: str) -> re.Pattern[str]:
    """The line as it may be printed: runs of spaces are one, and an ellipsis stands for anything."""
    words = " ".join(line.split())
    return re.compile(".*".join(re.escape(part) for part in words.split(ANYTHING)))


def missing(shown: str, printed: str) -> str | None:
    """The first line that was not printed behind those before it."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in shown.strip().splitlines():
        wanted = pattern(line)
        if not any(wanted.search(one) for one in lines):
            return line
    return None


@dataclass
class Reader:
    """Somebody at two terminals, in an environment of their own beside the host's."""

    folder: Path
    environment: dict[str, str]
    port: str
    printed: str = ""
    said: str = ""
    others: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def place(self) -> Path:
        """The working directory of both terminals."""
        return Path((self.folder / "place").read_text().strip())

    def write(self, block: Block) -> None:
        file = self.place / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._here(block.text), encoding="utf-8")

    def run(self, block: Block) -> None:
        """Variables and the working directory last from one block to the next, as at a terminal."""
        state = f"export -p > {self.folder}/variables; pwd > {self.folder}/place"
        script = f"set -e; cd {self.place}; . {self.folder}/variables\n{self._filled(block)}\n{state}"
        done = subprocess.run(
            ["bash", "-c", script], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        # A run that stops at its plan leaves one that waits.
        assert done.returncode == (1 if "--plan" in block.text else 0), done.stdout + done.stderr
        self._heard(done.stdout + done.stderr)

    def start(self, block: Block, until: str) -> None:
        """In the other terminal, until the last line of what is shown has been printed."""
        process = subprocess.Popen(
            self._filled(block).split(), cwd=self.place, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.others.append(process)
        assert process.stdout
        said, last = "", pattern(self._here(until).strip().splitlines()[-1])
        while not (said and last.search(said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        self._heard(said)

    def sees(self, block: Block) -> None:
        absent = missing(self._here(block.text), self.printed)
        assert absent is None, f"{absent!r} is not in:\n{self.printed}"

    def _heard(self, printed: str) -> None:
        self.printed = printed
        self.said += printed

    def _here(self, text: str) -> str:
        """Port 8443 may be taken on this machine, and there may be no network."""
        return text.replace("8443", self.port).replace(INSTALL, OFFLINE)

    def _filled(self, block: Block) -> str:
        """Commands; one with an ellipsis is a line that has been printed before."""
        lines = []
        for line in self._here(block.text).splitlines():
            found = pattern(line).search(self.said) if ANYTHING in line else None
            lines.append(found[0] if found else line)
        return "\n".join(lines)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """An environment that sees the host's, so that installing needs no network and leaves the host's as it is."""
    mine = tmp_path / "environment"
    venv.create(mine, with_pip=False, symlinks=True)
    site = next(mine.glob("lib/python*/site-packages"))
    outer = [path for path in sys.path if path.endswith("site-packages")]
    (site / "host.pth").write_text("\n".join([str(ROOT), *outer]))
    # As pip writes it: the kit's workers import it once more.
    entry = f"#!{mine}/bin/python\nfrom connector_core.cli.main import main\n\nif __name__ == '__main__':\n    main()\n"
    (mine / "bin" / "discover").write_text(entry)
    (mine / "bin" / "discover").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([f"{mine}/bin", str(DISCOVER.parent), os.environ["PATH"]]),
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "1",
    }
    (tmp_path / "variables").write_text("")
    (tmp_path / "place").write_text(str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    made = Reader(tmp_path, environment, port)
    yield made
    for process in made.others:
        with process:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130


@pytest.mark.slow  # The kit runs whole in it.
@pytest.mark.timeout(240)
def test_the_tutorial_leads_where_it_says(reader: Reader) -> None:
    started = time.monotonic()
    found = blocks(TUTORIAL)
    for block, following in zip(found, [*found[1:], Block("", "", "")], strict=True):
        if block.is_file:
            reader.write(block)
        elif block.title == OTHER_TERMINAL:
            reader.start(block, following.text)
        elif block.is_command:
            reader.run(block)
        else:
            assert block.language == "text"
            reader.sees(block)
    assert time.monotonic() - started < 20 * 60
    assert "platinum" in (reader.place / "connectors/example/README.md").read_text(encoding="utf-8")


def test_the_tutorial_counts_the_rules_of_the_kit_as_they_are() -> None:
    counts = re.findall(r"of (\d+) rules", TUTORIAL)
    assert str(len(RULES)) in counts
    assert {int(one) for one in counts} <= {16, len(RULES)}


def test_every_block_of_the_tutorial_is_written_run_or_seen() -> None:
    found = blocks(TUTORIAL)
    assert TUTORIAL.count("\n```") == 2 * len(found)
    assert {"python", "toml", "sh", "text", "markdown"} == {block.language for block in found}
    for before, block in zip([None, *found], found, strict=False):
        assert block.is_file or block.is_command or (block.language == "text" and before and before.is_command), block


def test_what_was_not_printed_is_missed() -> None:
    assert missing("one … three", "one two three\n") is None
    assert missing("one\ntwo", "two\none\n") == "two"
    assert missing("a  b", "x a b y\n") is None
    assert missing("120 of 120", "119 of 120\n") == "120 of 120"


def test_the_modules_of_the_tutorial_are_as_the_host_writes_its_own(tmp_path: Path) -> None:
    for block in blocks(TUTORIAL):
        if block.language == "python":
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text)
    ruff = [str(DISCOVER.with_name("ruff"))]
    options = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    formatted = subprocess.run(
        [*ruff, "format", "--check", *options, tmp_path], capture_output=True, text=True, check=False
    )
    assert formatted.returncode == 0, formatted.stdout

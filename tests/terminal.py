"""A command on a pseudo-terminal."""

import select
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from world import DISCOVER

SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Terminal:
    """A command on a pseudo-terminal, as a person sees it.

    A process of its own makes the terminal: forking one out of this process, which has threads, is not safe.
    """

    def __init__(self, *arguments: str) -> None:
        self.seen = ""
        command = [sys.executable, "-c", SPAWN, str(DISCOVER), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _read(self) -> bool:
        assert self.process.stdout
        data = self.process.stdout.read(4096)
        self.seen += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, text: str, seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end or not (self._ready() and self._read()):
                pytest.fail(f"never saw {text!r} in {self.seen!r}")

    def _ready(self, seconds: float = 10) -> bool:
        assert self.process.stdout
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def type(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text.encode())

    def interrupt(self) -> int:
        """Ctrl-C, until it ends: CPython's input() may miss one that comes just before it begins to wait."""
        for _ in range(5):
            with suppress(BrokenPipeError):
                self.type("\x03")
            quiet = time.monotonic() + 2
            while time.monotonic() < quiet:
                if self._ready(0.1) and not self._read():
                    return self.end()
        return self.end()

    def end(self) -> int:
        while self._ready() and self._read():
            pass
        with self.process:
            return self.process.wait(5)

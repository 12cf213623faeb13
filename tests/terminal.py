"""The command line on a pseudo-terminal."""

import select
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from world import DISCOVER

SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Terminal:
    """A command on a pseudo-terminal, as its user sees it.

    A separate process opens the terminal, since forking this one, which has threads, is not safe.
    """

    def __init__(self, *arguments: str, program: tuple[str, ...] = (str(DISCOVER),)) -> None:
        self.seen = ""
        command = [sys.executable, "-c", SPAWN, *program, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def wait_for(self, text: str, seconds: float = 10) -> None:
        """Read until this text appears. Fails the test if it does not."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end or not (self._readable() and self._read()):
                pytest.fail(f"never saw {text!r} in {self.seen!r}")

    def type(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C until the command ends, and return its exit code.

        Once may not be enough: CPython's input() can miss an interrupt that arrives just before it starts to wait.
        """
        for _ in range(5):
            with suppress(BrokenPipeError):
                self.type("\x03")
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                if self._readable(0.1) and not self._read():
                    return self.end()
        return self.end()

    def end(self) -> int:
        """Read the rest of the output, and return the exit code."""
        while self._readable() and self._read():
            pass
        with self.process:
            return self.process.wait(5)

    def _readable(self, seconds: float = 10) -> bool:
        assert self.process.stdout
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def _read(self) -> bool:
        assert self.process.stdout
        data = self.process.stdout.read(4096)
        self.seen += data.decode(errors="replace")
        return bool(data)

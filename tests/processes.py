"""Other processes for tests: simulators, scripts, and ones that are killed at every instant of their work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from world import DISCOVER

_KILLING = """
import os, signal, sys
{imports}

def kill_at_event(number):
    seen = 0
    def hear(event, arguments):
        nonlocal seen
        seen += event == "open" or event.startswith(("os.", "sqlite3.", "fcntl."))
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hear)

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        kill_at_event(int(line))
        {work}
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def elsewhere(code: str, **environment: str) -> None:
    """Run code in another process, to its end."""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment})


@contextmanager
def beside(code: str) -> Iterator["subprocess.Popen[str]"]:
    """Run code in another process, from its first line of output until it is killed."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def killed_at_every_instant(imports: str, work: str) -> Iterator[bool]:
    """Run a line of code again and again, killed (-9) one touch of the file system later each time.

    Yields True after each kill, and False when the code has come to its end.
    """
    with beside(_KILLING.format(imports=imports, work=work)) as process:
        assert process.stdin
        assert process.stdout
        killed, number = True, 0
        while killed:
            number += 1
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            assert status in {0, 9}
            killed = status == 9
            yield killed


@contextmanager
def simulating(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `discover simulate`. Yields what it says when it has started."""
    with subprocess.Popen([DISCOVER, "simulate", *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield "".join(iter(process.stdout.readline, "Press Ctrl-C to stop.\n")), process
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130


def typed(said: str) -> str:
    """Return the commands to type in another terminal, as they were printed."""
    return said.partition("in this folder:\n")[2]


def run_script(script: str, **variables: str) -> str:
    env = {**os.environ, "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}", **variables}
    done = subprocess.run(["bash", "-ec", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

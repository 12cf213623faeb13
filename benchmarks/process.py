"""The cost of a command: wall time, CPU time and peak memory."""

import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CUT_OFF = 600.0
"""Seconds after which a command is ended."""
MEGABYTE = 1000 * 1000


@dataclass(frozen=True)
class Cost:
    """The cost of one command, or of several joined by pipes: CPU times and peaks are added up."""

    seconds: float
    cpu: float
    peak: float
    """Megabytes."""
    problem: str = ""
    server: Mapping[str, Any] = field(default_factory=dict)
    """Figures of the server."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Figures of the command itself."""


def least_peak() -> float:
    """Return the smallest peak that can be told: a process starts as a copy of this one, which counts."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def measure(commands: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run the commands, each reading what the one before writes; the last writes to ``folder / "output"``."""
    os.sync()  # No competitor pays for what another one wrote.
    started = time.perf_counter()
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        processes: list[subprocess.Popen[bytes]] = []
        for place, command in enumerate(commands, 1):
            last = place == len(commands)
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                stdout=output if last else subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            if processes and (pipe := processes[-1].stdout):
                pipe.close()
            processes.append(process)
        alarm = threading.Timer(CUT_OFF, _end, [processes])
        alarm.start()
        used = [_wait(process) for process in processes]
        seconds = time.perf_counter() - started
        alarm.cancel()
    return Cost(
        seconds=seconds,
        cpu=sum(one.ru_utime + one.ru_stime for one in used),
        peak=sum(one.ru_maxrss for one in used) * 1024 / MEGABYTE,
        problem=_problem(processes, seconds, folder),
    )


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)


def _problem(processes: list[subprocess.Popen[bytes]], seconds: float, folder: Path) -> str:
    if seconds >= CUT_OFF:
        return f"cut off after {CUT_OFF:.0f} s"
    codes = [process.returncode for process in processes]
    if not any(codes):
        return ""
    said = (folder / "errors").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"exit code {', '.join(map(str, codes))}: {_message(said[-1]) if said else 'nothing said'}"


def _message(line: str) -> str:
    """Return the message of a line, be it an error of ours as JSON or plain text."""
    try:
        return str(json.loads(line)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return line[:200]

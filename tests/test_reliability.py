"""A few of the rounds that `make reliability` does: no fault removes anybody, empties a field or certifies falsely."""

import subprocess
import sys
from pathlib import Path

import pytest

from connector_core.testing.listing_faults import DAMAGES
from reliability import try_fault

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("fault", "lasting"),
    [*((fault, False) for fault in (*DAMAGES, "drip", "headers", "bomb", "cutzip", "later"))]
    + [(fault, True) for fault in ("swap", "delete", "drop_row", "resort", "404")],
)
async def test_no_fault_does_harm(tmp_path: Path, fault: str, lasting: bool) -> None:
    outcome = await try_fault(fault, lasting=lasting, folder=tmp_path)
    assert outcome.fired
    assert outcome.harm == 0, outcome


def test_a_run_that_is_killed_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "reliability.py"), "--only-kill", "--rounds", "8"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Memory stays flat, however many rows a run changes."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "many_changes.py"


@pytest.mark.attack("Every stored row has changed", "Planning and applying need little memory", "full")
@pytest.mark.slow
def test_planning_and_applying_many_changes_needs_little_memory(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, PROGRAM, tmp_path, "40000"], capture_output=True, text=True, check=False)
    assert not done.stderr
    # The bodies alone, as they are stored and as they were read, would be 50.
    assert float(done.stdout) < 20

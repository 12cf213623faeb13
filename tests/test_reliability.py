"""A few cases of `make reliability`: no fault removes a person, empties a field or certifies falsely."""

import subprocess
import sys
from pathlib import Path

import pytest

from connector_core.testing import clock
from connector_core.testing.listing_faults import LISTING_FAULTS
from reliability import Prepared, prepare, try_fault

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return clock.run(prepare(tmp_path_factory.mktemp("prepared")))


CHANGES = ("swap", "delete", "resort", "join")


@pytest.mark.parametrize(
    ("fault", "lasting"),
    [*((fault, False) for fault in (*LISTING_FAULTS, "drip", "headers", "bomb", "cutzip", "later"))]
    + [(fault, True) for fault in ("swap", "delete", "drop_row", "resort", "404")],
)
def test_a_fault_does_no_harm(prepared: Prepared, tmp_path: Path, fault: str, lasting: bool) -> None:
    outcome = clock.run(try_fault(prepared, fault, lasting=lasting, empty=False, folder=tmp_path))
    assert outcome.fired
    assert outcome.harm == 0, outcome


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("fault", [*CHANGES, "drop_row"])
def test_a_fault_does_no_harm_in_a_first_run(prepared: Prepared, tmp_path: Path, fault: str, lasting: bool) -> None:
    outcome = clock.run(try_fault(prepared, fault, lasting=lasting, empty=True, folder=tmp_path))
    assert outcome.fired
    assert outcome.harm == 0, outcome


def test_a_killed_run_loses_nothing_and_applies_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "kills.py"), "--rounds", "5", "--people", "300"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

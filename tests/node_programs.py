"""Programs of Node.js that tests run, with packages that others wrote."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock


def installed(source: Path, folder: Path) -> tuple[str, Path]:
    """Return node, and the folder with a program and its packages, which are installed there once.

    The test is skipped where Node.js or the packages cannot be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        _do_without("There is no Node.js.")
    with FileLock(folder / ".lock"):
        wanted = (source / "package-lock.json").read_text()
        lock = folder / "package-lock.json"
        if not ((folder / "node_modules").is_dir() and lock.is_file() and lock.read_text() == wanted):
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, folder)
            command = [str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                lock.unlink()
                _do_without(f"npm cannot install the packages in {source.parent.name}/{source.name}.")
        for program in source.glob("*.mjs"):
            shutil.copy(program, folder)
    return str(node), folder


def _do_without(reason: str) -> None:
    # CI installs it, so that these tests are never left out there.
    (pytest.fail if "REQUIRE_NODE" in os.environ else pytest.skip)(reason)

"""Our own command as an operator runs it: connected once, then measured from that state."""

import base64
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from benchmarks.serving import ROOT, Server

DISCOVER = str(Path(sys.executable).with_name("discover"))
LIFTED = (1_000_000, 1)
"""A quota that never binds: requests, and seconds."""
THOUSAND = ROOT / "benchmarks" / "thousand.py"


def environment(server: Server, folder: Path) -> dict[str, str]:
    """Return the environment of every competitor: nothing of the caller's, and the server's authority trusted."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SSL_CERT_FILE": server.ca_file,
        "REQUESTS_CA_BUNDLE": server.ca_file,
        "DISCOVER_SECRET_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
        "DISCOVER_PERSONAL_ACCESS_TOKEN": server.token,
    }


def connect(server: Server, folder: Path, *, limit: tuple[int, float] = LIFTED, eight: bool = True) -> None:
    """Make ``folder`` one in which acme is connected and has not run yet."""
    _configure(server, folder, ["acme.namely.com"], limit, eight=eight)
    prepare(server, folder, [DISCOVER, "connect", "namely", "--name", "acme", "--domain", "acme.namely.com"])


def connect_many(server: Server, folder: Path, integrations: int, *, eight: bool = True) -> None:
    """Do the same with c0.namely.com, c1.namely.com and so on."""
    _configure(server, folder, [f"c{number}.namely.com" for number in range(integrations)], LIFTED, eight=eight)
    prepare(server, folder, [sys.executable, str(THOUSAND), str(integrations)])


def prepare(server: Server, folder: Path, command: list[str]) -> None:
    """Run what must be done before anything is measured."""
    done = subprocess.run(
        command, cwd=folder, env=environment(server, folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])}: {(done.stderr or done.stdout).strip()}")


def facts_of(folder: Path) -> dict[str, Any]:
    """Return the figures of the measured command, and the seconds between the first and the last line of its log."""
    command = [sys.executable, str(ROOT / "benchmarks" / "digest.py"), str(folder / "store.sqlite")]
    facts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    lines = folder.joinpath("errors").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    moments = [
        datetime.fromisoformat(event["timestamp"])
        for event in events
        if event.get("event") in {"run_started", "run_finished"}
    ]
    if moments:
        facts["run_seconds"] = (max(moments) - min(moments)).total_seconds()
    return cast("dict[str, Any]", facts)


def _configure(server: Server, folder: Path, hosts: list[str], limit: tuple[int, float], *, eight: bool) -> None:
    lines = ["[plugins.namely]", f'limits = {{ "/profiles" = {{ requests = {limit[0]}, per = {limit[1]} }} }}']
    lines += ["[host]", 'store = "store.sqlite"']
    if eight:
        lines += ["[host.http]", "at_once = 8"]
    lines += ["[host.resolve]", *(f'"{host}" = "127.0.0.1:{server.port}"' for host in hosts)]
    folder.joinpath("plugins.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

"""The server as a process of its own, beside the competitors."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any, cast

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """A running server: its address, and the number of people that it serves."""

    people: int
    port: int
    ca_file: str
    token: str

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/api/v1"

    def stats(self) -> dict[str, Any]:
        """Return the figures since the last call. Each call begins a new round: counts, quotas and randomness."""
        connection = HTTPSConnection("localhost", self.port, context=create_default_context(cafile=self.ca_file))
        try:
            connection.request("GET", "/_stats")
            return cast("dict[str, Any]", json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@contextmanager
def serving(people: int, **options: float) -> Iterator[Server]:
    """Serve so many people; ``options`` are those of its command line."""
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.server", "--people", str(people), *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            # Waits for the company to be made, where it is not kept from earlier.
            ready = process.stdout.readline() if process.stdout else ""
            yield Server(**json.loads(ready))
        finally:
            process.terminate()
            process.communicate()  # It tells what was as it ends.

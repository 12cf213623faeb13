"""What a report of ours comes to, in a process of its own: a first run's lists every change.

``python digest.py FILE`` prints the people that were found, the verdict and the traffic.
"""

import json
import sys
from pathlib import Path
from typing import Any

CAUGHT_UP = {"caught up", "caught_up"}


def people_of(report: dict[str, Any]) -> int:
    """Those whom a report with nothing but complete certificates counts; nobody otherwise."""
    certificates = report.get("certificates", [])
    if not certificates or not all(one["complete"] for one in certificates):
        return 0
    return next(int(one["found"]) for one in certificates if one["kind"] == "Employee")


def digest(report: dict[str, Any]) -> dict[str, Any]:
    """Of one run, or of all in a report of several."""
    runs = report.get("runs", [report])
    return {
        "people": sum(map(people_of, runs)),
        "caught_up": all(run.get("verdict") in CAUGHT_UP for run in runs),
        "requests": sum(run.get("traffic", {}).get("requests", 0) for run in runs),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digest(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))

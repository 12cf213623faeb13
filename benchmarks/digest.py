"""Summarise the last runs in a store, in a process of its own.

``python digest.py STORE`` prints the people that were found, the verdict and the requests.
"""

import json
import sqlite3
import sys
from contextlib import closing
from typing import Any

LAST = "SELECT id, verdict, requests, max(started_at) FROM runs GROUP BY integration"
FOUND = "SELECT complete, certificate FROM certificates WHERE run_id = ? AND kind = 'Employee'"


def digest(store: str) -> dict[str, Any]:
    """Sum up the last run of each integration. People of an incomplete read do not count."""
    people = requests = 0
    verdicts = set()
    with closing(sqlite3.connect(store)) as database:
        for run, verdict, asked, _ in database.execute(LAST).fetchall():
            verdicts.add(verdict)
            requests += asked
            for complete, certificate in database.execute(FOUND, (run,)):
                people += json.loads(certificate)["found"] if complete else 0
    return {"people": people, "caught_up": verdicts == {"caught up"}, "requests": requests}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digest(sys.argv[1])))

"""requests, json and SQLite: the script that one writes first."""

import argparse
import itertools
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

FIELDS = (
    "id email first_name last_name preferred_name full_name user_status updated_at job_title reports_to "
    "employee_type employee_id start_date departure_date office links"
).split()
TRIES = 40
BACK_OFF = 0.25
"""Seconds before another try when the provider throttles or fails."""


def read(session: requests.Session, url: str, number: int) -> list[dict]:
    for _ in range(TRIES):
        answer = session.get(url, params={"page": number, "per_page": 50, "sort": "created_at"})
        if answer.status_code == requests.codes.ok:
            return answer.json()["profiles"]
        time.sleep(BACK_OFF)
    raise SystemExit(f"page {number}: {answer.status_code}")


def pages(session: requests.Session, url: str, threads: int) -> Iterator[list[dict]]:
    """Page after page until one is empty; with several threads, that many at once."""
    if threads == 1:
        yield from itertools.takewhile(bool, (read(session, url, number) for number in itertools.count(1)))
        return
    with ThreadPoolExecutor(threads) as workers:
        for first in itertools.count(1, threads):
            found = list(workers.map(lambda number: read(session, url, number), range(first, first + threads)))
            yield from filter(None, found)
            if not found[-1]:
                return


def save(database: sqlite3.Connection, people: list[dict]) -> None:
    rows = [
        [json.dumps(value) if isinstance(value := one.get(name), (dict, list)) else value for name in FIELDS]
        for one in people
    ]
    changed = ", ".join(f"{name} = excluded.{name}" for name in FIELDS[1:])
    marks = ", ".join("?" * len(FIELDS))
    with database:
        database.executemany(f"INSERT INTO people VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changed}", rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base_url", "token", "ca_file", "people", "folder"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    session = requests.Session()
    session.verify = given.ca_file
    session.headers["Authorization"] = f"Bearer {given.token}"
    database = sqlite3.connect(f"{given.folder}/people.sqlite")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"CREATE TABLE people (id TEXT PRIMARY KEY, {', '.join(FIELDS[1:])}) WITHOUT ROWID")
    for page in pages(session, f"{given.base_url}/profiles", given.threads):
        save(database, page)
    (people,) = database.execute("SELECT count(*) FROM people").fetchone()
    sys.stdout.write(json.dumps({"people": people}) + "\n")


if __name__ == "__main__":
    main()

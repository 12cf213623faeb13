"""The recorded answer, from its page to the database: real shapes, no total, nothing private kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from connector_core import Code, Reason, Status, WorkerType
from connector_core.testing import Answer, clock, json_answer
from connector_core.testing.kit.harness import RunResult, open_harness
from connectors.personio.connector import Personio
from connectors.personio.simulator import EMPLOYEES, JSON, Behaviour, PersonioSimulator
from world import SAMPLES

RECORDED = SAMPLES.parent / "personio" / "personio_py_json_string_employees.json"
KEPT = ("id", "first_name", "last_name", "email", "position", "status", "hire_date", "last_modified_at")

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recordings are not in this checkout")


def recorded() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))["body"]
    return body


class Recorded(PersonioSimulator):
    """Sends the one page that was recorded, and an empty one behind it."""

    def answer(self, request: web.Request) -> Answer:
        given = super().answer(request)
        if self.path_of(request) != EMPLOYEES or given.status != 200:
            return given
        page = recorded()
        return json_answer(page if request.query["offset"] == "0" else {**page, "data": []}, 200, JSON)


def private_texts(row: dict[str, Any]) -> Iterator[str]:
    """What is told of somebody besides what is stored, as text that is found nowhere by chance."""
    kept = {str(row["attributes"][key]["value"]) for key in KEPT}
    for key, attribute in row["attributes"].items():
        value = attribute["value"]
        if key.startswith("dynamic_") and len(str(value)) > 6 and str(value) not in kept:
            yield str(value)
    yield "Deutschland Feiertage"
    yield "Vacation"


def test_the_recorded_people_are_stored_and_the_missing_total_is_said() -> None:
    async def read() -> tuple[RunResult, bytes]:
        async with open_harness(Personio) as harness:
            harness.served.simulator = Recorded(1, 1, Behaviour())
            store = await harness.connected_store()
            found = await harness.run(store, keep_rows=True)
            files = [file.read_bytes() for file in store.parent.rglob("*") if file.is_file()]
            return found, b"".join(files) + "".join(found.monitor.rows).encode()

    found, kept = clock.run(read())
    people = found.stored["Employee"]
    rows = recorded()["data"]
    assert people.keys() == {str(row["attributes"]["id"]["value"]) for row in rows}
    ada: Any = people["2040614"]
    assert (ada.display_name, ada.email, str(ada.start_date)) == ("Ada Lovelace", "ada@example.org", "1835-02-01")
    assert (ada.status, ada.worker_type, ada.end_date) == (Status.ACTIVE, WorkerType.EMPLOYEE, None)
    assert found.report
    employees, departments = [one.certificate for one in found.report.kinds]
    assert employees.rejected == departments.rejected == ()
    assert employees.reasons == (Reason(Code.TOTAL_MISSING, provider="Personio"),)
    private = {text for row in rows for text in private_texts(row)}
    assert len(private) > 4
    assert [text for text in private if text.encode() in kept] == []

"""The recorded tenant, from its pages to the database: real data, honestly incomplete, nothing private kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_core import Code, Department, Reason, Verdict
from connector_core.host import Host
from connector_core.settings import HostSettings, Settings
from connector_core.testing import SimulatorOptions, load, serve
from world import SAMPLES

pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="the recordings are not in this checkout")


def recorded_profiles() -> list[dict[str, Any]]:
    pages = json.loads((SAMPLES / "profiles_index.json").read_text())["interactions"]
    return [row for page in pages for row in page["response"]["body"]["profiles"]]


PRIVATE = ("ssn", "dob", "personal_email", "mobile_phone", "home_phone", "emergency_contact", "emergency_contact_phone")


def private_values(profile: dict[str, Any]) -> Iterator[str]:
    """What identifies somebody and is long enough to be found by chance nowhere."""
    declared = {str(profile[key]) for key in ("email", "first_name", "last_name", "start_date", "departure_date")}
    found = [profile.get(key) for key in PRIVATE]
    found += [(profile.get("home") or {}).get(key) for key in ("address1", "address2", "zip")]
    found += [(profile.get("salary") or {}).get(key) for key in ("yearly_amount", "guid")]
    yield from (str(value) for value in found if value and len(str(value)) > 6 and str(value) not in declared)


async def test_the_recorded_people_are_stored_and_the_certificate_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = load("connectors.namely.simulator", SimulatorOptions(recorded=SAMPLES))
    store = tmp_path / "people.sqlite"
    async with serve(simulator) as served:
        monkeypatch.setenv("SSL_CERT_FILE", str(served.ca_file))
        settings = Settings(host=HostSettings(store=store, resolve=served.resolve))
        async with Host(settings) as host:
            await host.connect("namely", "acme", simulator.credentials)
            report = await host.run("acme")
            departments = [one async for one in host.entities("acme", Department)]
            assert report.verdict is Verdict.INCOMPLETE
            people = report["Employee"].certificate
            assert (people.seen, people.announced, people.complete) == (60, 368, False)
            assert people.reasons == (Reason(Code.TOTAL_DIFFERS, read=60, announced=368, provider="Namely"),)
            assert (await host.count_entities("acme"))["Employee"] == 60
            assert report["Department"].certificate.complete
            assert departments
    printed = capsys.readouterr()
    kept = store.read_bytes() + printed.out.encode() + printed.err.encode() + repr(report).encode()
    private = [value for profile in recorded_profiles() for value in private_values(profile)]
    assert len(private) > 300
    assert [value for value in private if value.encode() in kept] == []

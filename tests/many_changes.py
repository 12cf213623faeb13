"""Change everybody of a large organisation, and print by how many megabytes memory grows after the reading.

A program of its own, since the peak of a process never falls: ``python tests/many_changes.py FOLDER PEOPLE``.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import ClassVar

from connector_core import Account, Employee, Page, PlaceInListing, Status, TotalSource, WorkerType, discovers
from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, Settings
from kills import silence
from planted.example import Example

EXAMPLE = Example.declarations["Employee"]
PAGE = 250
CREDENTIALS = {"domain": "acme.hr.example", "api_key": "simulated-example-key"}


@dataclass
class Organisation:
    """People who are made as they are read."""

    people: int
    job_title: str = "Engineer"
    peaks: list[float] = field(default_factory=list)

    def person(self, number: int) -> Employee:
        return Employee(
            source_id=f"person-{number * 7_919 % self.people:08}",
            display_name=f"Person {number}",
            email=f"{number}@acme.example",
            job_title=self.job_title,
            status=Status.ACTIVE,
            worker_type=WorkerType.EMPLOYEE,
            start_date=date(2020, 1, 1),
            manager_source_id="person-00000000",
            location_name="An office with a rather long name " * 8,
        )


class Large(Example):
    """Reads an organisation without a request."""

    organisation: ClassVar[Organisation]

    async def check(self) -> Account:
        return Account(name="Acme", tenant="acme")

    @discovers(
        Employee,
        products=EXAMPLE.products,
        resource=EXAMPLE.resource,
        description=EXAMPLE.description,
        permission=EXAMPLE.permission,
        provides=EXAMPLE.provides,
    )
    async def employees(self) -> AsyncIterator[Page[Employee]]:
        people = self.organisation.people
        for start in range(0, people, PAGE):
            rows = tuple([self.organisation.person(number) for number in range(start, min(people, start + PAGE))])
            place = PlaceInListing("/people", start // PAGE + 1, last=start + PAGE >= people)
            ids = tuple([one.source_id for one in rows])
            yield Page(rows, ids, announced=people, total_source=TotalSource.LISTING, place=place)
        self.organisation.peaks.append(peak())


def peak() -> float:
    """Return the most megabytes that this process has used."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1_000_000


async def change_everybody(folder: Path, people: int) -> float:
    """Return by how much the peak grows between the end of the second reading and the end of its run."""
    Large.organisation = Organisation(people)
    settings = Settings(host=HostSettings(store=folder / "people.sqlite"))
    async with Host(settings, registry=registry_of(Large)) as host:
        await host.connect("example", "acme", CREDENTIALS)
        await host.run("acme")
        Large.organisation.job_title = "Lead"
        report = await host.run("acme")
        assert report["Employee"].plan.updates == people
        return peak() - Large.organisation.peaks[-1]


if __name__ == "__main__":
    silence()
    sys.stdout.write(f"{asyncio.run(change_everybody(Path(sys.argv[1]), int(sys.argv[2]))):.0f}\n")

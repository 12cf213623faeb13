"""A seeded organisation for simulators: people in departments, with managers, leavers and private data."""

import random
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connector_core.testing.server import Simulator

FIRST = "Ada Bruno Chloe Dalia Emeka Farah Grace Hugo Ines Joy Kaito Lars Maya Nils Olga Priya Rosa Samir Tess Zoe"
LAST = "Abara Becker Chen Diaz Eriksen Fischer Gupta Haddad Ito Jansen Khan Larsen Moreau Novak Okafor Patel Sato Weber"
DEPARTMENTS = "Engineering Product Design Sales Marketing Finance Legal People Support Operations".split()
TITLES = ("Associate", "Specialist", "Lead", "Manager", "Director")
OFFICES = ("Berlin", "Lisbon", "New York", "Singapore")
PRIVATE = re.compile(rb"private-[0-9]{6,}")
"""Pattern of every private value."""
_FOUNDED = date(2015, 1, 5)
_HIRING_DAYS = 4_000
_AHEAD = timedelta(days=30)
"""The time until what is known to come."""
_CHANGED = 4
"""People whom ``evolve`` changes."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A move to another department, title and manager, entered before its day."""

    day: date
    department: str
    title: str
    manager: int


@dataclass(frozen=True, slots=True)
class Person:
    """One person, before a simulator turns them into its provider's JSON.

    Example: ``one.at(date(2026, 1, 31)).department``.
    """

    number: int
    first: str
    last: str
    title: str
    department: str
    office: str
    manager: int | None
    start: date
    """May lie ahead."""
    created: datetime
    changed: datetime
    end: date | None = None
    contractor: bool = False
    on_leave: bool = False
    last_day: date | None = None
    """Of a person under notice."""
    transfer: Transfer | None = None

    @property
    def active(self) -> bool:
        """True unless the person has left."""
        return self.end is None

    def at(self, day: date) -> "Person":
        """Return the person as of this day: with the transfer and the end that have come by then."""
        found = self
        if self.transfer and self.transfer.day <= day and self.active:
            new = self.transfer
            found = replace(found, department=new.department, title=new.title, manager=new.manager, transfer=None)
        if self.last_day and self.last_day < day and self.active:
            found = replace(found, end=self.last_day, last_day=None, on_leave=False)
        return found

    @property
    def email(self) -> str:
        """The work address."""
        return f"{self.first}.{self.last}{self.number}@acme.example".lower()

    def private(self, what: int) -> str:
        """Return a value that must never be kept: a birth date, a salary, an address."""
        return f"private-{self.number * 10 + what:06}"


class Organisation:
    """The people of an organisation, in order of arrival. ``people`` may be changed while it is served.

    Example: ``Organisation(people=200, seed=1).people[0].email``.
    """

    def __init__(self, people: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._now = datetime(2026, 1, 5, 9, tzinfo=UTC)
        self._next = 1
        self._fewest = max(_CHANGED, people // 3)
        self.days_passed = timedelta()
        """Days by which this company is ahead of the real date."""
        self.people: list[Person] = []
        for _ in range(people):
            self.hire()

    @property
    def today(self) -> date:
        return datetime.now(UTC).date() + self.days_passed

    def hire(self, created: datetime | None = None) -> Person:
        """Append a new person. The first person manages the next nine, and these ten manage all others.

        A few are on leave, start later, or have a transfer or an end ahead.
        """
        rnd, number = self._random, self._next
        changed = self._tick()
        self._next += 1
        leader = number > 10 and number % 17 == 0
        start = _FOUNDED + timedelta(days=rnd.randrange(_HIRING_DAYS))
        left = number > 10 and rnd.random() < 0.08
        first, last = rnd.choice(FIRST.split()), rnd.choice(LAST.split())
        title = "Director" if leader else rnd.choice(TITLES)
        department = DEPARTMENTS[(number - 1) % len(DEPARTMENTS)] if number <= 10 else rnd.choice(DEPARTMENTS)
        office = rnd.choice(OFFICES)
        person = Person(
            number=number,
            first=first,
            last=last,
            # As typed by hand: some texts are padded or blank.
            title=f" {title} " if number % 13 == 0 else title,
            department=department,
            office=" " if number % 41 == 0 else office,
            manager=None if number == 1 else 1 if number <= 10 else rnd.randint(1, 10),
            start=start,
            end=start + timedelta(days=30) if left and created is None else None,
            contractor=number > 10 and rnd.random() < 0.1,
            created=created or changed,
            changed=changed,
        )
        self.people.append(person if left else self._with_plans(person))
        return self.people[-1]

    def _with_plans(self, person: Person) -> Person:
        """Return the person with what is known to come, if anything is: chosen by number, without a random draw."""
        number, day = person.number, self.today + _AHEAD
        if number % 23 == 0:
            return replace(person, on_leave=True)
        if number % 29 == 0:
            return replace(person, start=day)
        if number % 31 == 0:
            return replace(person, last_day=day)
        if number % 19 == 0:
            elsewhere = DEPARTMENTS[(DEPARTMENTS.index(person.department) + 1) % len(DEPARTMENTS)]
            return replace(person, transfer=Transfer(day, elsewhere, "General Counsel", number % 10 + 1))
        return person

    def erase(self, index: int) -> None:
        """Delete the person at this index; their reports move up to their manager."""
        erased = self.people.pop(index)
        self.people[:] = [
            replace(person, manager=erased.manager) if person.manager == erased.number else person
            for person in self.people
        ]

    def evolve(self, now: datetime | None = None) -> tuple[str, ...]:
        """Promote one person, move one, let one leave, erase one and hire one. Return a sentence for each.

        An organisation that has become too small hires more. They are created ``now``, or when the last one changed.
        """
        now = now or self._now
        hired = []
        while len(candidates := self._candidates()) < self._fewest:
            hired.append(self.hire(now))
        promoted, moved, leaver, erased = self._random.sample(candidates, _CHANGED)
        elsewhere = self._random.choice([one for one in DEPARTMENTS if one != self.people[moved].department])
        self._change(promoted, title="Vice President")
        self._change(moved, department=elsewhere)
        self._change(leaver, end=self._now.date())
        sentences = [
            f"{_name(self.people[promoted])} is promoted.",
            f"{_name(self.people[moved])} moves to {elsewhere}.",
            f"{_name(self.people[leaver])} leaves.",
            f"{_name(self.people[erased])} is erased.",
        ]
        self.erase(erased)
        hired.append(self.hire(now))
        return (*sentences, *(f"{_name(one)} is hired." for one in hired))

    def _candidates(self) -> list[int]:
        begun = [index for index, one in enumerate(self.people) if one.active and one.start <= self.today]
        return [index for index in begun if self.people[index].number > 10]

    def _change(self, index: int, **fields: Any) -> None:
        self.people[index] = replace(self.people[index], changed=self._tick(), **fields)

    def _tick(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def _name(person: Person) -> str:
    return f"{person.first} {person.last}"


class StaffSimulator(Simulator):
    """Base of simulators that serve an organisation's people. A subclass implements its answers, and ``ids``.

    ``people`` are ``Person`` objects, which are replaced and never changed. ``private`` matches their private values.

    Example: ``AcmeSimulator(people=200, seed=1).hire()``.
    """

    private = PRIVATE

    def __init__(self, people: int, seed: int) -> None:
        super().__init__()
        self.organisation = Organisation(people, seed)

    @property
    def people(self) -> list[Person]:
        return self.organisation.people

    def present(self) -> list[Person]:
        """Return the people as of today, in the order of the listing: what a provider lists that shows today's values.

        ``people`` has in ``transfer`` and ``last_day`` what lies ahead, for one that shows such dates.
        """
        return [one.at(self.today) for one in self.people]

    @property
    def today(self) -> date:
        return self.organisation.today

    def pass_days(self, days: int) -> None:
        """Let what lies ahead come: transfers, starts and ends."""
        self.organisation.days_passed += timedelta(days=days)

    @property
    def departments(self) -> dict[str, list[Person]]:
        """People by department."""
        members: dict[str, list[Person]] = {}
        for person in self.present():
            members.setdefault(person.department, []).append(person)
        return members

    def hire(self) -> Person:
        return self.organisation.hire(datetime.now(UTC))

    def erase(self, index: int) -> None:
        self.organisation.erase(index)

    def evolve(self) -> tuple[str, ...]:
        return self.organisation.evolve(datetime.now(UTC) if self.live else None)

"""An organisation made from a seed, for simulators: people in departments, managers, leavers, and private lives."""

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
"""How every private value looks."""
_OPENED = date(2015, 1, 5)
_DAYS = 4_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, before a simulator dresses them as its provider's JSON."""

    number: int
    first: str
    last: str
    title: str
    department: str
    office: str
    manager: int | None
    start: date
    changed: datetime
    end: date | None = None
    contractor: bool = False

    @property
    def active(self) -> bool:
        return self.end is None

    @property
    def email(self) -> str:
        return f"{self.first}.{self.last}{self.number}@acme.example".lower()

    def private(self, what: int) -> str:
        """A value that must be found nowhere: a birth date, a salary, an address."""
        return f"private-{self.number * 10 + what:06}"


class Organisation:
    """``people`` is in order of arrival, and may be changed while it is served."""

    def __init__(self, people: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._today = datetime(2026, 1, 5, 9, tzinfo=UTC)
        self._next = 1
        self.people: list[Person] = []
        for _ in range(people):
            self.hire()

    def hire(self) -> Person:
        """The first leads the others, and the first ten lead those after them."""
        rnd, number = self._random, self._next
        self._next += 1
        leader = number > 10 and number % 17 == 0
        start = _OPENED + timedelta(days=rnd.randrange(_DAYS))
        gone = number > 10 and rnd.random() < 0.08
        self.people.append(
            Person(
                number=number,
                first=rnd.choice(FIRST.split()),
                last=rnd.choice(LAST.split()),
                title="Director" if leader else rnd.choice(TITLES),
                department=DEPARTMENTS[(number - 1) % len(DEPARTMENTS)] if number <= 10 else rnd.choice(DEPARTMENTS),
                office=rnd.choice(OFFICES),
                manager=None if number == 1 else 1 if number <= 10 else rnd.randint(1, 10),
                start=start,
                end=start + timedelta(days=30) if gone else None,
                contractor=number > 10 and rnd.random() < 0.1,
                changed=self._tick(),
            )
        )
        return self.people[-1]

    def erase(self, place: int) -> None:
        """Gone altogether; whoever they managed is managed by their manager."""
        gone = self.people.pop(place)
        self.people[:] = [
            replace(one, manager=gone.manager) if one.manager == gone.number else one for one in self.people
        ]

    def evolve(self) -> tuple[str, ...]:
        """A hire, a promotion, a move, a leaver, and one gone altogether."""
        settled = [place for place, one in enumerate(self.people) if one.number > 10 and one.active]
        promoted, moved, leaver, erased = self._random.sample(settled, 4)
        elsewhere = next(one for one in DEPARTMENTS if one != self.people[moved].department)
        self._change(promoted, title="Vice President")
        self._change(moved, department=elsewhere)
        self._change(leaver, end=self._today.date())
        told = [
            f"{self._name(promoted)} is promoted.",
            f"{self._name(moved)} moves to {elsewhere}.",
            f"{self._name(leaver)} leaves.",
            f"{self._name(erased)} is erased.",
        ]
        self.erase(erased)
        self.hire()
        return (*told, f"{self._name(-1)} is hired.")

    def _change(self, place: int, **fields: Any) -> None:
        self.people[place] = replace(self.people[place], changed=self._tick(), **fields)

    def _name(self, place: int) -> str:
        return f"{self.people[place].first} {self.people[place].last}"

    def _tick(self) -> datetime:
        self._today += timedelta(seconds=1)
        return self._today


class StaffSimulator(Simulator):
    """A simulator whose people are an organisation's. A subclass says how its provider answers."""

    private = PRIVATE

    def __init__(self, people: int, seed: int) -> None:
        super().__init__()
        self.organisation = Organisation(people, seed)

    @property
    def people(self) -> list[Person]:
        return self.organisation.people

    @property
    def departments(self) -> dict[str, list[Person]]:
        """Who is in which."""
        found: dict[str, list[Person]] = {}
        for one in self.people:
            found.setdefault(one.department, []).append(one)
        return found

    def hire(self) -> Person:
        return self.organisation.hire()

    def erase(self, place: int) -> None:
        self.organisation.erase(place)

    def evolve(self) -> tuple[str, ...]:
        return self.organisation.evolve()

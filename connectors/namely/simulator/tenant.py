"""A seeded company: people, managers that form a tree, groups, leavers, and every known oddity."""

import random
import uuid
from collections import ChainMap
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.namely.simulator.behaviour import Behaviour
from connectors.namely.simulator.directory import Group, GroupType, Person
from connectors.namely.simulator.profile import profile_of

FIRST = (
    "Ada Alan Amara Anders Beatriz Bruno Chidi Chloe Dalia Diego Elif Emeka Farah Finn Grace Hana Hugo Ines Isaac "
    "Jonas Joy Kaito Keira Lars Leila Liam Lucia Mateo Maya Mei Milan Nadia Nils Noor Olga Omar Priya Quinn Rafael "
    "Rosa Samir Sara Tariq Tess Uma Viktor Wanda Xenia Yara Zoe"
).split()
LAST = (
    "Abara Acker Bauer Becker Brandt Castro Chen Costa Cruz Dahl Diaz Dubois Eriksen Fischer Flores Garcia Gupta "
    "Haddad Hansen Hoffmann Ibrahim Ito Jansen Jensen Kaur Keller Khan Kim Kowalski Laine Larsen Lee Lopez Martin "
    "Meyer Moreau Nakamura Nguyen Novak Okafor Olsen Park Patel Petrov Quist Rossi Ruiz Sato Schmidt Silva Singh "
    "Sousa Tanaka Torres Ueda Varga Vogel Weber Wong Yilmaz Zhang"
).split()
DEPARTMENTS = (
    "Engineering Product Design Sales Marketing Finance Legal People Support Operations Security Research"
).split()
PARTNERS = " & Partners"
DIVISIONS = ("Americas", "Europe", "Asia Pacific")
OFFICES = (("New York", "US"), ("Berlin", "DE"), ("Singapore", "SG"), ("Lisbon", "PT"))
TEAMS = ("Choir", "Running Club", "Works Council")
PROJECTS = ("Project Atlas", "Project Borealis")
YEARS = 200_000_000
"""Seconds in which all people are hired, so that none is hired in the future."""
TITLES = ("Associate", "Specialist", "Senior Specialist", "Lead", "Manager", "Director")
CHANGED = 3
"""People whom ``evolve`` changes."""
KINDS = ("Full Time",) * 16 + ("Part Time", "Intern", "Contractor", "Freelance")


class Tenant:
    """Directory of one simulated company. Its lists may be changed while it is served."""

    host = "acme.namely.com"
    token = "simulated-namely-token-4f1d"
    label = "generated"
    notes: tuple[str, ...] = ()

    def __init__(self, people: int, seed: int, behaviour: Behaviour) -> None:
        self._random = random.Random(seed)
        self.behaviour = behaviour
        self._clock = datetime(2026, 1, 5, 9, tzinfo=UTC)
        self.company_name = "Acme Widgets"
        self._create_groups()
        self._seconds_apart = min(7_000, YEARS // max(1, people))
        self._fewest = max(CHANGED, people // 3)
        self.people: list[Person] = []
        # In order of creation. The first person leads the company.
        for number in range(people):
            self.people.append(self._person(number))
        self._next = people
        """Number of the next person. Numbers of deleted people are not used again."""
        self.me = self.people[0] if self.people else None

    # ---- data for the server

    @property
    def total(self) -> int:
        return len(self.people)

    def profiles(self) -> list[Person]:
        return self.people

    def id_of(self, person: Person) -> str:
        return person.id

    def created_at(self, person: Person) -> int:
        return person.created_at

    def profile(self, person: Person) -> dict[str, Any]:
        return profile_of(person, ChainMap(self.group_titles, self.teams), self.behaviour)

    def members(self, group: Group) -> int:
        return sum(group.id in person.groups for person in self.people)

    # ---- events in the company

    def hire(self, created: datetime | None = None) -> Person:
        person = self._person(self._next)
        self._next += 1
        person.status = "active"
        self._touch(person)
        person.created_at = int(created.timestamp()) if created else person.updated_at
        self.people.append(person)
        return person

    def leave(self, person: Person) -> None:
        person.status = "inactive"
        person.departure = self._clock.date().isoformat()
        self._touch(person)

    def move(self, person: Person, department: Group) -> None:
        departments = {group.id for group in self.departments()}
        person.groups = [*(one for one in person.groups if one not in departments), department.id]
        self._touch(person)

    def rename(self, group: Group, title: str) -> None:
        group.title = title
        self.group_titles[group.id] = title
        if self.behaviour.group_change == "touches":
            for person in self.people:
                if group.id in person.groups:
                    self._touch(person)

    def delete(self, person: Person) -> None:
        """Delete a profile, as after a request for erasure. Reports move up to the next manager."""
        self.people.remove(person)
        for one in self.people:
            if one.manager is person:
                one.manager = person.manager

    def departments(self) -> list[Group]:
        return [group for group in self.groups if group.type_id == self.department_type.id]

    def evolve(self, now: datetime | None = None) -> tuple[str, ...]:
        """Hire one person, let one leave, move one, delete one, rename a department. Return a sentence for each.

        A company that has become too small hires more. They are created ``now``, or when the last one changed.
        """
        hired = []
        while len(candidates := self._candidates()) < self._fewest:
            hired.append(self.hire(now))
        leaver, mover, erased = self._random.sample(candidates, CHANGED)
        home = next((one for one in self.departments() if one.id in mover.groups), None)
        target = self._random.choice([one for one in self.departments() if one is not home])
        renamed = self._random.choice([one for one in self.departments() if one is not target])
        former = renamed.title
        title = former.removesuffix(PARTNERS) if former.endswith(PARTNERS) else f"{former}{PARTNERS}"
        sentences = (
            f"{name(leaver)} left and is now inactive",
            f"{name(mover)} moved to {target.title}",
            f"{former} was renamed {title}",
            f"{name(erased)}'s profile was deleted",
        )
        self.leave(leaver)
        self.move(mover, target)
        self.rename(renamed, title)
        self.delete(erased)
        hired.append(self.hire(now))
        return (*(f"{name(one)} was hired" for one in hired), *sentences)

    def _candidates(self) -> list[Person]:
        managers = {id(one.manager) for one in self.people}
        return [one for one in self.people[1:] if one.status == "active" and id(one) not in managers]

    def _touch(self, person: Person) -> None:
        self._clock += timedelta(hours=1)
        person.updated_at = int(self._clock.timestamp())

    # ---- generation

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _create_groups(self) -> None:
        plural = self.behaviour.type_titles == "plural"
        spelled = {
            "lower": ("department", "office location"),
            "title": ("Department", "Office Location"),
            "none": ("system", "system"),
        }
        department_word, office_word = spelled[self.behaviour.type_words]
        self.department_type = GroupType(self._id(), "Departments" if plural else "Department", department_word)
        division = GroupType(self._id(), "Divisions" if plural else "Division", "custom")
        office = GroupType(self._id(), "Office Locations" if plural else "Office Location", office_word)
        project = GroupType(self._id(), "Projects", "custom")
        self.group_types = [self.department_type, division, office, project]
        self._divisions = [Group(self._id(), title, division.id) for title in DIVISIONS]
        self._offices = [Group(self._id(), title, office.id) for title, _ in OFFICES]
        self._projects = [Group(self._id(), title, project.id) for title in PROJECTS]
        departments = [Group(self._id(), title, self.department_type.id) for title in DEPARTMENTS]
        self.teams = {self._id(): title for title in TEAMS}
        self.groups = [*departments, *self._divisions, *self._offices, *self._projects]
        self.group_titles = {group.id: group.title for group in self.groups}

    def _person(self, number: int) -> Person:
        rnd = self._random
        first, last = rnd.choice(FIRST), rnd.choice(LAST)
        manager = self.people[rnd.randrange(max(1, number // 6))] if self.people else None
        office = rnd.randrange(len(OFFICES))
        groups = [rnd.choice(self._divisions).id, self._offices[office].id]
        groups += [one.id for one in rnd.sample(self.departments(), 2 if rnd.random() < 0.03 else 1)]
        if rnd.random() < 0.1:
            groups.append(rnd.choice(self._projects).id)
        if rnd.random() < 0.02:
            groups = []
        created = int(datetime(2019, 3, 1, tzinfo=UTC).timestamp()) + number * self._seconds_apart
        person = Person(
            id=self._id(),
            first_name=first,
            last_name=last,
            preferred_name=rnd.choice(FIRST) if rnd.random() < 0.05 else "",
            email=f"{first}.{last}.{number}@acme.example".lower(),
            # Not unique, as recorded: a rehire or a typing error gives the same number twice.
            employee_id=str(1000 + (number if rnd.random() > 0.02 else max(0, number - 7))),
            title=f"{rnd.choice(TITLES)}, {rnd.choice(DEPARTMENTS)}",
            employee_type=rnd.choice(KINDS),
            status="active",
            start=(date(2015, 1, 5) + timedelta(days=rnd.randrange(3600))).isoformat(),
            departure="",
            manager=manager,
            groups=groups,
            teams=[rnd.choice(list(self.teams))] if rnd.random() < 0.2 else [],
            country=OFFICES[office][1],
            created_at=created,
            updated_at=created + rnd.randrange(5_000),
        )
        if number > 1:
            self._add_oddity(person)
        # As typed by hand: some texts are padded or blank.
        if number % 20 == 13:
            person.employee_id = f" {person.employee_id} "
        elif number % 30 == 17:
            person.employee_id = " "
        return person

    def _add_oddity(self, person: Person) -> None:
        draw = self._random.random()
        if draw < 0.06:
            person.status = "inactive"
            person.departure = "2025-11-30" if self._random.random() < 0.6 else ""
        elif draw < 0.08:
            person.status = "pending"
            person.start = "2027-02-01"
        elif draw < 0.09:
            person.departure = "2027-06-30"
        elif draw < 0.10:
            person.email = ""
        elif draw < 0.11:
            person.start = ""
        elif draw < 0.12:
            person.has_title = self.behaviour.job_title == "always"


def name(person: Person) -> str:
    return f"{person.preferred_name or person.first_name} {person.last_name}"

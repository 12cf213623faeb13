"""One state of the stored people and departments of an integration: an immutable object, asked without waiting."""

import base64
import binascii
from bisect import bisect_right
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Self

from connector_core.directory.rows import Department, Group, Person, Rows, key_of
from connector_core.directory.tree import Branch, Tree
from connector_core.errors import SettingsError
from connector_core.sdk.entities import Status, WorkerType
from connector_core.views import folded

_SEARCHES = 8
"""Results that are kept, so that the next page of one is found at once."""
_FEW = 8
"""If not more than one in so many is left, those are looked up one by one."""

Hits = bytes
"""For each person, sorted by name, 1 or 0: of the objects themselves, so many are spread over memory."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as lists show one. A department or manager that is not stored has its id for a name."""

    source_id: str
    name: str
    email: str | None
    job_title: str | None
    status: Status
    worker_type: WorkerType
    departments: tuple[tuple[str, str], ...]
    """Id and name of each, the primary one first."""
    manager: tuple[str, str] | None
    """Id and name."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list."""

    rows: tuple[PersonRow, ...]
    total: int
    """The length of the whole list."""
    next: str | None
    """The place behind this part, to go on from; None at the end. It holds the name of the last person."""


class Directory:
    """The people and departments of an integration as they were stored at one time.

    ``as_of`` is the number of that state: another one after each change of a row.
    """

    def __init__(self, as_of: int, read_at: datetime, people: Rows[Person], departments: Rows[Department]) -> None:
        self.as_of = as_of
        self.read_at = read_at
        """The time when it was read, in UTC."""
        self.all_people = people
        self.all_departments = departments
        self._texts = [one.text for one in people.sorted]
        self._groups = [one.group for one in people.sorted]
        self._manager_ids = [one.manager for one in people.sorted]
        self._groups_of = defaultdict[str, list[Group]](list)
        sizes = Counter[tuple[str, ...]]()
        numbers = Counter(self._groups)
        self._all_groups = tuple(numbers)
        for group, number in numbers.items():
            sizes[group.departments] += number
            for department in group.departments:
                self._groups_of[department].append(group)
        self._tree = Tree(departments.sorted, sizes)
        self._searches = OrderedDict[tuple[object, ...], Hits]()

    def as_of_now(self, as_of: int, read_at: datetime) -> Self:
        """Return the same rows, as those of a later state."""
        later = copy(self)
        later.as_of, later.read_at = as_of, read_at
        return later

    def __len__(self) -> int:
        """Return the number of rows in memory."""
        return len(self.all_people.known) + len(self.all_departments.known)

    # ---- people

    def people(
        self,
        search: str = "",
        *,
        status: str | None = None,
        worker_type: str | None = None,
        department: str | None = None,
        below: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> Slice:
        """Return people, sorted by name: those who meet all conditions, as `discover entities --search` finds them.

        Args:
            search: Words that are all in the name, e-mail, number or title, whatever their case and accents.
            status: Only those with this status.
            worker_type: Only those of this type.
            department: Only those in the department of this id; an empty text for those in none that is stored.
            below: Those in the departments below it, too.
            after: ``Slice.next`` of the part before.
            limit: At most so many.
        """
        words = tuple(sorted(set(folded(search).split()), key=len, reverse=True))
        question = (words, status, worker_type, department, below)
        found = self._found(
            question, lambda: self._find(words, status, worker_type, self._wanted(department, below=below))
        )
        return self._slice(found, after, limit)

    def person(self, source_id: str) -> PersonRow | None:
        """Return a person, or None if there is none of this id."""
        found = self.all_people.known.get(source_id)
        return self._row(found) if found else None

    def chain(self, source_id: str) -> tuple[PersonRow, ...]:
        """Return a person's manager, that one's manager, and so on, until there is none or one comes again."""
        return tuple(map(self._row, self._managers(source_id)))

    def reports(self, source_id: str, *, after: str | None = None, limit: int = 50) -> Slice:
        """Return the people whose manager is this person, sorted by name."""
        found = self._found(("reports", source_id), lambda: bytes([one == source_id for one in self._manager_ids]))
        return self._slice(found, after, limit)

    # ---- departments

    def branches(self, parent: str | None = None) -> tuple[Branch, ...]:
        """Return the departments right below one, or those at the top, sorted by name."""
        return self._tree.branches(parent)

    def department(self, source_id: str) -> Branch | None:
        """Return a department, or None if there is none of this id."""
        return self._tree.branch(source_id)

    def path(self, source_id: str) -> tuple[Branch, ...]:
        """Return the departments from the top to this one; empty if there is none of this id."""
        return self._tree.path(source_id)

    @property
    def without_department(self) -> int:
        """The number of people who are in no department that is stored."""
        return self._tree.without

    # ---- inside

    def _found(self, question: tuple[object, ...], find: Callable[[], Hits]) -> Hits:
        """Return what was found for a question that was asked lately; otherwise find it."""
        found = self._searches.pop(question, None)
        if found is None:
            found = find()
        self._searches[question] = found
        while len(self._searches) > _SEARCHES:
            self._searches.popitem(last=False)
        return found

    def _find(
        self,
        words: Sequence[str],
        status: str | None,
        worker_type: str | None,
        departments: frozenset[str] | None,
    ) -> Hits:
        texts = self._texts
        found = b"\1" * len(texts)
        if status is not None or worker_type is not None or departments is not None:
            wanted = {
                group
                for group in self._groups_in(departments)
                if (status is None or group.status == status)
                and (worker_type is None or group.worker_type == worker_type)
            }
            found = bytes([group in wanted for group in self._groups])
        for word in words:
            if found.count(1) > len(texts) // _FEW:
                found = bytes([hit and word in text for hit, text in zip(found, texts, strict=True)])
            else:
                left = bytearray(len(texts))
                for number in compress(range(len(texts)), found):
                    left[number] = word in texts[number]
                found = bytes(left)
        return found

    def _groups_in(self, departments: frozenset[str] | None) -> Iterable[Group]:
        """Return the groups of people in any of these departments: in any at all for None, and in none if it is empty.

        Departments that are not stored count as none.
        """
        if departments is None:
            return self._all_groups
        if not departments:
            return [group for group in self._all_groups if not any(one in self._tree for one in group.departments)]
        return dict.fromkeys(group for one in departments for group in self._groups_of.get(one, ()))

    def _wanted(self, department: str | None, *, below: bool) -> frozenset[str] | None:
        """Return the departments that are wanted: None for any, none for those of people who are in none."""
        if department is None:
            return None
        if not department:
            return frozenset()
        return self._tree.with_all_below(department) if below else frozenset([department])

    def _managers(self, source_id: str) -> Iterator[Person]:
        seen, here = {source_id}, self.all_people.known.get(source_id)
        while here and here.manager is not None and here.manager not in seen:
            seen.add(here.manager)
            here = self.all_people.known.get(here.manager)
            if here:
                yield here

    def _slice(self, found: Hits, after: str | None, limit: int) -> Slice:
        everybody, shown = self.all_people.sorted, list[Person]()
        place = 0 if after is None else bisect_right(everybody, _key_at(after), key=key_of)
        # One more, to know if there is one.
        while len(shown) <= limit and (place := found.find(1, place)) >= 0:
            shown.append(everybody[place])
            place += 1
        more = _place(shown[limit - 1].key) if len(shown) > limit else None
        return Slice(tuple(map(self._row, shown[:limit])), found.count(1), more)

    def _row(self, one: Person) -> PersonRow:
        manager = self.all_people.known.get(one.manager) if one.manager is not None else None
        return PersonRow(
            source_id=one.source_id,
            name=one.name,
            email=one.email,
            job_title=one.job_title,
            status=one.group.status,
            worker_type=one.group.worker_type,
            departments=tuple([(source_id, self._tree.name(source_id)) for source_id in one.group.departments]),
            manager=(one.manager, manager.name if manager else one.manager) if one.manager is not None else None,
        )


def _place(key: str) -> str:
    """Return a key as an address may have it."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key_at(place: str) -> str:
    try:
        return base64.b64decode(f"{place}{'=' * (-len(place) % 4)}", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise SettingsError(
            "The place to go on from is not a place in a list.", hint="Begin at the start of the list, without it."
        ) from None

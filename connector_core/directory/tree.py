"""The departments as a tree, with head-counts. What providers send may have loops and parents that are not stored."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connector_core.directory.rows import Department, key_of
from connector_core.sdk.entities import DepartmentKind


@dataclass(frozen=True, slots=True)
class Branch:
    """A department in the tree."""

    source_id: str
    name: str
    kind: DepartmentKind
    people: int
    """Those who are in it."""
    people_below: int
    """Those who are in one below it, and not in it as well, each of them once."""
    branches: int
    """The departments right below it."""


class Tree:
    """The departments of one integration. One without a stored parent is a root, and so is one of each loop.

    Args:
        departments: All of them, sorted by name.
        sizes: The number of people by the set of departments that they are in.
    """

    def __init__(self, departments: Sequence[Department], sizes: Mapping[tuple[str, ...], int]) -> None:
        self._known = {one.source_id: one for one in departments}
        self._parents = self._parents_without_loops()
        self._below = defaultdict[str | None, list[str]](list)
        for one in departments:
            self._below[self._parents.get(one.source_id)].append(one.source_id)
        self._people, self._people_below = Counter[str](), Counter[str]()
        self.without = 0
        """The number of people who are in no department that is stored."""
        for ids, number in sizes.items():
            own = {one for one in ids if one in self._known}
            for source_id in own:
                self._people[source_id] += number
            for source_id in {above for one in own for above in self._above(one)} - own:
                self._people_below[source_id] += number
            if not own:
                self.without += number

    def __contains__(self, source_id: str) -> bool:
        return source_id in self._known

    def __len__(self) -> int:
        return len(self._known)

    def name(self, source_id: str) -> str:
        """Return the name of a department; its id if it is not stored."""
        found = self._known.get(source_id)
        return found.name if found else source_id

    def branch(self, source_id: str) -> Branch | None:
        """Return a department, or None if it is not stored."""
        found = self._known.get(source_id)
        if found is None:
            return None
        return Branch(
            source_id=source_id,
            name=found.name,
            kind=found.kind,
            people=self._people[source_id],
            people_below=self._people_below[source_id],
            branches=len(self._below.get(source_id, ())),
        )

    def branches(self, parent: str | None) -> tuple[Branch, ...]:
        """Return the departments right below one, or the roots, sorted by name."""
        return tuple([one for source_id in self._below.get(parent, ()) if (one := self.branch(source_id))])

    def path(self, source_id: str) -> tuple[Branch, ...]:
        """Return the way from a root to a department, both with it; empty if it is not stored."""
        way = [source_id, *self._above(source_id)]
        return tuple([one for step in reversed(way) if (one := self.branch(step))])

    def with_all_below(self, source_id: str) -> frozenset[str]:
        """Return the ids of a department and of all below it."""
        found, to_do = {source_id}, [source_id]
        while to_do:
            below = self._below.get(to_do.pop(), ())
            found.update(below)
            to_do += below
        return frozenset(found)

    def _above(self, source_id: str) -> Iterator[str]:
        """Yield the ids of the departments above one, the nearest first."""
        parent = self._parents.get(source_id)
        while parent is not None:
            yield parent
            parent = self._parents.get(parent)

    def _parents_without_loops(self) -> dict[str, str]:
        """Return the parent of each department that has a stored one. A loop is opened at the first of it by name."""
        parents = {
            source_id: one.parent
            for source_id, one in self._known.items()
            if one.parent in self._known and one.parent is not None
        }
        done = set[str]()
        for start in self._known:
            way: dict[str, None] = {}
            here: str | None = start
            while here is not None and here not in done and here not in way:
                way[here] = None
                here = parents.get(here)
            if here is not None and here in way:
                steps = list(way)
                del parents[min(steps[steps.index(here) :], key=lambda one: key_of(self._known[one]))]
            done.update(way)
        return parents

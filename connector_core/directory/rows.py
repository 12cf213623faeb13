"""Compact rows: the few fields of stored people and departments that are searched, sorted and listed."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from connector_core.sdk.entities import DepartmentKind, Status, WorkerType
from connector_core.views import folded

_PART = 4096
"""Rows that are sorted at once: other threads wait that long."""
_FEW = 500
"""Changes up to which each is put into its place, without looking at the other rows."""


class Keyed(msgspec.Struct, gc=False):
    """A row that is sorted by its name. ``n`` and ``run_id`` tell which state of the stored row it was made from."""

    source_id: str
    n: int
    run_id: str
    key: str
    """The folded name and the id, with a null character between them, which no name holds: it sorts by both."""
    name: str


class Group(msgspec.Struct, gc=False, eq=False):
    """The values by which lists of people are filtered. Many people share one; two of them may say the same."""

    status: Status
    worker_type: WorkerType
    departments: tuple[str, ...]
    """Ids, the primary one first."""


class Person(Keyed, gc=False):
    """A stored person."""

    text: str
    """Everything that is searched, folded."""
    email: str | None
    job_title: str | None
    group: Group
    manager: str | None


class Department(Keyed, gc=False):
    """A stored department."""

    kind: DepartmentKind
    parent: str | None


R = TypeVar("R", bound=Keyed)
key_of = attrgetter("key")


@dataclass(frozen=True, slots=True)
class Rows(Generic[R]):
    """All rows of a kind, by name and by id."""

    sorted: Sequence[R]
    known: Mapping[str, R]


NOTHING: Rows[Any] = Rows((), {})


class _PersonBody(msgspec.Struct, gc=False):
    """The fields of a stored person that are read."""

    display_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    other_work_emails: tuple[str, ...] = ()
    employee_number: str | None = None
    job_title: str | None = None
    status: Status = Status.UNKNOWN
    worker_type: WorkerType = WorkerType.UNKNOWN
    manager_source_id: str | None = None
    department_source_ids: tuple[str, ...] = ()
    primary_department_source_id: str | None = None


class _DepartmentBody(msgspec.Struct, gc=False):
    """The fields of a stored department that are read."""

    name: str
    kind: DepartmentKind = DepartmentKind.DEPARTMENT
    parent_source_id: str | None = None


_person = msgspec.json.Decoder(_PersonBody).decode
_department = msgspec.json.Decoder(_DepartmentBody).decode


def person_decoder() -> Callable[[str, int, str, str], Person]:
    """Return a function that makes a person of a stored body. Those that it makes share the texts that many have."""
    shared: dict[str, str] = {}
    groups: dict[tuple[Status, WorkerType, tuple[str, ...]], Group] = {}
    titles: dict[str, str] = {}

    def once(text: str) -> str:
        return shared.setdefault(text, text)

    def decode(source_id: str, n: int, run_id: str, body: str) -> Person:
        read = _person(body)
        name = read.display_name or f"{read.first_name or ''} {read.last_name or ''}".strip() or read.email or source_id
        folded_name = folded(name)
        searched = [] if name is source_id else [folded_name]
        # A word that is found in a part of the name is found in the name.
        searched += [folded(one) for one in (read.first_name, read.last_name) if one and one not in name]
        if read.email and read.email is not name:
            searched.append(folded(read.email))
        if read.other_work_emails:
            searched += map(folded, read.other_work_emails)
        if read.employee_number:
            searched.append(folded(read.employee_number))
        title = read.job_title
        if title:
            title = once(title)
            searched.append(titles.get(title) or titles.setdefault(title, folded(title)))
        departments, primary = read.department_source_ids, read.primary_department_source_id
        if primary:
            departments = (primary, *[one for one in departments if one != primary])
        said = (read.status, read.worker_type, departments)
        return Person(
            source_id=source_id,
            n=n,
            run_id=once(run_id),
            key=f"{folded_name}\0{source_id}",
            name=name,
            text="\n".join(searched),
            email=read.email,
            job_title=title,
            group=groups.get(said) or groups.setdefault(said, Group(*said)),
            manager=once(read.manager_source_id) if read.manager_source_id else None,
        )

    return decode


def decode_department(source_id: str, n: int, run_id: str, body: str) -> Department:
    """Return the department of a stored body."""
    read = _department(body)
    return Department(
        source_id=source_id,
        n=n,
        run_id=run_id,
        key=f"{folded(read.name)}\0{source_id}",
        name=read.name,
        kind=read.kind,
        parent=read.parent_source_id,
    )


def lay_out(people: Sequence[Person]) -> None:
    """Put the searched texts one behind the other in memory, in this order: a search goes through them faster so."""
    texts: list[str] = []
    for start in range(0, len(people), _PART):
        texts += "\0".join([one.text for one in people[start : start + _PART]]).split("\0")
    # Only now, when all are made: before, the next ones would be put where the old ones were.
    for one, text in zip(people, texts if len(texts) == len(people) else (), strict=False):
        one.text = text


def merged(runs: Iterable[Sequence[R]]) -> list[R]:
    """Return the rows of several lists, each of which is sorted, as one: in parts, so that no other thread waits long.

    While a list is sorted, Python runs nothing else.
    """
    lists = [one for one in runs if one]
    if not lists:
        return []
    longest, total = max(lists, key=len), sum(map(len, lists))
    step = max(1, len(longest) * _PART // total)
    ends: list[str | None] = [row.key for row in longest[step::step]]
    result, starts = list[R](), [0] * len(lists)
    for end in (*ends, None):
        part = list[R]()
        for number, rows in enumerate(lists):
            start = starts[number]
            starts[number] = len(rows) if end is None else bisect_left(rows, end, start, key=key_of)
            part += rows[start : starts[number]]
        part.sort(key=key_of)
        result += part
    return result


def in_order(before: Rows[R], ids: Sequence[str], changed: Sequence[R]) -> Rows[R]:
    """Return the rows with these ids: those that were there before, and are sorted already, and those that changed."""
    known = {**before.known, **{one.source_id: one for one in changed}}
    gone = known.keys() - set(ids) if len(known) > len(ids) else set[str]()
    for one in gone:
        del known[one]
    if len(gone) + len(changed) > _FEW:
        kept = [one for one in before.sorted if known.get(one.source_id) is one]
        parts = [sorted(changed[start : start + _PART], key=key_of) for start in range(0, len(changed), _PART)]
        return Rows(merged([kept, *parts]), known)
    rows = list(before.sorted)
    for source_id in gone.union(one.source_id for one in changed) & before.known.keys():
        del rows[bisect_left(rows, before.known[source_id].key, key=key_of)]
    for row in changed:
        insort(rows, row, key=key_of)
    return Rows(rows, known)

"""From Namely's rows to entities. Pure: no request is made here."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

from connector_core import UNSET, Department, DepartmentKind, Employee, Maybe, RowRejectedError, Status, WorkerType
from connectors.namely.wire import Group, GroupType, Profile, Titled

T = TypeVar("T")

NO_MANAGER = "no_guid"
"""The id of Namely's «Nobody», who manages those who have no manager."""

_STATUSES = {"active": Status.ACTIVE, "inactive": Status.INACTIVE, "pending": Status.PENDING}
_WORKERS = {
    "full time": WorkerType.EMPLOYEE,
    "part time": WorkerType.EMPLOYEE,
    "intern": WorkerType.EMPLOYEE,
    "contractor": WorkerType.CONTRACTOR,
    "freelance": WorkerType.CONTRACTOR,
}


@dataclass(frozen=True, slots=True)
class Structure:
    """Every group by id, told apart by the type of group."""

    departments: Mapping[str, str]
    """Id to the title of its type."""
    offices: Mapping[str, str]
    """Id to its own title."""
    known: frozenset[str]


@lru_cache(256)  # The same few words, for everybody.
def words(text: str | None) -> str:
    """Lower case, with one space between words: ``Office_Location`` is ``office location``."""
    return " ".join((text or "").replace("_", " ").replace("-", " ").lower().split())


def types_that_are(singular: str, types: tuple[GroupType, ...]) -> frozenset[str]:
    """The ids of the group types that are departments, offices …: by type, else by title in either number."""
    by_type = frozenset(one.id for one in types if words(one.type) == singular)
    return by_type or frozenset(one.id for one in types if words(one.title) in {singular, singular + "s"})


def types_named(names: tuple[str, ...], types: tuple[GroupType, ...]) -> frozenset[str]:
    """The ids of the group types with these titles or ids. KeyError names the first that is none of them."""
    found = set()
    for name in names:
        matching = [one.id for one in types if name == one.id or words(one.title) == words(name)]
        if not matching:
            raise KeyError(name)
        found.update(matching)
    return frozenset(found)


def structure_of(groups: tuple[Group, ...], types: tuple[GroupType, ...], departments: frozenset[str]) -> Structure:
    titles = {one.id: one.title or "" for one in types}
    kinds = {group.id: type_of(group, titles) for group in groups}
    offices = types_that_are("office location", types)
    return Structure(
        departments={one: titles[kind] for one, kind in kinds.items() if kind in departments},
        offices={group.id: group.title or "" for group in groups if kinds[group.id] in offices},
        # A group whose type cannot be told is not known: it may be a department.
        known=frozenset(one for one, kind in kinds.items() if kind in titles),
    )


def type_of(group: Group, titles: Mapping[str, str]) -> str | None:
    """The id of a group's type: its link, or else the type whose id or title it names. None if it tells nothing."""
    if group.links and group.links.group_type:
        return group.links.group_type
    if group.type is None:
        return None
    if group.type in titles:
        return group.type
    return next((type_id for type_id, title in titles.items() if words(title) == words(group.type)), None)


def to_department(group: Group, structure: Structure) -> Department | None:
    """None for an office, a division, a custom group."""
    if group.id not in structure.known:
        raise RowRejectedError("type", "unknown")
    if group.id not in structure.departments:
        return None
    return Department(
        source_id=group.id,
        name=(group.title or group.name or "").strip(),
        kind=DepartmentKind.DEPARTMENT,
        source_type=structure.departments[group.id],
    )


def to_employee(profile: Profile, structure: Structure | None) -> Employee:
    """Only what the profile really has: a key that is absent stays unset, and the stored value stays."""
    fields: dict[str, Any] = {"source_id": profile.id}
    _add_names(fields, profile)
    if (number := profile.employee_id) is not UNSET:
        fields["employee_number"] = None if number is None else str(number)
    if (status := profile.user_status) is not UNSET:
        fields["source_status"] = status
        fields["status"] = _known(_STATUSES, status, Status.UNKNOWN)
    if (title := _title(profile.job_title)) is not UNSET:
        fields["job_title"] = title
    if (worker := _title(profile.employee_type)) is not UNSET:
        fields["worker_type"] = _known(_WORKERS, worker, WorkerType.UNKNOWN)
    if (manager := _manager(profile)) is not UNSET:
        fields["manager_source_id"] = manager
    if profile.office and profile.office.country_id is not UNSET:
        fields["country_code"] = profile.office.country_id
    _add_dates(fields, profile)
    _add_placement(fields, profile, structure)
    return Employee.model_validate(fields)


def _known(table: Mapping[str, T], word: str | None, otherwise: T) -> T:
    """What this word stands for, however it is spelled."""
    return table.get(word or "") or table.get(words(word), otherwise)


def _title(part: Maybe[Titled | str]) -> Maybe[str]:
    """UNSET where the part does not say it. A part that is null says that there is nothing."""
    return part.title if isinstance(part, Titled) else part


def _add_names(fields: dict[str, Any], profile: Profile) -> None:
    first, last, whole = profile.first_name, profile.last_name, profile.full_name
    if first is not UNSET:
        fields["first_name"] = first
    if last is not UNSET:
        fields["last_name"] = last
    if profile.email is not UNSET:
        fields["email"] = profile.email
    if first is last is whole is UNSET:
        return
    if preferred := _text(profile.preferred_name):
        fields["display_name"] = f"{preferred} {_text(last)}"
    else:
        fields["display_name"] = _text(whole) or f"{_text(first)} {_text(last)}"


def _text(value: Maybe[str]) -> str:
    return value.strip() if isinstance(value, str) else ""


def _manager(profile: Profile) -> Maybe[str]:
    if not profile.reports_to:
        return UNSET if profile.reports_to is UNSET else None
    first = profile.reports_to[0].id
    return None if first == NO_MANAGER else first


def _add_dates(fields: dict[str, Any], profile: Profile) -> None:
    for ours, told in (("start_date", profile.start_date), ("end_date", profile.departure_date)):
        if told is not UNSET:
            text = _text(told)
            parsed = _date(text) if text else None
            # A date that cannot be read is not a fact, so the field stays unset and is reported as unread.
            if parsed or not text:
                fields[ours] = parsed
    if isinstance(profile.updated_at, int):
        try:
            fields["updated_at"] = datetime.fromtimestamp(profile.updated_at, UTC)
        except (ValueError, OverflowError, OSError):
            return


def _date(text: str) -> date | None:
    # The form of nearly all, ten times faster than strptime; alone, it would also take 20240131 and 2024-W05-3.
    if len(text) == 10 and text[4] == "-" == text[7] and text[5] != "W":
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC).date()
    return None


def _add_placement(fields: dict[str, Any], profile: Profile, structure: Structure | None) -> None:
    """Departments and place, from the profile's groups: unset unless every group could be told."""
    if structure is None or profile.links is None or profile.links.groups is None:
        return
    departments, office = set(), None
    for group in profile.links.groups:
        one = group.id
        if not isinstance(one, str) or one not in structure.known:
            return
        if one in structure.departments:
            departments.add(one)
        elif office is None and one in structure.offices:
            office = structure.offices[one]
    # Where no department, or no office, is to be seen at all, the token may not see them: then nothing is said.
    if structure.departments:
        fields["department_source_ids"] = tuple(departments)
        # Namely marks no primary department, so only a single one is known to be it.
        fields["primary_department_source_id"] = min(departments) if len(departments) == 1 else None
    if structure.offices:
        fields["location_name"] = office

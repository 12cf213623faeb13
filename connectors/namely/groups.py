"""Namely's groups, sorted by their types: departments, offices and others. No request is made here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector_core import UNSET, Department, DepartmentKind, Maybe, RowRejectedError, words
from connectors.namely.wire import Group, GroupType, Reference


@dataclass(frozen=True, slots=True)
class Structure:
    """Every group by id, sorted by the type of group."""

    departments: Mapping[str, str]
    """Id to the title of its type."""
    offices: Mapping[str, str]
    """Id to its own title, which is empty where it did not come."""
    known: frozenset[str]
    """Ids of the groups whose type is known."""


def types_that_are(singular: str, types: tuple[GroupType, ...]) -> frozenset[str]:
    """Return the ids of the group types that are departments, offices …: by type, else by title in either number."""
    by_type = frozenset(one.id for one in types if words(one.type) == singular)
    return by_type or frozenset(one.id for one in types if words(one.title) in {singular, singular + "s"})


def types_named(names: tuple[str, ...], types: tuple[GroupType, ...]) -> frozenset[str]:
    """Return the ids of the group types with these titles or ids. KeyError names the first that there is not."""
    found = {name: {one.id for one in types if name == one.id or words(one.title) == words(name)} for name in names}
    if missing := [name for name, ids in found.items() if not ids]:
        raise KeyError(missing[0])
    return frozenset().union(*found.values())


def structure_of(groups: tuple[Group, ...], types: tuple[GroupType, ...], departments: frozenset[str]) -> Structure:
    titles = {one.id: one.title or "" for one in types}
    kinds = {group.id: type_of(group, titles) for group in groups}
    offices = types_that_are("office location", types)
    return Structure(
        departments={one: titles[kind] for one, kind in kinds.items() if kind in departments},
        offices={group.id: group.title or "" for group in groups if kinds[group.id] in offices},
        # A group of an unknown type may be a department.
        known=frozenset(one for one, kind in kinds.items() if kind in titles),
    )


def type_of(group: Group, titles: Mapping[str, str]) -> str | None:
    """Return the id of a group's type: its link, else the type whose id or title it names; None if there is none."""
    if group.links and group.links.group_type:
        return group.links.group_type
    if group.type is None or group.type in titles:
        return group.type
    return next((type_id for type_id, title in titles.items() if words(title) == words(group.type)), None)


def to_department(group: Group, structure: Structure) -> Department | None:
    """Return None for an office, a division or a custom group."""
    if group.id not in structure.known:
        raise RowRejectedError("type", "unknown")
    if group.id not in structure.departments:
        return None
    kind, source_type = DepartmentKind.DEPARTMENT, structure.departments[group.id]
    return Department.of(group, name=group.title or group.name, kind=kind, source_type=source_type)


def placement(
    groups: Maybe[Iterable[Reference]], structure: Structure | None
) -> tuple[Maybe[tuple[str, ...]], Maybe[str], Maybe[str]]:
    """Return the departments, the primary one and the office of an employee in these groups.

    All are unset unless the type of each group is known; the office, if its title did not come.
    """
    if structure is None or groups is None or groups is UNSET:
        return UNSET, UNSET, UNSET
    found: set[str] = set()
    office: Maybe[str] = None
    for group in groups:
        if group.id not in structure.known:
            return UNSET, UNSET, UNSET
        if group.id in structure.departments:
            found.add(group.id)
        elif office is None:
            office = (structure.offices[group.id] or UNSET) if group.id in structure.offices else None
    departments = tuple(found)
    # Namely marks no primary department.
    primary = departments[0] if len(departments) == 1 else None
    # A token that sees no department or no office at all may lack the permission: then it is not a fact.
    visible = (departments, primary) if structure.departments else (UNSET, UNSET)
    return *visible, office if structure.offices else UNSET

"""Map Personio's rows to entities. No request is made here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from connector_core import (
    UNSET,
    Department,
    Employee,
    IdsByName,
    Maybe,
    RowRejectedError,
    Status,
    WorkerType,
    as_tuple,
    day,
    department_fields,
    full_name,
    link,
    lookup,
    moment,
    normal_form,
    words,
)
from connectors.personio.wire import Attributes, Labelled, Linked, OrgUnit, Person, Unit

T = TypeVar("T")

_STATUSES = {"active": Status.ACTIVE, "onboarding": Status.PENDING, "inactive": Status.INACTIVE}
_WORKERS = {"internal": WorkerType.EMPLOYEE, "external": WorkerType.CONTRACTOR}


@dataclass(frozen=True, slots=True)
class DepartmentIds:
    """The org units that are departments."""

    names: Mapping[str, str]
    """The name of each, by its id."""
    ids: IdsByName


def plain(attribute: Maybe[Labelled[T]]) -> Maybe[T]:
    """Return the value under its label. An attribute that is null instead of labelled did not come."""
    return attribute.value if isinstance(attribute, Labelled) else UNSET


def linked(attribute: Maybe[Labelled[Linked[T]]]) -> Maybe[T]:
    """Return the attributes of a reference."""
    reference = plain(attribute)
    return reference.attributes if isinstance(reference, Linked) else reference


def ids_of(units: Iterable[OrgUnit]) -> DepartmentIds:
    names = {one.id: one.name for one in units if one.name}
    return DepartmentIds(names, IdsByName((name, one, True) for one, name in names.items()))


def to_employee(person: Person, departments: DepartmentIds | None = None) -> Employee:
    """Return the employee, with a department among those that were read, or that which the row names."""
    attributes = person.attributes
    supervisor, office = linked(attributes.supervisor), linked(attributes.office)
    status = _status(plain(attributes.status))
    return Employee.of(
        person,
        display_name=_display_name(attributes),
        first_name=plain(attributes.first_name),
        last_name=plain(attributes.last_name),
        email=plain(attributes.email),
        job_title=plain(attributes.position),
        source_status=status,
        status=lookup(_STATUSES, status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, plain(attributes.employment_type), WorkerType.UNKNOWN),
        start_date=day(plain(attributes.hire_date)),
        end_date=day(plain(attributes.termination_date)),
        manager_source_id=supervisor and (link(supervisor.id.value) if supervisor.id else UNSET),
        location_name=office and office.name,
        updated_at=moment(plain(attributes.last_modified_at)),
        **_department(linked(attributes.department), departments),
    )


def to_departments(person: Person) -> tuple[Department, ...]:
    """Return the department that a row names. A row whose department is unknown is rejected: there may be one more."""
    unit = linked(person.attributes.department)
    source_id = _department_id(unit)
    if source_id is UNSET:
        raise RowRejectedError("department", "did not come, or has no name: the integration must be able to read it")
    return (Department.of(unit, source_id=source_id, id_is_synthetic=unit.id is None),) if unit else ()


def to_department(unit: OrgUnit) -> Department:
    return Department.of(unit, parent_source_id=link(unit.parent_id))


def _status(word: Maybe[str]) -> Maybe[str]:
    """Return Personio's word. People on leave are active, and the word goes no further: it could tell of an illness."""
    return "active" if word and words(word) == "leave" else word


def _display_name(attributes: Attributes) -> Maybe[str]:
    """Return the preferred name, which is either a full name or a first name."""
    given, last = plain(attributes.first_name), plain(attributes.last_name)
    if given is UNSET or last is UNSET:
        return UNSET
    preferred = full_name(plain(attributes.preferred_name))
    return preferred if preferred and " " in preferred else full_name(preferred or given, last)


def _department_id(unit: Maybe[Unit]) -> Maybe[str]:
    """Return the id. Where there is none, it is made of the name: the same for names that look the same."""
    if not unit:
        return unit
    name = full_name(unit.name)
    if name is None:
        return UNSET
    return f"department:{normal_form(name)}" if unit.id is None else str(unit.id)


def _department(unit: Maybe[Unit], departments: DepartmentIds | None) -> dict[str, Any]:
    """Return the fields for a department; none for one that is not among the org units, so that the stored one stays.

    An id counts only with its name: it is unknown if both versions of the API use the same ids.
    """
    if departments is None:
        found = _department_id(unit)
    elif unit and unit.id is not None and _same_name(departments.names.get(str(unit.id)), unit.name):
        found = str(unit.id)
    else:
        return department_fields(unit and (unit.name or UNSET), departments.ids)
    return {"department_source_ids": as_tuple(found), "primary_department_source_id": found}


def _same_name(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and normal_form(one) == normal_form(other)

"""Map Personio's rows to entities. No request is made here."""

from typing import TypeVar

from connector_core import (
    UNSET,
    Department,
    Employee,
    Maybe,
    RowRejectedError,
    Status,
    WorkerType,
    as_tuple,
    day,
    full_name,
    link,
    lookup,
    moment,
    normal_form,
    words,
)
from connectors.personio.wire import Attributes, Labelled, Linked, Person, Unit

T = TypeVar("T")

_STATUSES = {"active": Status.ACTIVE, "onboarding": Status.PENDING, "inactive": Status.INACTIVE}
_WORKERS = {"internal": WorkerType.EMPLOYEE, "external": WorkerType.CONTRACTOR}


def plain(attribute: Maybe[Labelled[T]]) -> Maybe[T]:
    """Return the value under its label. An attribute that is null instead of labelled did not come."""
    return attribute.value if isinstance(attribute, Labelled) else UNSET


def linked(attribute: Maybe[Labelled[Linked[T]]]) -> Maybe[T]:
    """Return the attributes of a reference."""
    reference = plain(attribute)
    return reference.attributes if isinstance(reference, Linked) else reference


def to_employee(person: Person) -> Employee:
    attributes = person.attributes
    supervisor, office = linked(attributes.supervisor), linked(attributes.office)
    department = _department_id(linked(attributes.department))
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
        department_source_ids=as_tuple(department),
        primary_department_source_id=department,
        location_name=office and office.name,
        updated_at=moment(plain(attributes.last_modified_at)),
    )


def to_departments(person: Person) -> tuple[Department, ...]:
    """Return the department that a row names. A row whose department is unknown is rejected: there may be one more."""
    unit = linked(person.attributes.department)
    source_id = _department_id(unit)
    if source_id is UNSET:
        raise RowRejectedError("department", "did not come, or has no name: the integration must be able to read it")
    return (Department.of(unit, source_id=source_id, id_is_synthetic=unit.id is None),) if unit else ()


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

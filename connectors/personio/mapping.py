"""From Personio's rows to entities. Pure: no request is made here."""

from typing import Any, TypeVar

from connector_core import UNSET, Department, Employee, Maybe, RowRejectedError, Status, WorkerType, day, lookup, moment
from connectors.personio.wire import Attributes, Labelled, Linked, Person

T = TypeVar("T")

_STATUSES = {"active": Status.ACTIVE, "onboarding": Status.PENDING, "inactive": Status.INACTIVE}
_WORKERS = {"internal": WorkerType.EMPLOYEE, "external": WorkerType.CONTRACTOR}


def plain(attribute: Maybe[Labelled[T]]) -> Maybe[T]:
    """The value under its label. An attribute that is null instead of labelled did not come."""
    return attribute.value if isinstance(attribute, Labelled) else UNSET


def linked(attribute: Maybe[Labelled[Linked[T]]]) -> Maybe[T]:
    """The attributes of what is mentioned."""
    link = plain(attribute)
    return link.attributes if isinstance(link, Linked) else link


def to_employee(person: Person) -> Employee:
    told = person.attributes
    boss, office = linked(told.supervisor), linked(told.office)
    status = _status(plain(told.status))
    return Employee.of(
        person,
        display_name=_display_name(told),
        first_name=plain(told.first_name),
        last_name=plain(told.last_name),
        email=plain(told.email),
        job_title=plain(told.position),
        source_status=status,
        status=lookup(_STATUSES, status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, plain(told.employment_type), WorkerType.UNKNOWN),
        start_date=day(plain(told.hire_date)),
        end_date=day(plain(told.termination_date)),
        manager_source_id=boss and (str(boss.id.value) if boss.id else UNSET),
        location_name=office and office.name,
        updated_at=moment(plain(told.last_modified_at)),
        **_placement(told),
    )


def to_departments(person: Person) -> tuple[Department, ...]:
    """The department that a row names. One that cannot be told leaves open which there are: its row is rejected."""
    department = _department(person.attributes)
    if department is UNSET:
        raise RowRejectedError("department", "did not come, or has no name: the integration must be able to read it")
    return (department,) if department else ()


def _status(word: Maybe[str]) -> Maybe[str]:
    """Personio's word for it. Who is on leave is active: the word could tell of an illness, so it goes no further."""
    return "active" if isinstance(word, str) and word.strip().lower() == "leave" else word


def _display_name(told: Attributes) -> Maybe[str]:
    """The preferred name, which may be a whole one or a first name only."""
    first, last, preferred = plain(told.first_name), plain(told.last_name), plain(told.preferred_name)
    if first is UNSET or last is UNSET:
        return UNSET
    if preferred and " " in preferred.strip():
        return preferred
    return " ".join(one for one in (preferred or first, last) if one)


def _department(told: Attributes) -> Maybe[Department]:
    """Where there is no id, one is made of the name, however that is spaced and capitalised."""
    unit = linked(told.department)
    if unit is None or unit is UNSET:
        return unit
    if not (unit.name and unit.name.strip()):
        return UNSET
    source_id = f"department:{' '.join(unit.name.split()).casefold()}" if unit.id is None else str(unit.id)
    return Department(source_id=source_id, name=unit.name.strip(), id_is_synthetic=unit.id is None)


def _placement(told: Attributes) -> dict[str, Any]:
    """Nothing where it cannot be told."""
    department = _department(told)
    if department is UNSET:
        return {}
    ids = (department.source_id,) if department else ()
    return {"department_source_ids": ids, "primary_department_source_id": next(iter(ids), None)}

"""Map the rows of Peopleware to entities. No request is made here."""

from connector_core import Department, Employee, Maybe, Status, WorkerType, as_tuple, day, lookup, moment, text
from connectors.peopleware.wire import Person, Reference, Unit

_STATUSES = {"active": Status.ACTIVE, "left": Status.INACTIVE, "preboarding": Status.PENDING}
_WORKERS = {"permanent": WorkerType.EMPLOYEE, "external": WorkerType.CONTRACTOR}


def to_department(unit: Unit) -> Department:
    return Department.of(unit, parent_source_id=_id(unit.parent))


def to_employee(person: Person) -> Employee:
    department = _id(person.department)
    return Employee.of(
        person,
        job_title=text(person.job),
        source_status=person.status,
        status=lookup(_STATUSES, person.status, Status.UNKNOWN),
        worker_type=lookup(_WORKERS, person.contract, WorkerType.UNKNOWN),
        start_date=day(person.starts),
        end_date=day(person.ends),
        manager_source_id=_id(person.manager),
        department_source_ids=as_tuple(department),
        primary_department_source_id=department,
        updated_at=moment(person.modified),
    )


def _id(reference: Maybe[Reference]) -> Maybe[str]:
    return reference.id if isinstance(reference, Reference) else reference

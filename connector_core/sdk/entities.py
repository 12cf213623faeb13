"""What is discovered: frozen models with canonical ids, and nothing that was not declared here."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


class Product(StrEnum):
    """Who is served by what was discovered."""

    EAM = "EAM"
    SMP = "SMP"


class Status(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    UNKNOWN = "unknown"


class WorkerType(StrEnum):
    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    PARTNER = "partner"
    SYSTEM_USER = "system_user"
    UNKNOWN = "unknown"


class DepartmentKind(StrEnum):
    DEPARTMENT = "department"
    DIVISION = "division"
    TEAM = "team"
    COST_CENTER = "cost_center"
    BUSINESS_UNIT = "business_unit"
    LOCATION = "location"
    OTHER = "other"


def _blank(value: object) -> object:
    """None for a string that is blank."""
    return None if isinstance(value, str) and not value.strip() else value


def _distinct(ids: tuple[str, ...]) -> tuple[str, ...]:
    # Sorted, so that a provider that shuffles its answers causes no updates.
    return tuple(sorted(set(ids))) if len(ids) > 1 else ids


_encode = msgspec.json.Encoder().encode
"""Twice as fast as the model's own, and it writes the same."""

# No control characters: an id is shown on terminals, and comes from somebody else's system.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"
SourceId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PLAIN)]
# Tried from the left, so that Python is called for blank strings only, and not for each of all.
_Blank = Annotated[None, BeforeValidator(_blank)]
_LEFT = Field(union_mode="left_to_right")
Text = Annotated[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | _Blank, _LEFT]
Link = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=_PLAIN)] | _Blank,
    _LEFT,
]
Links = Annotated[tuple[SourceId, ...], AfterValidator(_distinct)]


class Entity(BaseModel):
    """One discovered thing.

    A field that is set, even to ``None``, is a fact. A field that is left unset was not read, and the
    stored value stays as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    plural: ClassVar[str]
    """The kind as operators type it: ``employees``."""
    links: ClassVar[Mapping[str, str]] = {}
    """Fields that hold ids of other entities, and the kind they point to."""

    source_id: SourceId
    """The provider's permanent id."""

    @classmethod
    def of(cls, row: msgspec.Struct, **fields: Any) -> Self:
        """The entity that a row tells of: its fields of the same name, and these. What is ``UNSET`` is left out."""
        same = {name: getattr(row, name) for name in row.__struct_fields__ if name in cls.model_fields}
        told = {name: value for name, value in (same | fields).items() if value is not msgspec.UNSET}
        return cls.model_validate({"source_id": getattr(row, "id", None), **told})

    def body(self) -> bytes:
        """The canonical JSON of the fields that were read."""
        read = self.__dict__.copy()
        for name in read.keys() - self.__pydantic_fields_set__:
            del read[name]
        return _encode(read)

    @classmethod
    def is_loss(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether this update takes somebody out of the active set."""
        return before.get("status") == Status.ACTIVE and after.get("status") != Status.ACTIVE


class Employee(Entity):
    """A person of the organisation's roster. Nothing private: work data only."""

    plural = "employees"
    links = {
        "manager_source_id": "Employee",
        "department_source_ids": "Department",
        "primary_department_source_id": "Department",
    }

    display_name: Text = None
    """The preferred name wins."""
    first_name: Text = None
    last_name: Text = None
    email: Text = None
    """Work e-mail. Never replaced by a private one."""
    other_work_emails: tuple[str, ...] = ()
    employee_number: Text = None
    """The staff number: not unique, may be reused."""
    job_title: Text = None
    status: Status = Status.UNKNOWN
    source_status: Text = None
    """The provider's own word for the status."""
    worker_type: WorkerType = WorkerType.UNKNOWN
    start_date: date | None = None
    end_date: date | None = None
    manager_source_id: Link = None
    department_source_ids: Links = ()
    primary_department_source_id: Link = None
    location_name: Text = None
    """The place of work."""
    country_code: Text = None
    """ISO 3166-1 alpha-2, of the place of work."""
    updated_at: datetime | None = None


class Department(Entity):
    """A part of the organisation."""

    plural = "departments"
    links = {"parent_source_id": "Department"}

    name: Annotated[str, Field(min_length=1)]
    kind: DepartmentKind = DepartmentKind.DEPARTMENT
    source_type: Text = None
    """The provider's own word for the kind."""
    parent_source_id: Link = None
    active: bool | None = None
    updated_at: datetime | None = None
    id_is_synthetic: bool = False
    """True where the provider gives only a name, and the id is made from it."""

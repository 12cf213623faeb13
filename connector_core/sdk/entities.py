"""Entities: frozen models of what is discovered, with no fields but those declared here."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import UNSET
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from connector_core.sdk.texts import clean


class Product(StrEnum):
    """A product that uses the entities. Example: ``products = {Product.EAM, Product.SMP}``."""

    EAM = "EAM"
    SMP = "SMP"


class Status(StrEnum):
    """The employment of a person today.

    Example: ``status = lookup({"working": Status.ACTIVE, "left": Status.INACTIVE}, person.state, Status.UNKNOWN)``.
    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    UNKNOWN = "unknown"


class WorkerType(StrEnum):
    """The relation of a person to the organisation. Example: ``worker_type = WorkerType.CONTRACTOR``."""

    EMPLOYEE = "employee"
    CONTRACTOR = "contractor"
    PARTNER = "partner"
    SYSTEM_USER = "system_user"
    UNKNOWN = "unknown"


class DepartmentKind(StrEnum):
    """The kind of a unit. Example: ``kind = DepartmentKind.TEAM``."""

    DEPARTMENT = "department"
    DIVISION = "division"
    TEAM = "team"
    COST_CENTER = "cost_center"
    BUSINESS_UNIT = "business_unit"
    LOCATION = "location"
    OTHER = "other"


def _cleaned(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([cleaned for one in texts if (cleaned := clean(one))])


def _distinct(ids: tuple[str, ...]) -> tuple[str, ...]:
    # Sorted, so that a provider that shuffles its responses causes no updates.
    return tuple(sorted(set(ids))) if len(ids) > 1 else ids


_encode = msgspec.json.Encoder().encode
"""Twice as fast as the model's own encoder, with the same output."""

# No control characters: ids come from other systems and are shown on terminals. Checked by pydantic's regex engine,
# which is cheaper than a call into Python.
SourceId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
SourceIds = Annotated[tuple[SourceId, ...], AfterValidator(_distinct)]


@cache
def _same_names(row: type[msgspec.Struct], entity: "type[Entity]") -> tuple[str, ...]:
    """Return the fields that a row type and an entity both have."""
    return tuple(name for name in row.__struct_fields__ if name in entity.model_fields)


class Entity(BaseModel):
    """Base of entities.

    A field that is set, even to None, is a fact. A field that is not set was not read, and its stored value stays.

    Example: ``Employee.of(person, display_name=person.name).source_id``.
    """

    # A constraint on texts, if only this one, makes pydantic refuse lone surrogates, which can be neither encoded nor
    # stored.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_min_length=0)

    plural: ClassVar[str]
    """The name that operators type: ``employees``."""
    links: ClassVar[Mapping[str, str]] = {}
    """The fields with ids of other entities, and the kind of these."""
    identity: ClassVar[tuple[str, ...]] = ()
    """Fields of which one at least stays the same for as long as the id means the same thing, such as a name."""
    companions: ClassVar[Mapping[str, str]] = {}
    """The fields that hold the provider's word for another one, and this: both are believed, or neither."""
    unknown: ClassVar[Mapping[str, str]] = {}
    """The fields whose default is ``UNKNOWN``, and that word: it is no value."""
    _names: ClassVar[frozenset[str]]

    source_id: SourceId
    """The provider's permanent id."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._names = frozenset(cls.model_fields)
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        cls.unknown = {name: one.value for name, one in defaults.items() if getattr(one, "name", "") == "UNKNOWN"}

    @classmethod
    def of(cls, row: msgspec.Struct, **fields: Any) -> Self:
        """Return the entity that a row describes: the row's fields of the same names, and these.

        A text loses its invisible characters and the blanks at its ends, and a blank one is null. Ids do not:
        ``"a7 "`` may be another row's than ``"a7"``, so ``source_id`` and links stay as they are given. What is
        ``UNSET`` is left out. ``source_id`` is the row's ``id`` unless it is given.
        """
        for name in _same_names(type(row), cls):
            if name not in fields:
                fields[name] = getattr(row, name)
        absent = []
        for name, value in fields.items():
            if type(value) is str:
                cleaned = clean(value)
                if cleaned is not value or not value:
                    fields[name] = (value if name == "source_id" or name in cls.links else cleaned) or None
            elif value is UNSET:
                absent.append(name)
        for name in absent:
            del fields[name]
        if "source_id" not in fields:
            # As the provider writes it: the page knows its rows by the same id.
            fields["source_id"] = getattr(row, "id", None)
        # What model_validate() calls; its overhead is half a microsecond a row.
        entity: Self = cls.__pydantic_validator__.validate_python(fields)
        return entity

    @classmethod
    def is_empty(cls, name: str, value: Any) -> bool:
        """Return True if a value of the field of that name says nothing: null, an empty text or list, false, UNKNOWN.

        The value may be one of an entity or of its JSON.
        """
        return not value or cls.unknown.get(name) == value

    def body(self) -> bytes:
        """Return the canonical JSON of the fields that were read."""
        read = self.__dict__.copy()
        for name in self._names - self.__pydantic_fields_set__:
            del read[name]
        return _encode(read)

    def is_active(self) -> bool | None:
        """Return True if it is in the active set; None for kinds that know no status."""
        status = self.__dict__.get("status")
        return None if status is None else status == Status.ACTIVE


class Employee(Entity):
    """A person who works for the organisation. Work data only, nothing private.

    Example: ``Employee.of(person, display_name=person.name, status=Status.ACTIVE)``.
    """

    plural = "employees"
    links = {
        "manager_source_id": "Employee",
        "department_source_ids": "Department",
        "primary_department_source_id": "Department",
    }
    identity = ("email", "display_name")
    companions = {"source_status": "status"}

    display_name: str | None = None
    """With the preferred name, if there is one."""
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    """Work e-mail, never a private one."""
    other_work_emails: Annotated[tuple[str, ...], AfterValidator(_cleaned)] = ()
    employee_number: str | None = None
    """The staff number. It may be reused, so it is not unique."""
    job_title: str | None = None
    status: Status = Status.UNKNOWN
    source_status: str | None = None
    """The provider's word for the status."""
    worker_type: WorkerType = WorkerType.UNKNOWN
    start_date: date | None = None
    end_date: date | None = None
    manager_source_id: SourceId | None = None
    department_source_ids: SourceIds = ()
    primary_department_source_id: SourceId | None = None
    location_name: str | None = None
    """The place of work."""
    country_code: str | None = None
    """ISO 3166-1 alpha-2 code of the place of work."""
    updated_at: datetime | None = None


class Department(Entity):
    """A unit of the organisation.

    Example: ``Department(source_id="d7", name="Finance", kind=DepartmentKind.COST_CENTER)``.
    """

    plural = "departments"
    links = {"parent_source_id": "Department"}
    identity = ("name",)

    name: Annotated[str, Field(min_length=1)]
    kind: DepartmentKind = DepartmentKind.DEPARTMENT
    source_type: str | None = None
    """The provider's word for the kind."""
    parent_source_id: SourceId | None = None
    active: bool | None = None
    updated_at: datetime | None = None
    id_is_synthetic: bool = False
    """True if the provider has only a name, and the id is made from it."""

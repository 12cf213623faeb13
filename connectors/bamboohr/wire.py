"""The parts of BambooHR's responses that are read. The parser skips all others."""

from typing import Literal

from connector_core import UNSET, Listing, Maybe, Row, Wire, field


class Person(Row, rename="camel"):
    """One row of the report. Its keys are the requested fields."""

    display_name: Maybe[str] = UNSET
    first_name: Maybe[str] = UNSET
    last_name: Maybe[str] = UNSET
    preferred_name: Maybe[str] = UNSET
    email: Maybe[str] = field(name="workEmail", default=UNSET)
    employee_number: Maybe[str] = UNSET
    """The staff number, which may change. The id does not."""
    job_title: Maybe[str] = UNSET
    department: Maybe[str] = UNSET
    """The name of an option, not its id."""
    location_name: Maybe[str] = field(name="location", default=UNSET)
    status: Maybe[str] = UNSET
    employment_history_status: Maybe[str] = UNSET
    hire_date: Maybe[str] = UNSET
    """``0000-00-00`` where there is none."""
    termination_date: Maybe[str] = UNSET
    supervisor_e_id: Maybe[str | int] = UNSET
    """The supervisor's id, or 0. The field supervisorId holds their staff number."""
    last_changed: Maybe[str] = UNSET


class ReportField(Wire):
    id: str


class Report(Listing[Person]):
    rows: list[Person] = field(name="employees")
    fields: list[ReportField]
    """The fields that came. BambooHR leaves out unknown ones, and those that the key may not see, without an error."""

    @property
    def received(self) -> frozenset[str]:
        return frozenset(one.id for one in self.fields)


class Ending(Row, rename="camel"):
    """One row of the report about ends of employment."""

    termination_date: Maybe[str] = UNSET


class EndingField(Wire):
    id: Literal["id", "terminationDate"]


class Endings(Listing[Ending]):
    rows: list[Ending] = field(name="employees")
    fields: list[EndingField]
    """With any other field it is another report, which does not tell the ends that lie ahead."""


class Change(Wire):
    action: Maybe[str] = UNSET


class Changes(Wire):
    """Every employee who ever changed, by id; an empty array where there is none."""

    employees: dict[str, Change] | list[Change]


class Option(Wire):
    number: str | int = field(name="id")
    name: Maybe[str] = UNSET
    archived: Maybe[str | bool] = UNSET

    @property
    def id(self) -> str:
        return str(self.number)


class MetaList(Wire):
    """A list of the values that a field of the company may have."""

    alias: Maybe[str] = UNSET
    options: Maybe[tuple[Option, ...]] = UNSET


class Company(Wire, rename="camel"):
    display_name: Maybe[str] = UNSET


class Owner(Wire):
    """The employee that the key belongs to; ``0`` where it belongs to none."""

    id: Maybe[str | int] = UNSET

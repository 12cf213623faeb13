"""The parts of BambooHR's answers that are read. What is not named here is skipped by the parser."""

from connector_core import UNSET, Listing, Maybe, Row, Wire, field


class Person(Row, rename="camel"):
    """One row of the report. Its keys are the fields that are asked for."""

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
    """The supervisor's id; supervisorId would be their staff number."""
    last_changed: Maybe[str] = UNSET


class ReportField(Wire):
    id: str


class Report(Listing[Person]):
    rows: list[Person] = field(name="employees")
    fields: list[ReportField]
    """Those that came: what the key may not see, or is unknown, is left out without an error."""

    @property
    def received(self) -> frozenset[str]:
        return frozenset(one.id for one in self.fields)


class Change(Wire):
    id: str
    action: str | None = None


class Changes(Wire):
    """All who ever changed, by id; an empty array where nobody did."""

    employees: dict[str, Change] | list[Change]


class Option(Wire):
    number: str | int = field(name="id")
    name: str | None = None
    archived: str | None = None

    @property
    def id(self) -> str:
        return str(self.number)


class MetaList(Wire):
    """One of the lists that the company's fields choose from."""

    alias: str | None = None
    options: tuple[Option, ...] = ()


class Owner(Wire):
    """Whose key it is; ``0`` where it belongs to no employee."""

    id: str | int

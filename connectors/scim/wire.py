"""The parts of SCIM's responses that are read (RFC 7643, 7644, 9865). The parser skips all others.

An attribute without a value is absent. So a part of an attribute is null where it is absent, and not ``UNSET``: a part
that cannot be read then costs its whole attribute, which did come, instead of seeming to have no value.
"""

from typing import Any, Generic, TypeVar

import msgspec

from connector_core import UNSET, Listing, Maybe, Row, Wire, field, words

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_ABSENT: list[Any] = []


class Pagination(Wire, rename="camel"):
    cursor: bool = False
    index: bool = True
    default_pagination_method: str = ""
    max_page_size: int | None = None


class ServiceProviderConfig(Wire):
    sort: dict[str, Any] = field(default_factory=dict)
    pagination: Pagination = Pagination()


class Sample(Wire, rename="camel"):
    """A list of one row, which tells how the server writes lists."""

    total_results: Maybe[int] = UNSET
    next_cursor: Maybe[str] = UNSET
    resources: Maybe[list[Wire]] = UNSET
    """The rows in examples of Microsoft Entra. All others write ``Resources``."""


class Reference(Wire):
    value: Maybe[str] = UNSET


class Name(Wire, rename="camel"):
    given_name: str | None = None
    family_name: str | None = None


class Email(Wire):
    value: str | None = None
    type: str | None = None
    primary: bool = False

    def __post_init__(self) -> None:
        # One of type home is private, and one of type other may be: it goes no further.
        if words(self.type) not in {"work", ""}:
            msgspec.structs.force_setattr(self, "value", None)


class Enterprise(Wire, rename="camel"):
    employee_number: str | None = None
    department: str | None = None
    division: str | None = None
    cost_center: str | None = None
    manager: Reference | str | None = None
    """Some servers send the id alone."""


class Meta(Wire, rename="camel"):
    created: Maybe[str] = UNSET
    last_modified: Maybe[str] = UNSET


class Resource(Row):
    meta: Maybe[Meta] = UNSET


class Group(Resource):
    name: Maybe[str] = field(name="displayName", default=UNSET)
    members: list[Reference] | None = None


class User(Resource, rename="camel"):
    schemas: Maybe[list[str]] = UNSET
    """Those of the extensions that the row has, too."""
    display_name: Maybe[str] = UNSET
    name: Maybe[Name] = UNSET
    job_title: Maybe[str] = field(name="title", default=UNSET)
    user_type: Maybe[str] = UNSET
    active: Maybe[bool] = UNSET
    emails: Maybe[list[Email]] = UNSET
    enterprise: Maybe[Enterprise] = field(name=ENTERPRISE, default=UNSET)
    enterprise_lower: Maybe[Enterprise] = field(name=ENTERPRISE.lower(), default=UNSET)
    enterprise_short: Maybe[Enterprise] = field(name="EnterpriseUser", default=UNSET)

    @property
    def extension(self) -> Maybe[Enterprise]:
        """The enterprise extension, whatever the server calls it; an empty one if the row says that it has none."""
        none = self.schemas and not any("enterprise" in one.lower() for one in self.schemas)
        return self.enterprise or self.enterprise_lower or self.enterprise_short or (Enterprise() if none else UNSET)


R = TypeVar("R", bound=Resource)


class Resources(Listing[R], Generic[R]):
    rows: list[R] = field(name="Resources", default_factory=lambda: _ABSENT)
    announced: int | None = field(name="totalResults", default=None)
    next_cursor: str | None = field(name="nextCursor", default=None)
    page_rows: int | None = field(name="itemsPerPage", default=None)

    def __post_init__(self) -> None:
        # Absent only where there are none: in all (RFC 7644, 3.4.2) or, as some write it, on this page.
        if self.rows is _ABSENT and 0 not in {self.announced, self.page_rows}:
            raise msgspec.ValidationError("Object missing required field `Resources`")

    def created(self, row: R) -> Maybe[str]:
        return row.meta and row.meta.created


class LowerCase(Resources[R], Generic[R]):
    rows: list[R] = field(name="resources", default_factory=lambda: _ABSENT)

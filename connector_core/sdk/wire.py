"""Wire models: msgspec structs of the parts of a provider's responses that are read."""

from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    dataclass_transform,
)

import msgspec
from msgspec import UNSET, UnsetType, field

T = TypeVar("T")

Maybe: TypeAlias = T | UnsetType | None
"""A value that may be null, or absent. Example: ``email: Maybe[str] = UNSET``."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class _WireType(msgspec.StructMeta):
    """Metaclass that makes wire models frozen, with keyword-only fields."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any) -> Any:
        # Objects parsed from JSON have no cycles, so the garbage collector need not visit them.
        return super().__new__(mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, "gc": False, **more})


HEADER = "header "
"""Begins the name of a field that is read from a header. No key of a provider has a space there."""


def from_header(name: str) -> Any:
    """Declare a field that is read from a header of the response.

    ``total: Maybe[int] = from_header("X-Total-Count")``. It is ``UNSET`` where the header does not come, or cannot be
    read as the field's type. No other header is kept. Example: ``total: Maybe[int] = from_header("X-Total-Count")``.
    """
    return field(default=UNSET, name=f"{HEADER}{name.lower()}")


class Wire(msgspec.Struct, metaclass=_WireType):
    """Base of wire models. The parser skips undeclared keys: their values never become objects.

    Example::

        class Office(Wire):
            name: str
            city: Maybe[str] = UNSET
    """

    withheld: ClassVar[frozenset[str]] = frozenset()
    """Names of fields whose values say more than may be told, such as a kind of leave: they are shown to no operator.

    The mapping makes something less of them, and only that is shown.
    """

    if TYPE_CHECKING:

        def __bool__(self) -> Literal[True]:
            """Tell type checkers that a model is true, so that ``profile.office and profile.office.city`` is a city."""

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the provider's names of the fields in order, for providers that let the request choose fields."""
        names = [one.encode_name for one in msgspec.structs.fields(cls)]
        return tuple([one for one in names if not one.startswith(HEADER)])


class Titled(Wire):
    """An object with a title: ``{"id": 7, "title": "Clerk"}``. Example: ``position: Maybe[Titled] = UNSET``."""

    title: Maybe[str] = UNSET


_EXACT = 2.0**53
"""Below it a float is one number only."""


def number_as_text(value: float) -> str | None:
    """Return a number as it would be written as text, ``7`` for 7.0, too; None for a float that may be another one."""
    if isinstance(value, int):
        return str(value)
    if not abs(value) < _EXACT:
        return None
    return str(int(value)) if value.is_integer() else str(value)


class Row(Wire):
    """One row of a listing, with the provider's own id.

    Example::

        class Person(Row):
            name: Maybe[str] = UNSET
            title: Maybe[str] = field(name="jobTitle", default=UNSET)
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]


class Identified(Protocol):
    """An object with the provider's own id: a ``Row``, or a ``Wire`` whose ``id`` is a property."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Identified)


class Listing(Wire, Generic[R]):
    """One response of a listing. Redeclare ``rows`` under the provider's key: ``field(name="people")``.

    A GraphQL response has its rows deeper, and tells errors with status 200::

        class People(Listing[Person]):
            within = "data.company.people"
            errors = "errors"
            rows: list[Person] = field(name="nodes")
    """

    within: ClassVar[str] = ""
    """Dotted keys of the object in the response that holds the fields of this class."""
    errors: ClassVar[str] = ""
    """Key of the errors beside the data in a response with status 200. One that has any is refused."""

    rows: list[R]

    @property
    def announced(self) -> int | None:
        """The number of rows in the whole listing, or None if this response does not announce it.

        Override it only if the provider announces totals: a promised total that never comes makes the reading
        incomplete.
        """
        return None

    @property
    def received(self) -> frozenset[str] | None:
        """The keys of a row that came, or None if the response does not list them.

        Override it if the provider leaves out fields without an error and lists the ones that it sends. Fields that
        are not among them are ``UNSET`` then, and never null.
        """
        return None

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page; None on the last one. Override it if the provider pages by ``Cursor``."""
        return None

    @property
    def next_url(self) -> str | None:
        """The address of the next page; None on the last one. Override it if the provider pages by ``NextUrl``."""
        return None

    @property
    def delta_token(self) -> str | None:
        """The token, or address, of the changes since the reading began. Override it for deltas by token."""
        return None

    def removed(self, row: R) -> bool:  # noqa: ARG002 - overridden where a delta lists removed rows
        """Return True if the row only says that the row with its id was removed.

        Override it if a delta lists those, too. They are not mapped: the page has their ids in ``removed``.
        """
        return False

    def created(self, row: R) -> Maybe[str | float]:  # noqa: ARG002 - overridden where rows carry it
        """Return the time at which the provider created a row, as ISO 8601 text or in epoch seconds.

        Override it if rows carry that time and it never changes: ``return row.created_at``. It proves, without another
        request, that no row left the listing while it was read. It is compared, and never kept.
        """
        return None


class ArrayListing(Listing[R]):
    """One response that is an array of rows, without an object around it. Totals and cursors come in headers.

    Example::

        class People(ArrayListing[Person]):
            total: Maybe[int] = from_header("X-Total-Count")

            @property
            def announced(self) -> int | None:
                return self.total or None
    """

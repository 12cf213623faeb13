"""Wire models: the parts of a provider's answers that are read. They are msgspec structs."""

from typing import Annotated, Any, Generic, Protocol, TypeAlias, TypeVar, dataclass_transform

import msgspec
from msgspec import UnsetType, field

T = TypeVar("T")

Maybe: TypeAlias = T | UnsetType | None
"""A value that may be null, or absent: ``email: Maybe[str] = UNSET``."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class _WireType(msgspec.StructMeta):
    """Makes every wire model frozen, its fields in any order."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any) -> Any:
        # What is parsed from JSON holds no cycles, so the garbage collector need not look at it.
        return super().__new__(mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, "gc": False, **more})


class Wire(msgspec.Struct, metaclass=_WireType):
    """The base of wire models. The parser skips what is not declared: it never becomes an object."""

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The provider's names of the fields, in order: what to ask for, where it can be chosen."""
        return tuple(one.encode_name for one in msgspec.structs.fields(cls))


class Row(Wire):
    """One row of a listing, under the provider's own id."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]


class Identified(Protocol):
    """Anything with the provider's own id: a ``Row``, or a ``Wire`` whose ``id`` is a property."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Identified)


class Listing(Wire, Generic[R]):
    """One answer of a listing. Redeclare ``rows`` under the provider's key: ``field(name="people")``."""

    rows: list[R]

    @property
    def announced(self) -> int | None:
        """How many rows the provider says the whole listing has, or None where this answer does not say.

        Override it only if the provider announces totals: an overridden total that never comes is a fault.
        """
        return None

    @property
    def received(self) -> frozenset[str] | None:
        """The keys of a row that came, or None where the answer does not say.

        Override it where a provider leaves fields out without an error, and says which ones it sends: what it did
        not send is ``UNSET`` then, and never null.
        """
        return None

"""Wire models: the parts of a provider's answers that are read. They are msgspec structs."""

from typing import Annotated, Any, Generic, TypeAlias, TypeVar, dataclass_transform

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


class Row(Wire):
    """One row of a listing, under the provider's own id."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]


W = TypeVar("W", bound=Wire)
R = TypeVar("R", bound=Row)


class Listing(Wire, Generic[R]):
    """One answer of a listing. Redeclare ``rows`` under the provider's key: ``field(name="people")``."""

    rows: list[R]

    @property
    def announced(self) -> int | None:
        """How many rows the provider says the whole listing has, or None where this answer does not say.

        Override it only if the provider announces totals: an overridden total that never comes is a fault.
        """
        return None

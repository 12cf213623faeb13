"""The contract: what a connector's author writes, and the Api that a connector sees."""

import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar as DefaultTypeVar

from connector_core.errors import ProviderError, RejectedCredentialsError
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity, Product
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.page import Page
from connector_core.sdk.paging import Paging
from connector_core.sdk.wire import Listing, R

if TYPE_CHECKING:  # structlog brings rich along, which no connector needs.
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Params = Mapping[str, str | Sequence[str]]
"""A query; a key with several values comes several times."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose data this is, as the provider says: ``id`` changes when the account or the token's owner does."""

    id: str
    name: str


class Api(Protocol):
    """The provider as a connector sees it: paging, limits, retries, time-outs and auth are behind it."""

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Page[R]]:
        """The pages of a listing, in order, the one that ends it included. With ``body``, JSON, it is a POST.

        The first is asked for when this is called, so two listings that are both called before either is read come
        at once.
        """
        ...

    async def get(self, path: str, model: type[T], *, params: Params | None = None, authenticated: bool = True) -> T:
        """One answer: a ``Wire``, or what is made of them, such as ``list[Office]``."""
        ...

    async def sign_in(self) -> None:
        """Proves the credentials where a token is fetched with them: one that is good is fetched, or there already.

        For providers that cannot be asked whose token it is. Where no token is fetched this proves nothing.
        """
        ...

    async def exists(self, path: str, source_id: str, *, params: Params | None = None) -> bool:
        """Whether ``path/source_id`` is there: False only when the provider answers 404."""
        ...


class Options(BaseModel):
    """The base of a connector's options in plugins.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Credentials)
Opt = DefaultTypeVar("Opt", bound=Options, default=Options)


@dataclass(frozen=True, slots=True)
class Context(Generic[C, Opt]):
    """What the host gives a connector for one run or check."""

    credentials: C
    options: Opt
    api: Api
    log: "FilteringBoundLogger"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One kind that a connector discovers."""

    kind: type[Entity]
    products: frozenset[Product]
    resource: str
    description: str
    permission: str
    provides: tuple[str, ...]
    method: str
    witness: str | None = None
    changes: str | None = None
    """The method that reads the same rows, the last changed first."""
    derived: bool = False
    """Whether it is what another listing's rows mention, so that the provider cannot be asked for one by its id."""


class Connector(ABC, Generic[C, Opt]):
    """The base of a connector: a manifest, ``check``, and one ``@discovers`` method per kind.

    An instance lives for one run, so what it keeps on ``self`` is never shared between runs.
    """

    manifest: ClassVar[Manifest]
    credentials_type: ClassVar[type[Credentials]]
    options_type: ClassVar[type[Options]]
    declarations: ClassVar[Mapping[str, Declaration]]

    def __init__(self, context: Context[C, Opt]) -> None:
        self.credentials = context.credentials
        self.options = context.options
        self.api = context.api
        self.log = context.log

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            arguments = [argument for argument in get_args(base) if isinstance(argument, type)]
            if arguments and issubclass(arguments[0], Credentials):
                cls.credentials_type = arguments[0]
                cls.options_type = arguments[1] if len(arguments) > 1 else Options
        cls.declarations = _collect(cls)

    @abstractmethod
    async def check(self) -> Account:
        """Proves the connection and the token, with the fewest requests. Raises CredentialsError or ProviderError."""

    def optional(self, work: Awaitable[T], event: str) -> Coroutine[Any, Any, T | None]:
        """What is only an addition to a kind: None, and this event in the log, where the provider does not give it."""
        wrapped = self._optional(work, event)
        if inspect.iscoroutine(work):
            # Cancelled before its first step, the one would leave the other behind, never awaited.
            weakref.finalize(wrapped, work.close).atexit = False
        return wrapped

    async def _optional(self, work: Awaitable[T], event: str) -> T | None:
        try:
            return await work
        except (ProviderError, RejectedCredentialsError) as error:
            self.log.warning(event, error=error.code)
            return None

    def rule(self, kind: type[Entity]) -> str:  # noqa: ARG002 - overridden where a kind has a rule
        """What decides which rows are of this kind. When it changes, losses are held for approval."""
        return self.options.model_dump_json()


AnyConnector = Connector[Any, Any]


def discovers(
    kind: type[Entity],
    *,
    products: Iterable[Product],
    resource: str,
    description: str,
    permission: str = "",
    provides: Iterable[str] = (),
    derived: bool = False,
) -> Callable[[F], F]:
    """Marks the method that reads a kind: an async generator of ``Page[kind]``.

    Args:
        kind: What it discovers.
        products: Who is served by it.
        resource: The provider's own name for what is read.
        description: One sentence for the integration's page.
        permission: What to grant, and where, when the provider forbids the reading.
        provides: The entity's fields that a token with every right fills. One that does not come is reported.
        derived: Its pages are made by ``Page.derive``: nobody can be asked for one by its id, so one that is gone is
            removed when two complete scans lack it.
    """
    fields = tuple(provides)
    if unknown := [name for name in fields if name not in kind.model_fields]:
        raise TypeError(f"@discovers({kind.__name__}) provides {unknown[0]}, which is no field of it")

    def mark(method: F) -> F:
        if not inspect.isasyncgenfunction(method):
            raise TypeError(f"@discovers({kind.__name__}): {method.__name__} is not an async generator")
        method.__discovers__ = Declaration(  # type: ignore[attr-defined]
            kind, frozenset(products), resource, description, permission, fields, method.__name__, derived=derived
        )
        return method

    return mark


def witnesses(
    kind: type[Entity],
) -> Callable[[Callable[[Any, str], Coroutine[Any, Any, bool]]], Callable[[Any, str], Coroutine[Any, Any, bool]]]:
    """Marks the method that asks the provider for one entity by its id: the second witness of a removal."""

    def mark(
        method: Callable[[Any, str], Coroutine[Any, Any, bool]],
    ) -> Callable[[Any, str], Coroutine[Any, Any, bool]]:
        if not inspect.iscoroutinefunction(method):
            raise TypeError(f"@witnesses({kind.__name__}): {method.__name__} is not a coroutine function")
        method.__witnesses__ = kind  # type: ignore[attr-defined]
        return method

    return mark


def changes(kind: type[Entity]) -> Callable[[F], F]:
    """Marks the method that reads a kind's rows, the last changed first: an async generator of ``Page[kind]``.

    `discover run --delta` stops it where nothing has changed since the last run, by the entities' ``updated_at``.
    """
    if "updated_at" not in kind.model_fields:
        raise TypeError(f"@changes({kind.__name__}): it has no updated_at to stop by")

    def mark(method: F) -> F:
        if not inspect.isasyncgenfunction(method):
            raise TypeError(f"@changes({kind.__name__}): {method.__name__} is not an async generator")
        method.__changes__ = kind  # type: ignore[attr-defined]
        return method

    return mark


def _collect(cls: type) -> Mapping[str, Declaration]:
    found: dict[str, Declaration] = {}
    witnesses_of: dict[type[Entity], str] = {}
    changes_of: dict[type[Entity], str] = {}
    for name, member in inspect.getmembers(cls, callable):
        if declaration := getattr(member, "__discovers__", None):
            kind = declaration.kind.__name__
            if kind in found:
                raise TypeError(f"{cls.__name__} discovers {kind} twice: {found[kind].method} and {name}")
            found[kind] = declaration
        if kind_witnessed := getattr(member, "__witnesses__", None):
            witnesses_of[kind_witnessed] = name
        if kind_changed := getattr(member, "__changes__", None):
            changes_of[kind_changed] = name
    if stray := [kind.__name__ for kind in (*witnesses_of, *changes_of) if kind.__name__ not in found]:
        raise TypeError(f"{cls.__name__} marks a method of {stray[0]}, which it does not discover")
    # Sorted by the order of the source, not of the names: departments after employees if so written.
    ordered = sorted(found.values(), key=lambda one: getattr(cls, one.method).__code__.co_firstlineno)
    return {
        one.kind.__name__: replace(one, witness=witnesses_of.get(one.kind), changes=changes_of.get(one.kind))
        for one in ordered
    }

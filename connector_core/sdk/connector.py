"""The contract: the classes and decorators of a connector, and the client that the host gives it."""

import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar as DefaultTypeVar

from connector_core.errors import ProviderError, RejectedCredentialsError
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity, Product
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.marks import is_witness, marked
from connector_core.sdk.page import Page
from connector_core.sdk.paging import Paging
from connector_core.sdk.wire import Listing, R

if TYPE_CHECKING:  # structlog brings rich along, which no connector needs.
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Params = Mapping[str, str | Sequence[str]]
"""The parameters of a query. A key with several values is sent several times."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account at the provider that the credentials lead to."""

    name: str = field(compare=False)
    """Shown to operators. It may change."""
    tenant: str | None
    """The permanent name of the company at the provider; None where the provider does not tell it.

    It is the same for all tokens of the company. Rows of another tenant are never mixed with the stored ones.
    """
    owner: str = ""
    """The owner of the token: another one may see other rows, so losses are held when it changes."""


class Api(Protocol):
    """Client of the provider's API. It does the paging, limits, retries, time-outs and authentication."""

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Page[R], None]:
        """Return the pages of a listing in order, including the one that ends it. With a JSON ``body``, send POSTs.

        ``headers`` are those that the provider wants besides the host's own; none of them may be secret.

        The first page is requested at once: call this for two listings before you read either, and they are fetched
        concurrently. Close it (``contextlib.aclosing``) if you do not read it to its end.
        """
        ...

    async def get(self, path: str, model: type[T], *, params: Params | None = None, authenticated: bool = True) -> T:
        """Return one response as a ``Wire``, or as a type made of them, such as ``list[Office]``.

        A text in an item of a list that is not valid JSON or Unicode is a lone surrogate: ``Page.single`` rejects the
        item with its ``id``, and no entity accepts it. Elsewhere such a text makes the response malformed.
        """
        ...

    async def sign_in(self) -> None:
        """Fetch a token, unless there is a valid one. This proves the credentials.

        For providers without a request that names the owner of a token. If the connector fetches no tokens, this does
        nothing.
        """
        ...

    async def exists(self, path: str, source_id: str, *, params: Params | None = None) -> bool:
        """Return True if ``path/source_id`` exists, and False only if the provider answers 404."""
        ...

    async def find(self, path: str, source_id: str, model: type[T], *, params: Params | None = None) -> T | None:
        """Return the response at ``path/source_id`` as ``get`` does, and None only if the provider answers 404."""
        ...


class Options(BaseModel):
    """Base of a connector's options in plugins.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Credentials)
Opt = DefaultTypeVar("Opt", bound=Options, default=Options)


@dataclass(frozen=True, slots=True)
class Context(Generic[C, Opt]):
    """The parts that the host gives a connector for one run or check."""

    credentials: C
    options: Opt
    api: Api
    log: "FilteringBoundLogger"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One kind of entity that a connector discovers."""

    kind: type[Entity]
    products: frozenset[Product]
    resource: str
    description: str
    permission: str
    provides: tuple[str, ...]
    method: str
    witness: str | None = None
    """The method that tells if the provider has a row: the one marked so, else the one that fetches it."""
    fetch: str | None = None
    """The method that requests one row by its id, and maps it."""
    changes: str | None = None
    """The method that reads the same rows, most recently changed first."""
    derived: bool = False
    """True if the entities are derived from the rows of another listing, so that none can be requested by its id."""
    lists_inactive: bool = False
    """True if the provider keeps listing rows that are no longer active, so that few ever vanish."""


class Connector(ABC, Generic[C, Opt]):
    """Base of a connector: a manifest, ``check``, and one ``@discovers`` method for each kind.

    An instance lives for one run, so attributes of ``self`` are never shared between runs.
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
        """Prove the connection and the token with few requests. Raises CredentialsError or ProviderError."""

    def optional(self, work: Awaitable[T], event: str) -> Coroutine[Any, Any, T | None]:
        """Await something that a kind can do without. If the provider fails, log ``event`` and return None."""
        wrapped = self._optional(work, event)
        if inspect.iscoroutine(work):
            # If the wrapper is cancelled before its first step, it never awaits the work, which must then be closed.
            weakref.finalize(wrapped, work.close).atexit = False
        return wrapped

    async def _optional(self, work: Awaitable[T], event: str) -> T | None:
        try:
            return await work
        except (ProviderError, RejectedCredentialsError) as error:
            self.log.warning(event, error=error.code)
            return None

    def rule(self, kind: type[Entity]) -> str:  # noqa: ARG002 - overridden where a kind has a rule
        """Return the rule that decides which rows are of this kind. When it changes, losses are held for approval."""
        # Without defaults: an option that a newer version adds is no new rule until it is set.
        return self.options.model_dump_json(exclude_defaults=True)


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
    lists_inactive: bool = False,
) -> Callable[[F], F]:
    """Mark the method that reads a kind: an async generator of ``Page[kind]``.

    Args:
        kind: The class of the entities.
        products: The products that it serves.
        resource: The provider's name for what is read.
        description: One sentence for the integration's page.
        permission: What to grant, and where, if the provider forbids the request.
        provides: Fields of the entity that a token with all permissions fills. A missing one is reported.
        derived: True if ``Page.derive`` makes the pages. No entity can be requested by its id then, so one is removed
            when two complete scans lack it.
        lists_inactive: True if the provider keeps listing those who have left. More than a few rows that vanish are
            then held: the token may have lost the right to see them.
    """
    fields = tuple(provides)
    if unknown := [name for name in fields if name not in kind.model_fields]:
        raise TypeError(f"@discovers({kind.__name__}) provides {unknown[0]}, which is not one of its fields")

    def mark(method: F) -> F:
        if not inspect.isasyncgenfunction(method):
            raise TypeError(f"@discovers({kind.__name__}): {method.__name__} is not an async generator")
        method.__discovers__ = Declaration(  # type: ignore[attr-defined]
            kind,
            frozenset(products),
            resource,
            description,
            permission,
            fields,
            method.__name__,
            derived=derived,
            lists_inactive=lists_inactive,
        )
        return method

    return mark


def _collect(cls: type) -> Mapping[str, Declaration]:
    found: dict[str, Declaration] = {}
    for name, member in inspect.getmembers(cls, callable):
        if declaration := getattr(member, "__discovers__", None):
            kind = declaration.kind.__name__
            if kind in found:
                raise TypeError(f"{cls.__name__} discovers {kind} twice: {found[kind].method} and {name}")
            found[kind] = declaration
    witnessed, fetched, changed = (marked(cls, mark) for mark in ("witnesses", "fetches", "changes"))
    if stray := [kind.__name__ for kind in (*witnessed, *fetched, *changed) if kind.__name__ not in found]:
        raise TypeError(f"{cls.__name__} marks a method of {stray[0]}, which it does not discover")
    also_witness = {kind: name for kind, name in fetched.items() if is_witness(cls, name)}
    # In the order of the source, not of the names.
    ordered = sorted(found.values(), key=lambda one: getattr(cls, one.method).__code__.co_firstlineno)
    return {
        one.kind.__name__: replace(
            one,
            witness=witnessed.get(one.kind) or also_witness.get(one.kind),
            fetch=fetched.get(one.kind),
            changes=changed.get(one.kind),
        )
        for one in ordered
    }

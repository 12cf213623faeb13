"""The contract: the classes and decorators of a connector, and the client that the host gives it."""

import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar as DefaultTypeVar

from connector_core.errors import ProviderError, RejectedCredentialsError
from connector_core.sdk.api import Api
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity, Product
from connector_core.sdk.manifest import Manifest
from connector_core.sdk.marks import is_witness, marked, token_lifetime

if TYPE_CHECKING:  # structlog brings rich along, which no connector needs.
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


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
    changes_since: str | None = None
    """The method that reads what has changed since a token."""
    token_lifetime: timedelta | None = None
    """The time after which the provider no longer accepts such a token; None if that is not known."""
    derived: bool = False
    """True if the entities are derived from the rows of another listing, so that none can be requested by its id."""
    lists_inactive: bool = False
    """True if the provider keeps listing rows that are no longer active, so that few ever vanish."""

    @property
    def delta(self) -> str | None:
        """The method that reads the changes only; None if there is none."""
        return self.changes_since or self.changes


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
        # Its own: a subclass of a connector may name other credentials.
        for base in vars(cls).get("__orig_bases__", ()):
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
    marks = ("witnesses", "fetches", "changes", "changes_since")
    witnessed, fetched, changed, since = (marked(cls, mark) for mark in marks)
    if stray := [kind.__name__ for kind in (*witnessed, *fetched, *changed, *since) if kind.__name__ not in found]:
        raise TypeError(f"{cls.__name__} marks a method of {stray[0]}, which it does not discover")
    if twice := [kind.__name__ for kind in changed if kind in since]:
        raise TypeError(f"{cls.__name__} reads the changes of {twice[0]} in two ways: use @changes or @changes_since")
    also_witness = {kind: name for kind, name in fetched.items() if is_witness(cls, name)}
    # In the order of the source, not of the names.
    ordered = sorted(found.values(), key=lambda one: getattr(cls, one.method).__code__.co_firstlineno)
    return {
        one.kind.__name__: replace(
            one,
            witness=witnessed.get(one.kind) or also_witness.get(one.kind),
            fetch=fetched.get(one.kind),
            changes=changed.get(one.kind),
            changes_since=since.get(one.kind),
            token_lifetime=token_lifetime(cls, since.get(one.kind)),
        )
        for one in ordered
    }

"""The decorators beside ``@discovers``: requests for one row by its id, and listings by change."""

import inspect
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=Entity)

Witness = Callable[[Any, str], Coroutine[Any, Any, bool]]
Fetch = Callable[[Any, str], Coroutine[Any, Any, Page[E] | None]]


def fetches(kind: type[E], *, is_witness: bool = True) -> Callable[[Fetch[E]], Fetch[E]]:
    """Mark the method that requests one row by its id, and maps it as the reading does: a page of it, or None.

    None means that the provider denies the row, as ``api.find`` returns for a 404. So the method is the second witness
    of a removal, too, unless another one is marked with ``@witnesses``, which may cost fewer requests.

    Example::

        @fetches(Employee)
        async def employee(self, source_id: str) -> Page[Employee] | None:
            person = await self.api.find("/people", source_id, Person)
            return None if person is None else Page.single([person]).map(to_employee)

    Args:
        kind: The class of the entities.
        is_witness: False if the provider answers the same for a row that does not exist and for one that the token may
            not see: then None is no proof that the row is gone.
    """

    def mark(method: Fetch[E]) -> Fetch[E]:
        _check("fetches", kind, method)
        method.__fetches__ = kind  # type: ignore[attr-defined]
        method.__fetch_is_witness__ = is_witness  # type: ignore[attr-defined]
        return method

    return mark


def witnesses(kind: type[Entity]) -> Callable[[Witness], Witness]:
    """Mark the method that looks up one entity by its id at the provider: the second witness of a removal.

    Example::

        @witnesses(Employee)
        async def has_person(self, source_id: str) -> bool:
            return await self.api.exists("/people", source_id)
    """

    def mark(method: Witness) -> Witness:
        _check("witnesses", kind, method)
        method.__witnesses__ = kind  # type: ignore[attr-defined]
        return method

    return mark


def changes(kind: type[Entity]) -> Callable[[F], F]:
    """Mark the method that reads a kind's rows, most recently changed first: an async generator of ``Page[kind]``.

    `discover run --delta` stops it at the first row that has not changed since the last run, by ``updated_at``.

    Example::

        @changes(Employee)
        async def changed_people(self) -> AsyncIterator[Page[Employee]]:
            newest_first = {"sort": "-updated"}
            async for page in self.api.pages("/people", People, paging=PageNumber(size=50), params=newest_first):
                yield page.map(to_employee)
    """
    if "updated_at" not in kind.model_fields:
        raise TypeError(f"@changes({kind.__name__}): the kind needs an updated_at")

    def mark(method: F) -> F:
        if not inspect.isasyncgenfunction(method):
            raise TypeError(f"@changes({kind.__name__}): {method.__name__} is not an async generator")
        method.__changes__ = kind  # type: ignore[attr-defined]
        return method

    return mark


def changes_since(kind: type[Entity], *, lifetime: timedelta | None = None) -> Callable[[F], F]:
    """Mark the method that reads what has changed since a token: an async generator of ``Page[kind]`` that takes it.

    Its last page has the next token (``Listing.delta_token``), and the ids of rows that were removed are in
    ``Page.removed``. The first token comes with the pages of the full reading: ``Listing.delta_token``, or
    ``page.with_delta_token(token)``. It must cover what changes while that reading lasts: a token that counts from the
    last response only would lose the changes of earlier pages. Where the provider no longer accepts the token, all rows
    are read: it answers 400 or 410, or as the paging's ``expired_by`` says.

    Example::

        @changes_since(Employee, lifetime=timedelta(days=7))
        async def changed_since(self, token: str) -> AsyncIterator[Page[Employee]]:
            async for page in self.api.pages("/people/delta", People, paging=NextUrl(), url=token):
                yield page.map(to_employee)

    Args:
        kind: The class of the entities.
        lifetime: The time after which the provider no longer accepts a token.
    """

    def mark(method: F) -> F:
        if not inspect.isasyncgenfunction(method):
            raise TypeError(f"@changes_since({kind.__name__}): {method.__name__} is not an async generator")
        method.__changes_since__ = kind  # type: ignore[attr-defined]
        method.__token_lifetime__ = lifetime  # type: ignore[attr-defined]
        return method

    return mark


def token_lifetime(cls: type, method: str | None) -> timedelta | None:
    """Return the lifetime of the tokens that a method marked with ``changes_since`` takes."""
    return getattr(getattr(cls, method), "__token_lifetime__", None) if method else None


def marked(cls: type, mark: str) -> dict[type[Entity], str]:
    """Return the names of the methods that have a mark, by kind. TypeError if a kind has two."""
    found: dict[type[Entity], str] = {}
    for name, member in inspect.getmembers(cls, callable):
        if kind := getattr(member, f"__{mark}__", None):
            if kind in found:
                raise TypeError(
                    f"{cls.__name__} marks two methods with @{mark}({kind.__name__}): {found[kind]} and {name}"
                )
            found[kind] = name
    return found


def is_witness(cls: type, method: str) -> bool:
    """Return True if a method that fetches a row is its witness, too."""
    return bool(getattr(getattr(cls, method), "__fetch_is_witness__", False))


def _check(mark: str, kind: type[Entity], method: Callable[..., Any]) -> None:
    if not inspect.iscoroutinefunction(method):
        raise TypeError(f"@{mark}({kind.__name__}): {method.__name__} is not a coroutine function")

"""Operations of the JSON API: each is declared once, and its route and its documentation are made of that."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, get_type_hints

from connector_core.errors import BusyError, ConnectorCoreError, StoreError, UnknownIntegrationError
from connector_core.settings import Role
from connector_core.web.api.shapes import Shape
from connector_core.web.errors import (
    ForeignRequestError,
    MediaTypeError,
    MissingError,
    RequestError,
    RoleError,
    SignInRefusedError,
    SignInRequiredError,
    WrongHostError,
)
from connector_core.web.failures import status_of
from connector_core.web.protection import SAFE

PREFIX = "/api/v1"

Function = Callable[..., Awaitable[Shape | None]]
F = TypeVar("F", bound=Function)
Errors = tuple[type[ConnectorCoreError], ...]

_GIVEN = ("site", "user")
_PARTS = ("path", "query", "body")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: an async function, and what it says of itself."""

    function: Function
    method: str
    path: str
    """Below the prefix."""
    role: Role
    status: int
    group: str
    declared: Errors
    parts: Mapping[str, type[Shape]]
    """The models of its path, query and body: of those that it has."""
    given: tuple[str, ...]
    """What else it is called with: the site, the user."""
    answer: type[Shape] | None

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def summary(self) -> str:
        return self._said[0].rstrip(".")

    @property
    def description(self) -> str:
        return self._said[1]

    @property
    def _said(self) -> tuple[str, str]:
        first, _, rest = (inspect.getdoc(self.function) or "").partition("\n\n")
        return " ".join(first.split()), " ".join(rest.split())

    @property
    def changes(self) -> bool:
        """True if it changes something, so that a browser must prove that a page of this host has sent it."""
        return self.method not in SAFE

    def errors(self) -> Iterator[tuple[int, str]]:
        """Yield the status and the code of every error that it is answered with."""
        found: list[type[ConnectorCoreError]] = [
            SignInRequiredError,
            WrongHostError,
            RequestError,
            BusyError,
            StoreError,
            *self.declared,
        ]
        if self.role is not Role.VIEWER:
            found.append(RoleError)
        if self.changes:
            found.append(ForeignRequestError)
        if "path" in self.parts:
            found += [MissingError, *([UnknownIntegrationError] if "name" in self.parts["path"].model_fields else [])]
        if "body" in self.parts:
            found.append(MediaTypeError)
            yield 413, "http_413"
        for one in dict.fromkeys(found):
            yield status_of(one), one.code
        yield 429, SignInRefusedError.code
        yield 500, "bug"


class Operations:
    """A group of operations, in the order in which they are declared."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._declared: list[Operation] = []

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._declared)

    def add(
        self, method: str, path: str, *, role: Role = Role.VIEWER, status: int = 200, errors: Errors = ()
    ) -> Callable[[F], F]:
        """Declare an operation.

        The function is called with those of these that it names: ``site``, ``user``, and ``path``, ``query`` and
        ``body``, each of the model that it is annotated with. It returns a model, or None for a response without a
        body. Its docstring is its documentation.
        """

        def declare(function: F) -> F:
            self._declared.append(_operation(function, method, path, role, status, self._group, errors))
            return function

        return declare


def _operation(
    function: Function, method: str, path: str, role: Role, status: int, group: str, errors: Errors
) -> Operation:
    hints = get_type_hints(function)
    answer = hints.pop("return")
    if odd := [name for name in hints if name not in {*_GIVEN, *_PARTS}]:
        raise TypeError(f"{function.__name__} takes {odd[0]}, which no request has.")
    parts = {name: hints[name] for name in _PARTS if name in hints}
    named, typed = re.findall(r"\{(\w+)\}", path), list(parts["path"].model_fields) if "path" in parts else []
    if set(named) != set(typed):
        raise TypeError(f"{function.__name__}: the path names {named}, and its model {typed}.")
    answered = None if answer is type(None) else answer
    given = tuple(name for name in _GIVEN if name in hints)
    return Operation(
        function, method, path, role, 204 if answered is None else status, group, errors, parts, given, answered
    )

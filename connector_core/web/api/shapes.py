"""Models of what requests bring and responses hold, which every group of operations shares."""

import re
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from connector_core.messages import action, message
from connector_core.reasons import Reason

T = TypeVar("T")

MOST = 500
"""Rows in one response."""


class Shape(BaseModel):
    """A model of the API. A key that it does not declare is refused."""

    # A constraint on texts, if only this one, makes pydantic refuse lone surrogates.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_min_length=0)


class Shown(Shape):
    """A model whose fields are those of an object."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, one: object) -> Self:
        return cls.model_validate(one)


def _digits(value: object) -> object:
    """Refuse what Python would read as a number, and others would not: ``1_0``, a space, a sign."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
        raise ValueError("should be a whole number")
    return value


Digits = BeforeValidator(_digits)
Limit = Annotated[int, Field(ge=1, le=MOST), Digits]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""The name of an integration, or of a connector."""
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
KindName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]{1,63}$")]
EntityName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,63}$")]
"""The name of a kind as responses have it, such as ``Employee``."""
SourceId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class OfIntegration(Shape):
    name: Annotated[Name, Field(description="The integration.")]


class OfRun(OfIntegration):
    run_id: Annotated[RunId, Field(description="The run.")]


class Page(Shape, Generic[T]):
    """A part of a long list."""

    items: list[T]
    next: Annotated[str | None, Field(description="Pass it as `after` for the rows behind these; null at the end.")]


class ReasonShape(Shape):
    code: str
    parameters: dict[str, str | int | float | list[str] | None]
    message: str
    action: str

    @classmethod
    def of(cls, reason: Reason) -> "ReasonShape":
        parameters = {name: [*one] if isinstance(one, tuple) else one for name, one in reason.parameters.items()}
        return cls(code=reason.code, parameters=parameters, message=message(reason), action=action(reason))


def _reason(one: object) -> object:
    return ReasonShape.of(one) if isinstance(one, Reason) else one


Why = Annotated[ReasonShape, BeforeValidator(_reason)]
"""A reason, in a model that is made of an object."""


class Finding(Shape):
    place: str
    problem: str


class ProblemShape(Shape):
    """An error (RFC 9457)."""

    type: str
    title: Annotated[str, Field(description="The message, for people.")]
    status: int
    code: Annotated[str, Field(description="Stable: programs decide on it.")]
    detail: Annotated[str | None, Field(description="The action to take.")] = None
    errors: Annotated[list[Finding] | None, Field(description="Each part of the request that is not valid.")] = None
    field: Annotated[str | None, Field(description="The field of the credentials that is not valid.")] = None
    suggestion: Annotated[str | None, Field(description="The value that was probably meant.")] = None


ChangeKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{1,63}:(create|remove|update):[^\x00-\x1f\x7f-\x9f]{1,255}$")
]
"""The place of a change in the list of a plan's changes."""

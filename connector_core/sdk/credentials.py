"""Credentials: one model for each connector, from which every front end makes its form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from connector_core.errors import InvalidCredentialsError
from connector_core.problems import Problem, problems
from connector_core.sdk.field_types import Obtained, Subdomain, TenantDomain


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form. ``example`` is never a secret."""

    name: str
    title: str
    help: str
    secret: bool
    required: bool
    example: str = ""
    choices: tuple[str, ...] = ()
    """The only values, where the field is a ``Literal``. The first one is the default."""
    lines: bool = False
    """True for a text of several lines, such as a key in PEM."""


class Credentials(BaseModel):
    """Base of a connector's credentials: text fields, and secrets as ``SecretStr``.

    Example::

        class AcmeCredentials(Credentials):
            domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Of your company.")
            api_key: SecretStr = Field(title="API key", description="From Settings > API.")
    """

    # hide_input_in_errors: a failing SecretStr would print the secret in str(ValidationError).
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Refuse a connector's own version of what the host calls throughout a run."""
        for name in ("secrets", "public"):
            if name in cls.model_fields or getattr(cls, name) is not getattr(Credentials, name):
                raise TypeError(f"{cls.__name__} must not define {name}, which the host calls.")

    @field_validator("*")
    @classmethod
    def _fits_a_header(cls, value: object) -> object:
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if not secret:
                raise PydanticCustomError("empty", "is empty")
            if not (secret.isascii() and secret.isprintable()) or " " in secret:
                raise PydanticCustomError(
                    "unprintable", "contains a space, a line break or a character outside ASCII: copy it again"
                )
        return value

    @classmethod
    def parse(cls, fields: Mapping[str, str | SecretStr]) -> Self:
        """Validate these fields without a request. Errors name fields, never values."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            found = list(problems(error, cls))
        raise cls._invalid(found, fields)

    @classmethod
    def validate_some(cls, fields: Mapping[str, str | SecretStr]) -> None:
        """Validate the fields of a form that is not complete yet. Raises what ``parse`` would raise about them.

        A front end calls it with each field that was filled in, and offers the ``suggestion`` of the error.
        """
        try:
            cls.model_validate(dict(fields))
        except ValidationError as error:
            found = [one for one in problems(error, cls) if one.place and one.place[0] in fields]
        else:
            return
        if found:
            raise cls._invalid(found, fields)

    @classmethod
    def _invalid(cls, found: Sequence[Problem], fields: Mapping[str, str | SecretStr]) -> InvalidCredentialsError:
        known = ", ".join(cls.model_fields)
        names = [one.place[0] if one.place else "" for one in found]
        lines = [
            f"{name}: {one.said}" if name in cls.model_fields else f"there is no field {name}; the fields are {known}"
            for name, one in zip(names, found, strict=True)
        ]
        said = cls._hidden("; ".join(lines), fields)
        secret = any(field.secret for field in cls.form() if field.name == names[0])
        suggestion = "" if secret else found[0].suggestion
        return InvalidCredentialsError(f"{said}.", field=names[0], suggestion=suggestion)

    @classmethod
    def _hidden(cls, said: str, fields: Mapping[str, str | SecretStr]) -> str:
        """Return what was said without the secrets among the fields, which a connector's own validator may quote."""
        for field in cls.form():
            value = fields.get(field.name) if field.secret else None
            secret = value.get_secret_value() if isinstance(value, SecretStr) else value
            said = said.replace(secret, "…") if secret and secret.strip() else said
        return said

    @classmethod
    def form(cls) -> tuple[FormField, ...]:
        """Return the fields of the form, in order."""
        schema = cls.model_json_schema()
        required = schema.get("required", [])
        return tuple(
            FormField(
                name=name,
                title=field.get("title", name),
                help=field.get("description", ""),
                secret=field.get("format") == "password",
                required=name in required,
                example=str(next(iter(field.get("examples", [])), "")),
                choices=tuple(field.get("enum", ())),
                lines=field.get("x-lines", False),
            )
            for name, field in schema.get("properties", {}).items()
            if name not in cls.obtained()
        )

    @classmethod
    def obtained(cls) -> frozenset[str]:
        """Return the names of the fields that the host obtains."""
        fields = cls.model_fields.items()
        return frozenset(name for name, one in fields if any(isinstance(mark, Obtained) for mark in one.metadata))

    @final
    def secrets(self) -> dict[str, SecretStr]:
        """Return the secret fields by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, SecretStr)}

    def variables(self) -> dict[str, Any]:
        """Return what ``{name}`` stands for in addresses and scopes of the manifest: the fields that are no secrets.

        Override it where an address depends on a choice: ``{**super().variables(), "graph": _GRAPHS[self.cloud]}``.
        """
        return self.public()

    @final
    def public(self) -> dict[str, Any]:
        """Return the fields that are not secret by name."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, SecretStr)}


def company_in(credentials: type[Credentials], fields: Mapping[str, str | SecretStr]) -> str:
    """Return the label of the company's address among these fields, such as ``acme``; empty if there is none."""
    for name, field in credentials.model_fields.items():
        if any(isinstance(one, (TenantDomain, Subdomain)) for one in field.metadata):
            return str(fields.get(name, "")).partition(".")[0]
    return ""

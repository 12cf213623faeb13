"""Credentials: one model for each connector, from which every front end makes its form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from connector_core.errors import InvalidCredentialsError
from connector_core.problems import Problem, problems
from connector_core.sdk.field_types import BaseUrl, Obtained, PrivateKey, Subdomain, TenantDomain
from connector_core.suggestions import nearest


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
    """Base of a connector's credentials: text fields, and secrets as ``SecretStr``."""

    # hide_input_in_errors: a failing SecretStr would print the secret in str(ValidationError).
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Refuse a connector's own version of what the host calls throughout a run."""
        for name in ("secrets", "public", "filled"):
            if name in cls.model_fields or getattr(cls, name) is not getattr(Credentials, name):
                raise TypeError(f"{cls.__name__} must not define {name}, which the host calls.")

    @field_validator("*")
    @classmethod
    def _fits_a_header(cls, value: object, field: ValidationInfo) -> object:
        if isinstance(value, SecretStr) and not cls._has(field.field_name or "", PrivateKey):
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
            return cls.model_validate(cls._filled_in(fields))
        except ValidationError as error:
            found = list(problems(error, cls))
        raise cls._invalid(found, fields)

    @classmethod
    def validate_some(cls, fields: Mapping[str, str | SecretStr]) -> None:
        """Validate the fields of a form that is not complete yet. Raises what ``parse`` would raise about them.

        A front end calls it with each field that was filled in, and offers the ``suggestion`` of the error.
        """
        try:
            cls.model_validate(cls._filled_in(fields))
        except ValidationError as error:
            found = [one for one in problems(error, cls) if one.place and one.place[0] in fields]
        else:
            return
        if found:
            raise cls._invalid(found, fields)

    @classmethod
    def _filled_in(cls, fields: Mapping[str, str | SecretStr]) -> dict[str, str | SecretStr]:
        """Return the fields without optional ones that are empty: forms send all of them."""
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: value for name, value in fields.items() if value or name not in optional}

    @classmethod
    def _invalid(cls, found: Sequence[Problem], fields: Mapping[str, str | SecretStr]) -> InvalidCredentialsError:
        known = ", ".join(cls.model_fields)
        names = [one.place[0] if one.place else "" for one in found]
        lines = [
            f"{name}: {one.said}" if name in cls.model_fields else f"there is no field {name}; the fields are {known}"
            for name, one in zip(names, found, strict=True)
        ]
        said = cls._hidden("; ".join(lines), fields)
        suggestion = next((cls._suggested(one, found[0], fields) for one in cls.form() if one.name == names[0]), "")
        return InvalidCredentialsError(f"{said}.", field=names[0], suggestion=suggestion)

    @staticmethod
    def _suggested(field: FormField, problem: Problem, fields: Mapping[str, str | SecretStr]) -> str:
        """Return the value that was probably meant. Never a secret."""
        if field.secret:
            return ""
        return nearest(str(fields.get(field.name, "")), field.choices) if field.choices else problem.suggestion

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
        fields = {name: _not_null(field) for name, field in schema.get("properties", {}).items()}
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
            for name, field in fields.items()
            if name not in cls.obtained()
        )

    @classmethod
    def obtained(cls) -> frozenset[str]:
        """Return the names of the fields that the host obtains."""
        return frozenset(name for name in cls.model_fields if cls._has(name, Obtained))

    @classmethod
    def named_hosts(cls) -> frozenset[str]:
        """Return the names of the fields in which the operator names a host."""
        return frozenset(name for name in cls.model_fields if cls._has(name, BaseUrl))

    @classmethod
    def _has(cls, name: str, mark: type) -> bool:
        """Return True if a field is of a field type, which may be optional."""
        field = cls.model_fields[name]
        return any(isinstance(one, mark) for one in (*field.metadata, *_marks(field.annotation)))

    @final
    def filled(self) -> frozenset[str]:
        """Return the names of the fields that have a value, but those that the host obtains."""
        return frozenset(name for name, value in vars(self).items() if value is not None) - self.obtained()

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
        """Return the fields that are filled in and not secret, by name."""
        values = vars(self).items()
        return {name: value for name, value in values if value is not None and not isinstance(value, SecretStr)}


def _not_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a field; of one that may be left out, that of its values."""
    values = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**values[0], **schema} if len(values) == 1 else schema


def _marks(annotation: Any) -> Iterator[Any]:
    """Yield the field types in an annotation such as ``Annotated[SecretStr, PrivateKey()] | None``."""
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from _marks(part)


def company_in(credentials: type[Credentials], fields: Mapping[str, str | SecretStr]) -> str:
    """Return the label of the company's address among these fields, such as ``acme``; empty if there is none."""
    for name, field in credentials.model_fields.items():
        if any(isinstance(one, (TenantDomain, Subdomain)) for one in field.metadata):
            return str(fields.get(name, "")).partition(".")[0]
    return ""

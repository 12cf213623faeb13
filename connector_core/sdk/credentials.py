"""Credentials: one model for each connector, from which every front end makes its form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Self, final

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from connector_core.errors import InvalidCredentialsError
from connector_core.problems import Problem, problems

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class TenantDomain:
    """Field type of a company's own domain: one lower-case label before ``suffix``, as in ``company.namely.com``.

    ``Annotated[str, TenantDomain("namely.com")]``. The error suggests a value where it can.
    """

    suffix: str

    @property
    def pattern(self) -> str:
        return rf"^{_LABEL}\.{re.escape(self.suffix)}$"

    def accepts(self, value: str) -> bool:
        return re.fullmatch(self.pattern[1:-1], value, re.ASCII) is not None

    def check(self, value: str) -> str:
        if self.accepts(value):
            return value
        if label := _company_in(value, self.suffix):
            nearly = f"{label}.{self.suffix}"
            raise _mistyped(f"type {nearly}, without https:// or anything else", nearly)
        raise _mistyped(f"type only the company's own domain, such as company.{self.suffix}")

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Subdomain:
    """Field type of the lower-case label before ``suffix`` in a company's address, without the suffix.

    ``Annotated[str, Subdomain("bamboohr.com")]``. The error suggests a value where it can.
    """

    suffix: str

    def check(self, value: str) -> str:
        if re.fullmatch(_LABEL, value, re.ASCII):
            return value
        if nearly := _company_in(value, self.suffix):
            raise _mistyped(f"type only {nearly}", nearly)
        raise _mistyped(f"type only the part before .{self.suffix}")

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{_LABEL}$"}


def _company_in(value: str, suffix: str) -> str:
    """Return the label before ``suffix`` in a company's address, or the label that was typed alone; empty if none is.

    An address may be pasted as the browser shows it: with scheme, port, path and query, in upper case.
    """
    address = re.sub(r"^([a-z][a-z0-9+.-]*:)?//", "", value.strip().lower())
    host = re.sub(r":\d+$", "", re.split(r"[/\\?#]", address, maxsplit=1)[0])
    label, dot, rest = host.removesuffix(".").partition(".")
    fits = rest == suffix if dot else host == label == address.rstrip("/")
    return label if fits and re.fullmatch(_LABEL, label, re.ASCII) else ""


def _mistyped(advice: str, suggestion: str = "") -> PydanticCustomError:
    return PydanticCustomError("mistyped", "{advice}", {"advice": advice, "suggestion": suggestion})


@dataclass(frozen=True, slots=True)
class Identifier:
    """Field type of an id that is copied from the provider: printable ASCII without spaces.

    ``Annotated[str, Identifier()]``. ``without`` lists further characters that it must not contain.
    """

    without: str = ""

    def check(self, value: str) -> str:
        if not value:
            raise PydanticCustomError("empty", "is empty")
        if not (value.isascii() and value.isprintable()) or set(value) & {" ", *self.without}:
            odd = f", one of {self.without}" if self.without else ""
            message: LiteralString = "contains a space, a line break{odd} or a character outside ASCII: copy it again"
            raise PydanticCustomError("unprintable", message, {"odd": odd})
        return value

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form. ``example`` is never a secret."""

    name: str
    title: str
    help: str
    secret: bool
    required: bool
    example: str = ""


class Credentials(BaseModel):
    """Base of a connector's credentials: text fields, and secrets as ``SecretStr``."""

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
            )
            for name, field in schema.get("properties", {}).items()
        )

    @final
    def secrets(self) -> dict[str, SecretStr]:
        """Return the secret fields by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, SecretStr)}

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

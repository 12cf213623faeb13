"""The operator's credentials: one model per connector, from which every front end's form is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString, Self

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
from connector_core.problems import problems

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class TenantDomain:
    """A field type: exactly one lower-case label before ``suffix``, as in ``company.namely.com``.

    ``Annotated[str, TenantDomain("namely.com")]``. What nearly fits is refused with the corrected value.
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
        nearly = value.strip().lower().removeprefix("https://").removesuffix("/")
        if re.fullmatch(_LABEL, nearly, re.ASCII):
            nearly = f"{nearly}.{self.suffix}"
        advice = (
            f"type {nearly}, without https:// or anything around it"
            if self.accepts(nearly)
            else f"type the company's own domain and nothing else, such as company.{self.suffix}"
        )
        raise PydanticCustomError("tenant_domain", "{advice}", {"advice": advice})

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Subdomain:
    """A field type: the one lower-case label that stands before ``suffix`` in the company's address, and only that.

    ``Annotated[str, Subdomain("bamboohr.com")]``. What nearly fits is refused with the corrected value.
    """

    suffix: str

    def check(self, value: str) -> str:
        if re.fullmatch(_LABEL, value, re.ASCII):
            return value
        nearly = value.strip().lower().removeprefix("https://").rstrip("/").removesuffix(f".{self.suffix}")
        fits = re.fullmatch(_LABEL, nearly, re.ASCII)
        advice = f"type {nearly} and nothing else" if fits else f"type only what stands before .{self.suffix}"
        raise PydanticCustomError("subdomain", "{advice}", {"advice": advice})

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{_LABEL}$"}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A field type: what a provider calls somebody, which is copied: printable ASCII, without spaces.

    ``Annotated[str, Identifier()]``. ``without`` are characters that it cannot hold.
    """

    without: str = ""

    def check(self, value: str) -> str:
        if not value:
            raise PydanticCustomError("empty", "is empty")
        if not (value.isascii() and value.isprintable()) or set(value) & {" ", *self.without}:
            odd = f", one of {self.without}" if self.without else ""
            said: LiteralString = "holds a space, a line break{odd} or a character outside ASCII: copy it again"
            raise PydanticCustomError("unprintable", said, {"odd": odd})
        return value

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form that any front end shows. ``example`` is never a secret."""

    name: str
    title: str
    help: str
    secret: bool
    required: bool
    example: str = ""


class Credentials(BaseModel):
    """The base of a connector's credentials: text fields, secrets as ``SecretStr``."""

    # hide_input_in_errors: a failing SecretStr would print the secret in str(ValidationError).
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _fits_a_header(cls, value: object) -> object:
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if not secret:
                raise PydanticCustomError("empty", "is empty")
            if not (secret.isascii() and secret.isprintable()) or " " in secret:
                raise PydanticCustomError(
                    "unprintable", "holds a space, a line break or a character outside ASCII: copy it again"
                )
        return value

    @classmethod
    def parse(cls, fields: Mapping[str, str | SecretStr]) -> Self:
        """The credentials in these fields. Touches no network; names fields in errors, never values."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            found = list(problems(error))
        names = [place[0] if place else "" for place, _ in found]
        known = ", ".join(cls.model_fields)
        lines = [
            f"{name}: {said}" if name in cls.model_fields else f"there is no field {name}; the fields are {known}"
            for name, (_, said) in zip(names, found, strict=True)
        ]
        raise InvalidCredentialsError("; ".join(lines) + ".", field=names[0])

    @classmethod
    def form(cls) -> tuple[FormField, ...]:
        """The fields in order, from the JSON schema."""
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

    def secrets(self) -> dict[str, SecretStr]:
        """The fields that are secrets, by name."""
        return {name: value for name, value in self if isinstance(value, SecretStr)}

    def public(self) -> dict[str, Any]:
        """The fields that are no secrets, by name."""
        return {name: value for name, value in self if not isinstance(value, SecretStr)}

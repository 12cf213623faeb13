"""Credentials: one model for each connector, from which every front end makes its form."""

import re
from collections.abc import Mapping
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
from connector_core.problems import problems

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
        nearly = value.strip().lower().removeprefix("https://").removesuffix("/")
        if re.fullmatch(_LABEL, nearly, re.ASCII):
            nearly = f"{nearly}.{self.suffix}"
        advice = (
            f"type {nearly}, without https:// or anything else"
            if self.accepts(nearly)
            else f"type only the company's own domain, such as company.{self.suffix}"
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
    """Field type of the lower-case label before ``suffix`` in a company's address, without the suffix.

    ``Annotated[str, Subdomain("bamboohr.com")]``. The error suggests a value where it can.
    """

    suffix: str

    def check(self, value: str) -> str:
        if re.fullmatch(_LABEL, value, re.ASCII):
            return value
        nearly = value.strip().lower().removeprefix("https://").rstrip("/").removesuffix(f".{self.suffix}")
        fits = re.fullmatch(_LABEL, nearly, re.ASCII)
        advice = f"type only {nearly}" if fits else f"type only the part before .{self.suffix}"
        raise PydanticCustomError("subdomain", "{advice}", {"advice": advice})

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{_LABEL}$"}


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
            found = list(problems(error))
        names = [place[0] if place else "" for place, _ in found]
        known = ", ".join(cls.model_fields)
        lines = [
            f"{name}: {said}" if name in cls.model_fields else f"there is no field {name}; the fields are {known}"
            for name, (_, said) in zip(names, found, strict=True)
        ]
        raise InvalidCredentialsError(f"{cls._hidden('; '.join(lines), fields)}.", field=names[0])

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

"""Types of the fields of credentials. Each refuses what cannot be right before a request, and suggests what may be."""

import re
from dataclasses import dataclass
from typing import LiteralString

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"https://{_LABEL}(\.{_LABEL})*(:\d{{1,5}})?(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*", re.ASCII)

_PEM_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\n(?P<headers>(?:[A-Za-z-]+: .*\n)*)\n*(?:[A-Za-z0-9+/=]+\n)+"
    r"-----END (?P=label)-----(?:\n|$)"
)
_WHOLE = "all of it, from the line -----BEGIN to the line -----END"


@dataclass(frozen=True, slots=True)
class TenantDomain:
    """Field type of a company's own domain: one lower-case label before ``suffix``, as in ``company.namely.com``.

    ``Annotated[str, TenantDomain("namely.com")]``. The error suggests a value where it can. ``also`` lists other
    suffixes, and ``without`` is an ending of the label that leads elsewhere, such as ``-admin``.

    Example: ``domain: Annotated[str, TenantDomain("namely.com")]``.
    """

    suffix: str
    also: tuple[str, ...] = ()
    without: str = ""

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (self.suffix, *self.also)

    @property
    def pattern(self) -> str:
        suffixes = "|".join(map(re.escape, self.suffixes))
        apart = rf"(?!.*{re.escape(self.without)}\.)" if self.without else ""
        return rf"^{apart}{_LABEL}\.{f'({suffixes})' if self.also else suffixes}$"

    def accepts(self, value: str) -> bool:
        return re.fullmatch(self.pattern[1:-1], value, re.ASCII) is not None

    def check(self, value: str) -> str:
        if self.accepts(value):
            return value
        for suffix in self.suffixes:
            nearly = f"{_company_in(value, suffix).removesuffix(self.without)}.{suffix}"
            if self.accepts(nearly):
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

    Example: ``company: Annotated[str, Subdomain("bamboohr.com")]``.
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

    Example: ``client_id: Annotated[str, Identifier()]``.
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
class BaseUrl:
    """Field type of the address of a server that the operator names: ``https://host/path``, of any host.

    ``Annotated[str, BaseUrl()]``. The manifest then says ``hosts=("{base_url}",)`` and ``base_url="{base_url}"`` where
    the field is so named. It has no user, query or fragment, and no slash at its end. The error suggests a value where
    it can.

    Example: ``base_url: Annotated[str, BaseUrl()] = Field(title="Address", examples=["https://scim.example.com/v2"])``.
    """

    def accepts(self, value: str) -> bool:
        return _ADDRESS.fullmatch(value) is not None

    def check(self, value: str) -> str:
        if self.accepts(value):
            return value
        nearly = re.sub(r"^(?:[a-z][a-z0-9+.-]*:)?/*", "https://", value.strip().partition("?")[0].partition("#")[0])
        scheme, host, path = re.fullmatch(r"(https://)([^/]*)(.*)", nearly, re.DOTALL).groups()  # type: ignore[union-attr]
        nearly = f"{scheme}{host.lower()}{path.rstrip('/')}"
        if nearly != value and "@" not in host and self.accepts(nearly):
            raise _mistyped(f"type {nearly}", nearly)
        raise _mistyped("type the address that begins with https://, without a user, a query or a slash at its end")

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Field type of a private key in PEM, of several lines: ``Annotated[SecretStr, PrivateKey()]``.

    Example: ``private_key: Annotated[SecretStr, PrivateKey()]``.
    """

    def check(self, value: SecretStr) -> SecretStr:
        key = SecretStr(_tidy_pem(value.get_secret_value()))
        blocks = _pem_blocks(key)
        if any(label == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in headers for label, headers in blocks):
            raise PydanticCustomError("encrypted", "is encrypted: give the key without its passphrase")
        if not any(label.endswith("PRIVATE KEY") for label, _ in blocks):
            raise PydanticCustomError("no_key", "is not a private key in PEM: copy {it}", {"it": _WHOLE})
        return key

    def __get_pydantic_core_schema__(
        self, source: type[SecretStr], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "x-lines": True}


@dataclass(frozen=True, slots=True)
class Pem:
    """Field type of a certificate in PEM, of several lines, which is no secret: ``Annotated[str, Pem()]``.

    Certificates of authorities may follow that of the client. Example: ``certificate: Annotated[str, Pem()]``.
    """

    def check(self, value: str) -> str:
        certificates = _tidy_pem(value)
        labels = {label for label, _ in _pem_blocks(SecretStr(certificates))}
        if any(label.endswith("PRIVATE KEY") for label in labels):
            raise PydanticCustomError("key", "holds a private key, too: give the certificate only")
        if labels != {"CERTIFICATE"}:
            raise PydanticCustomError("no_certificate", "is not a certificate in PEM: copy {it}", {"it": _WHOLE})
        return certificates

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "x-lines": True}


def _tidy_pem(text: str) -> str:
    """Return a text in PEM with plain line ends. In a key that was copied out of a JSON file, they are spelled."""
    return "\n".join(line.strip() for line in text.replace("\\n", "\n").split("\n")).strip() + "\n"


def _pem_blocks(text: SecretStr) -> list[tuple[str, str]]:
    """Return the label and the headers of each block of a text in PEM; none if it is anything else."""
    blocks = [(match["label"], match["headers"]) for match in _PEM_BLOCK.finditer(text.get_secret_value())]
    return [] if _PEM_BLOCK.sub("", text.get_secret_value()).strip() else blocks


@dataclass(frozen=True, slots=True)
class Obtained:
    """Field type of a secret that the host obtains and renews, such as a refresh token. No form asks for it.

    ``refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED``.

    Example: ``refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED``.
    """


NOT_OBTAINED = SecretStr("none-yet")
"""The value of an ``Obtained`` field until the host has obtained it. It is never sent.

Example: ``refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED``.
"""

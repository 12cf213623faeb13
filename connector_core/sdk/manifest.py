"""The declaration of a connector. Data only: reading a manifest runs no code of the connector and sends no request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from connector_core.errors import InvalidCredentialsError, PluginContractError
from connector_core.sdk.authentication import Authentication, ClientCertificate, chosen, refusal, resolved
from connector_core.sdk.credentials import Credentials

API_VERSION = "1.0"
"""Version of the public names of ``connector_core``. Its first number changes when connectors must change."""
_API_RANGE = ">=1,<2"
"""The default range of a manifest, which includes this version."""

_BaseUrl = Annotated[str, StringConstraints(pattern=r"^(https://[^/?#]+(/[^?#]*)?|\{[a-z][a-z0-9_]*\}(/[^?#]*)?)$")]

_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
HOST_PATTERN = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


class Category(StrEnum):
    """Kind of system that the provider is. Example: ``category = Category.HRIS``."""

    HRIS = "HRIS"
    SSO = "Single Sign-on & CASB"
    FINANCE = "Financial System"
    EXPENSES = "Expense Management"
    CONTRACTS = "Contract Management"


@dataclass(frozen=True)
class RateLimit:
    """Quota of at most ``requests`` under ``path`` in any ``per`` seconds. The path ``""`` is that of all.

    Example: ``limits = (RateLimit("/people", requests=50, per=60), RateLimit("", requests=5, per=1))``.
    """

    path: str
    requests: Annotated[int, Field(ge=1)]
    per: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class ConcurrencyLimit:
    """Quota of at most ``at_once`` requests under ``path`` at the same time. The path ``""`` is that of all.

    Example: ``limits = (ConcurrencyLimit("", at_once=4),)``.
    """

    path: str
    at_once: Annotated[int, Field(ge=1)]


Limit = Annotated[
    Annotated[RateLimit, Tag("RateLimit")] | Annotated[ConcurrencyLimit, Tag("ConcurrencyLimit")],
    # So that an error is about the class that was given.
    Discriminator(
        lambda given: type(given).__name__,
        custom_error_type="limit",
        custom_error_message="Input should be a RateLimit or ConcurrencyLimit",
    ),
]
ResetFormat = Literal["auto", "seconds", "epoch", "milliseconds"]
_HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]*$")]


@dataclass(frozen=True)
class RateHeaders:
    """Names of the headers in which the provider tells how much of a quota is left; empty for one that it lacks.

    ``reset`` tells when more is accepted: in ``seconds``, or as a time of the epoch in seconds or ``milliseconds``.
    With ``auto``, the size of the number tells. Where the provider throttles without a Retry-After, it is read before
    the usual ones: X-RateLimit-Reset, X-Rate-Limit-Reset and RateLimit-Reset.

    With ``remaining``, requests pause until the reset as soon as nothing remains. With ``limit``, too, an operator can
    leave a share of the quota to other tools of the company (``leave_free`` in plugins.toml).

    Example: ``RateHeaders("X-Rate-Limit-Reset", "X-Rate-Limit-Remaining", "X-Rate-Limit-Limit", format="epoch")``.
    """

    reset: _HeaderName = ""
    remaining: _HeaderName = ""
    limit: _HeaderName = ""
    format: ResetFormat = "auto"


@dataclass(frozen=True)
class Advice:
    """A message for the operator about a problem that only they can fix.

    Example: ``Advice("The token is not known.", ("it was mistyped",), "Copy it again.")``.
    """

    message: str
    causes: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def hint(self) -> str:
        """The numbered causes, then the remedy."""
        if not self.causes:
            return self.remedy
        causes = "; ".join(f"({number}) {cause}" for number, cause in enumerate(self.causes, 1))
        return f"Likely causes: {causes}. {self.remedy}".strip()


def _host(value: str) -> str:
    if not (HOST_PATTERN.fullmatch(value) or _FIELD.fullmatch(value)):
        raise ValueError("is not a host name such as api.example.com or *.example.com")
    return value


def _specifier(value: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # See Manifest.speaks.

    try:
        SpecifierSet(value)
    except InvalidSpecifier:
        raise ValueError("is not a version range such as >=1,<2") from None
    return value


class Manifest(BaseModel):
    """The declaration of one connector.

    Example::

        manifest = Manifest(
            name="acme",
            title="Acme HR",
            description="Discovers the people of an organisation.",
            category=Category.HRIS,
            authentication="API",
            hosts=("api.acme.example",),
            base_url="https://api.acme.example/v1",
            auth=Bearer("api_key"),
        )
    """

    # Its parts are validated here, so that all errors are about the manifest.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, revalidate_instances="always")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    """The name that operators type, and that of the entry point."""
    title: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    category: Category
    authentication: str
    """The word on the integration's page, such as API."""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(min_length=1)]
    """The only hosts that the connector may reach. ``*`` stands for one label. ``{field}`` stands for the host of the
    address in a field of the credentials that is a ``BaseUrl``: the operator says which host it is. Or for that of an
    address in ``Credentials.variables``: a choice says which host it is."""
    base_url: _BaseUrl
    """The start of every URL. ``{field}`` stands for a field of the credentials that is not secret."""
    addresses: Mapping[str, _BaseUrl] = {}
    """Other base URLs by name, such as an older host. An operator chooses one by ``address`` in plugins.toml."""
    auth: Authentication
    auth_alternatives: tuple[Authentication, ...] = ()
    """Other ways to sign requests. The operator chooses one by filling in its fields, and no other's."""
    client_certificate: ClientCertificate | None = None
    """The certificate that the connector shows to the provider (mutual TLS), besides what signs requests."""
    limits: tuple[Limit, ...] = ()
    throttled_by: frozenset[int] = frozenset({429})
    """The statuses for too many requests. A 5xx counts only with a Retry-After or the like."""
    rate_headers: RateHeaders = RateHeaders()
    """The headers that tell of the provider's quota."""
    reason_header: str = ""
    """The header with the provider's error message, if its bodies have none. Shown by a check, and never stored."""
    rejected: Advice = Advice("The provider rejected the credentials.", (), "Check them and connect again.")
    """The message when the provider answers 401."""
    provider_setup: tuple[str, ...] = ()
    """The operator's steps at the provider."""
    token_lifetime: timedelta | None = None
    simulator: str | None = None
    """The module with the connector's simulator."""
    exemptions: Mapping[str, Annotated[str, Field(min_length=10)]] = {}
    """Rules of the kit that the connector breaks, each with the reason. An exemption from a kept rule is stale."""
    api: Annotated[str, AfterValidator(_specifier)] = _API_RANGE
    """The API versions that the connector works with."""

    @property
    def ways(self) -> tuple[Authentication, ...]:
        """The ways to sign requests."""
        return (self.auth, *self.auth_alternatives)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces: in addresses and hosts, and in what the ways to sign requests say."""
        found: list[str] = [*self.hosts, self.base_url, *self.addresses.values()]

        def note(text: str) -> str:
            found.append(text)
            return text

        for way in self.ways:
            resolved(way, note)
        return frozenset(name for text in found for name in _FIELD.findall(text))

    def speaks(self) -> bool:
        """Return True if the connector works with this API version."""
        if self.api == _API_RANGE:
            return True
        # Imported late, for the few other ranges: the import takes longer than that of this whole layer.
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(self.api).contains(API_VERSION)

    def at(self, address: str) -> "Manifest":
        """Return the manifest with the base URL of this name, or as it is if the name is empty."""
        return self.model_copy(update={"base_url": self.addresses[address]}) if address else self

    def way_of(self, credentials: Credentials) -> Authentication:
        """Return the way to sign requests whose fields are filled in. Raises InvalidCredentialsError."""
        if not self.auth_alternatives:
            return self.auth
        if way := chosen(self.ways, credentials.filled()):
            return way
        said, fields = refusal(self.ways, credentials.filled())
        raise InvalidCredentialsError(said, field=fields[0])

    def shows_certificate(self, credentials: Credentials) -> bool:
        """Return True if these credentials hold a certificate for mutual TLS. Raises InvalidCredentialsError."""
        fields = self.client_certificate.fields if self.client_certificate else ()
        missing = [name for name in fields if name not in credentials.filled()]
        if missing and len(missing) < len(fields):
            raise InvalidCredentialsError(f"Fill in {' and '.join(fields)}, or neither.", field=missing[0])
        return bool(fields) and not missing

    def reached_with(self, credentials: Credentials) -> "Manifest":
        """Return the manifest as it is for these credentials: with one way to sign requests, and no ``{field}``.

        Raises InvalidCredentialsError unless the fields of exactly one way are filled in.
        """
        way = resolved(self.way_of(credentials), self._filler(credentials))
        return self.located_by(credentials).model_copy(update={"auth": way, "auth_alternatives": ()})

    def located_by(self, credentials: Credentials) -> "Manifest":
        """Return the manifest with the hosts and the base URL for these credentials, whose secrets may be missing."""
        fill = self._filler(credentials)
        # The operator names no host in a field that belongs to another way to sign requests.
        named = [one for one in self.hosts if getattr(credentials, one.strip("{}"), "") is not None]
        hosts = tuple(_host_in(fill(one)) if _FIELD.fullmatch(one) else one for one in named)
        return self.model_copy(update={"hosts": hosts, "base_url": fill(self.base_url)})

    def _filler(self, credentials: Credentials) -> Callable[[str], str]:
        variables = credentials.variables()
        return lambda text: _FIELD.sub(lambda found: str(self._variable(found[1], variables, credentials)), text)

    def _variable(self, name: str, variables: Mapping[str, Any], credentials: Credentials) -> Any:
        if name in variables:
            return variables[name]
        if name in type(credentials).model_fields:
            raise InvalidCredentialsError(f"Fill in {name}: an address of {self.title} depends on it.", field=name)
        raise PluginContractError(
            f"The manifest of {self.name} names {{{name}}}, which is neither a field of its credentials nor a variable."
        )

    def allows(self, host: str, port: int | None = 443) -> bool:
        """Return True if the connector may reach this host at this port: the usual one, unless the operator says so."""
        place = host if port in {None, 443} else f"{host}:{port}"
        return any(_matches(pattern, place) for pattern in self.hosts)


def _host_in(address: str) -> str:
    """Return the host of an address, with its port if that is not the usual one."""
    return urlsplit(address).netloc.removesuffix(":443")


def _matches(pattern: str, host: str) -> bool:
    if not pattern.startswith("*."):
        return host == pattern
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:]

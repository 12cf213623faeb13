"""What a connector says of itself. Data only: reading a manifest runs nothing and touches no network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

API_VERSION = "1.0"
"""The version of the author's door. Its first number changes when a connector must."""
_API_RANGE = ">=1,<2"
"""What nearly all connectors work with, this version included."""

HOST_PATTERN = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


class Category(StrEnum):
    """What sort of system the provider is, in the operator's words."""

    HRIS = "HRIS"
    SSO = "Single Sign-on & CASB"
    FINANCE = "Financial System"
    EXPENSES = "Expense Management"
    CONTRACTS = "Contract Management"


@dataclass(frozen=True)
class RateLimit:
    """At most ``requests`` under ``path`` in any ``per`` seconds."""

    path: str
    requests: Annotated[int, Field(ge=1)]
    per: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Bearer:
    """``Authorization: Bearer`` with the secret in the credentials field of this name."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True)
class Header:
    """The secret in the credentials field of this name, in a header of the provider's own."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True)
class Basic:
    """``Authorization: Basic`` with a user and a password, each in the credentials field of this name.

    Without ``password`` the user is an API key, and any password will do.
    """

    user: str
    password: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.user, self.password) if self.password else (self.user,)


@dataclass(frozen=True)
class ClientCredentials:
    """A bearer token that is asked for at ``path``, expires, and is renewed: OAuth 2, or what comes close to it.

    ``token`` and ``lifetime`` (seconds) are dotted keys of the answer.
    """

    path: str
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105 - the names of the fields
    encoding: Literal["form", "json"] = "form"
    token: str = "access_token"  # noqa: S105 - the key under which it comes
    lifetime: str = "expires_in"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.client_id, self.client_secret)


Authentication = Annotated[
    Annotated[Bearer, Tag("Bearer")]
    | Annotated[Header, Tag("Header")]
    | Annotated[Basic, Tag("Basic")]
    | Annotated[ClientCredentials, Tag("ClientCredentials")],
    # So that what is wrong is said of the one that was meant.
    Discriminator(
        lambda given: type(given).__name__,
        custom_error_type="authentication",
        custom_error_message="Input should be a Bearer, Header, Basic or ClientCredentials",
    ),
]
"""How requests say whose they are. ``fields`` are the credentials fields that it takes."""


@dataclass(frozen=True)
class Advice:
    """What the operator is told when something only they can mend goes wrong."""

    message: str
    causes: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def hint(self) -> str:
        """The causes, numbered, then what to do."""
        if not self.causes:
            return self.remedy
        causes = "; ".join(f"({number}) {cause}" for number, cause in enumerate(self.causes, 1))
        return f"Likely causes: {causes}. {self.remedy}".strip()


def _host(value: str) -> str:
    if not HOST_PATTERN.fullmatch(value):
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
    """The declaration of one connector."""

    # What the parts of it hold is validated here, so that all that is wrong is said of the manifest.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, revalidate_instances="always")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    """As operators type it, and as the entry point is named."""
    title: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    category: Category
    authentication: str
    """The word for it on the integration's page: API."""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(min_length=1)]
    """The only hosts that the connector may reach; ``*`` stands for one label."""
    base_url: Annotated[str, StringConstraints(pattern=r"^https://[^/?#]+(/[^?#]*)?$")]
    """Where paths start; ``{field}`` stands for a credentials field that is no secret."""
    auth: Authentication
    limits: tuple[RateLimit, ...] = ()
    throttled_by: frozenset[int] = frozenset({429})
    """The statuses that mean «too many requests»; one of the 5xx only with a word of when to ask again."""
    reason_header: str = ""
    """The header in which the provider says what is wrong, where its bodies do not."""
    rejected: Advice = Advice("The provider rejected the credentials.", (), "Check them and connect again.")
    """Said when the provider answers 401."""
    provider_setup: tuple[str, ...] = ()
    """The operator's steps at the provider."""
    token_lifetime: timedelta | None = None
    simulator: str | None = None
    """The module with the connector's simulator."""
    exemptions: Mapping[str, Annotated[str, Field(min_length=10)]] = {}
    """Rules of the kit that the connector does not keep, each with the reason. One that is kept after all is stale."""
    api: Annotated[str, AfterValidator(_specifier)] = _API_RANGE
    """The versions of the author's door that the connector works with."""

    def speaks(self) -> bool:
        """Whether the connector works with this version of the author's door."""
        if self.api == _API_RANGE:
            return True
        # Imported for the few that say something else: it takes longer than all of this room.
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(self.api).contains(API_VERSION)

    def allows(self, host: str) -> bool:
        """Whether the connector may reach this host."""
        return any(_matches(pattern, host) for pattern in self.hosts)


def _matches(pattern: str, host: str) -> bool:
    if not pattern.startswith("*."):
        return host == pattern
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:]

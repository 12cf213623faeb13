"""Ways to authenticate at a provider, as a manifest declares them. Each names the fields of the credentials it uses."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Discriminator, StringConstraints, Tag


@dataclass(frozen=True)
class Bearer:
    """``Authorization: Bearer`` with the secret in this field of the credentials.

    Example: ``auth = Bearer("api_key")``.
    """

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True)
class Header:
    """A header of the provider's own with the secret in this field of the credentials, behind a ``prefix``.

    ``Header("Authorization", "api_token", prefix="SSWS ")``. Example: ``auth = Header("X-Api-Key", "api_key")``.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
    field: str
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]*$")] = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True)
class Basic:
    """``Authorization: Basic`` with the user and the password in these fields of the credentials.

    Without ``password`` the user is an API key, sent with an arbitrary password.

    Example: ``auth = Basic("user", "password")``.
    """

    user: str
    password: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.user, self.password) if self.password else (self.user,)


@dataclass(frozen=True)
class ClientSecret:
    """Proof of a client's identity: the secret in this field of the credentials, in the body or in a Basic header.

    Example: ``client = ClientSecret("client_secret", sent_in="basic")``.
    """

    field: str = "client_secret"
    sent_in: Literal["body", "basic"] = "body"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


@dataclass(frozen=True)
class PrivateKeyJwt:
    """Proof of a client's identity: an assertion signed with the private key in this field (RFC 7523).

    ``key_id`` is the field with the key's id, which providers with several keys want. The ``audience`` is the token's
    address unless it is given. Example: ``client = PrivateKeyJwt("private_key", key_id="key_id", algorithm="ES256")``.
    """

    field: str = "private_key"
    key_id: str = ""
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"] = "RS256"
    audience: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.key_id) if self.key_id else (self.field,)


@dataclass(frozen=True)
class ClientCredentials:
    """A bearer token that is fetched from ``token_url`` and renewed when it expires: OAuth 2, or close to it.

    ``token_url`` is a path below the base URL, or a whole address on a host of the manifest; ``{field}`` stands for a
    field of the credentials. So it does in ``scope``. ``token`` and ``lifetime`` (seconds) are dotted keys of the
    response. ``encoding="json"`` sends id and secret as JSON, without a grant type.

    Example: ``auth = ClientCredentials("https://login.acme.example/token", scope="people.read")``.
    """

    token_url: str
    client_id: str = "client_id"
    client: ClientSecret | PrivateKeyJwt = ClientSecret()
    scope: str = ""
    audience: str = ""
    encoding: Literal["form", "json"] = "form"
    token: str = "access_token"  # noqa: S105 - the key of the token
    lifetime: str = "expires_in"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.client_id, *self.client.fields)


@dataclass(frozen=True)
class AuthorizationCode:
    """A bearer token for a user who signs in at ``authorize_url`` once (OAuth 2 with PKCE), renewed by a refresh token.

    ``discover connect`` opens that address, and takes the code. The refresh token is kept in the field
    ``refresh_token`` of the credentials, which is ``Obtained``; a new one that the provider sends replaces the old.
    Without ``client`` the client is public. The addresses, ``scope`` and the other keys are as for
    ``ClientCredentials``.

    Example: ``auth = AuthorizationCode("https://login.acme.example/authorize", "/oauth/token", scope="people")``.
    """

    authorize_url: str
    token_url: str
    client_id: str = "client_id"
    client: ClientSecret | PrivateKeyJwt | None = None
    scope: str = ""
    audience: str = ""
    refresh_token: str = "refresh_token"  # noqa: S105 - the name of the field
    token: str = "access_token"  # noqa: S105 - the key of the token
    lifetime: str = "expires_in"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.client_id, *(self.client.fields if self.client else ()), self.refresh_token)


Authentication = Annotated[
    Annotated[Bearer, Tag("Bearer")]
    | Annotated[Header, Tag("Header")]
    | Annotated[Basic, Tag("Basic")]
    | Annotated[ClientCredentials, Tag("ClientCredentials")]
    | Annotated[AuthorizationCode, Tag("AuthorizationCode")],
    # So that an error is about the class that was given.
    Discriminator(
        lambda given: type(given).__name__,
        custom_error_type="authentication",
        custom_error_message="Input should be a Bearer, Header, Basic, ClientCredentials or AuthorizationCode",
    ),
]
"""Authentication of requests. ``fields`` names the fields of the credentials that it uses."""


def resolved(way: Authentication, fill: Callable[[str], str]) -> Authentication:
    """Return a way whose addresses and scopes ``fill`` has filled in."""
    if not isinstance(way, ClientCredentials | AuthorizationCode):
        return way
    if isinstance(way.client, PrivateKeyJwt):
        way = replace(way, client=replace(way.client, audience=fill(way.client.audience)))
    if isinstance(way, AuthorizationCode):
        way = replace(way, authorize_url=fill(way.authorize_url))
    return replace(way, token_url=fill(way.token_url), scope=fill(way.scope), audience=fill(way.audience))


def typed_fields(way: Authentication) -> tuple[str, ...]:
    """Return the fields of a way that an operator fills in."""
    obtained = way.refresh_token if isinstance(way, AuthorizationCode) else None
    return tuple(name for name in way.fields if name != obtained)


def possible(
    ways: Iterable[Authentication], given: Collection[str], left_out: Collection[str] = ()
) -> list[Authentication]:
    """Return the ways that are still possible when these fields are filled in, and those are left out."""
    by_fields = [(way, set(typed_fields(way))) for way in ways]
    used = {name for _, fields in by_fields for name in fields if name in given}
    return [way for way, fields in by_fields if used <= fields and fields.isdisjoint(left_out)]


def chosen(ways: Iterable[Authentication], given: Collection[str]) -> Authentication | None:
    """Return the way whose fields are filled in, all of them and no other's; None if there is none."""
    return next((way for way in possible(ways, given) if set(typed_fields(way)) <= set(given)), None)


def refusal(
    ways: Sequence[Authentication], given: Collection[str], titles: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, tuple[str, ...]]:
    """Return why the fields that are filled in are not those of one way, and the fields to look at."""
    best = max(ways, key=lambda way: len(set(typed_fields(way)) & set(given)) / len(typed_fields(way)))
    kept = [name for name in typed_fields(best) if name in given]
    extra = tuple(dict.fromkeys(one for way in ways for one in typed_fields(way) if one in given and one not in kept))
    missing = tuple(name for name in typed_fields(best) if name not in given)
    fill_in = f"Fill in {in_words(ways, titles)}."
    if extra:
        beside = _listed(_titled(kept, titles))
        return f"{_listed(_titled(extra, titles))} cannot be used beside {beside}. {fill_in}", (*extra, *kept)
    if kept:
        return f"Missing: {_listed(_titled(missing, titles))}. {fill_in}", missing
    return fill_in, missing[:1]


def _titled(names: Iterable[str], titles: Mapping[str, str]) -> list[str]:
    return [titles.get(name, name) for name in names]


def in_words(ways: Iterable[Authentication], titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the fields of each way as a sentence names them: ``api_token, or client_id and private_key``."""
    return ", or ".join(_listed(_titled(typed_fields(way), titles)) for way in ways)


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


@dataclass(frozen=True)
class ClientCertificate:
    """Mutual TLS: the fields of the credentials with the client's certificate and its private key, both in PEM.

    Example: ``client_certificate = ClientCertificate(certificate="certificate", private_key="private_key")``.
    """

    certificate: str = "certificate"
    private_key: str = "private_key"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.certificate, self.private_key)

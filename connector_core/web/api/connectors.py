"""Connectors: what is installed, what each discovers, and what its form asks for."""

from typing import Annotated

from pydantic import Field, SecretStr

from connector_core.errors import InvalidCredentialsError, PluginRefusedError
from connector_core.operator_pages import hosts_in_words
from connector_core.plugins import Entry, Standing
from connector_core.sdk.authentication import typed_fields
from connector_core.sdk.connector import AnyConnector, Declaration
from connector_core.sdk.credentials import FormField
from connector_core.sdk.entities import Product
from connector_core.settings import Role, limits_of
from connector_core.web.api.fields import Fields, plain_fields
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import Name, Shape
from connector_core.web.errors import MissingError
from connector_core.web.site import Site

operations = Operations("Connectors")


class OfConnector(Shape):
    connector: Name


class Capability(Shape):
    entity: str
    kind: str
    products: list[Product]
    resource: str
    description: str
    permission: str

    @classmethod
    def of(cls, one: Declaration) -> "Capability":
        return cls(
            entity=one.kind.__name__,
            kind=one.kind.plural,
            products=sorted(one.products),
            resource=one.resource,
            description=one.description,
            permission=one.permission,
        )


class FieldShape(Shape):
    name: str
    title: str
    help: str
    secret: bool
    required: bool
    example: str
    choices: list[str]
    lines: bool

    @classmethod
    def of(cls, one: FormField) -> "FieldShape":
        return cls(
            name=one.name,
            title=one.title,
            help=one.help,
            secret=one.secret,
            required=one.required,
            example=one.example,
            choices=list(one.choices),
            lines=one.lines,
        )


class Quota(Shape):
    path: str
    requests: int
    seconds: float


class ConnectorShape(Shape):
    """A plugin that was found, ready or not."""

    name: str
    standing: Standing
    reason: str
    distribution: str
    version: str
    title: str | None
    category: str | None
    authentication: str | None
    capabilities: list[Capability]

    @classmethod
    def of(cls, entry: Entry) -> "ConnectorShape":
        manifest = entry.connector.manifest if entry.connector else None
        declared = entry.connector.declarations.values() if entry.connector else ()
        return cls(
            name=entry.name,
            standing=entry.standing,
            reason=entry.reason,
            distribution=entry.distribution,
            version=entry.version,
            title=manifest.title if manifest else None,
            category=manifest.category if manifest else None,
            authentication=manifest.authentication if manifest else None,
            capabilities=[Capability.of(one) for one in declared],
        )


class Connectors(Shape):
    items: list[ConnectorShape]


class ConnectorDetails(Shape):
    """A connector that is ready, with its form."""

    connector: ConnectorShape
    description: str
    hosts: list[str]
    fields: list[FieldShape]
    ways: Annotated[
        list[list[str]], Field(description="The fields of each way to authenticate: exactly one way is filled in.")
    ]
    provider_setup: list[str]
    limits: list[Quota]


class Validation(Shape):
    valid: bool
    message: str
    field: str
    suggestion: str


@operations.add("GET", "/connectors")
async def list_connectors(site: Site) -> Connectors:
    """List every plugin that was found.

    Those that are not ready come with the reason.
    """
    return Connectors(items=[ConnectorShape.of(entry) for entry in site.host.registry.entries])


@operations.add("GET", "/connectors/{connector}")
async def get_connector(site: Site, path: OfConnector) -> ConnectorDetails:
    """Return a connector that is ready, with the fields of its form."""
    connector = ready(site, path.connector)
    entry, manifest = site.host.registry.entry(path.connector), connector.manifest
    return ConnectorDetails(
        connector=ConnectorShape.of(entry),
        description=manifest.description,
        hosts=list(hosts_in_words(connector)),
        fields=[FieldShape.of(one) for one in connector.credentials_type.form()],
        ways=[list(typed_fields(way)) for way in manifest.ways],
        provider_setup=list(manifest.provider_setup),
        limits=[
            Quota(path=one.path, requests=one.requests, seconds=one.per) for one in limits_of(manifest, entry.settings)
        ],
    )


@operations.add("POST", "/connectors/{connector}/validate", role=Role.ADMINISTRATOR)
async def validate_fields(site: Site, path: OfConnector, body: Fields) -> Validation:
    """Validate some fields of a connector's form.

    Nothing is sent anywhere. Fields that are missing are no problem; a suggestion is the value that was probably meant.
    """
    connector = ready(site, path.connector)
    fields: dict[str, str | SecretStr] = plain_fields(connector, body.fields)
    try:
        connector.credentials_type.validate_some(fields)
    except InvalidCredentialsError as error:
        return Validation(valid=False, message=error.message, field=error.field, suggestion=error.suggestion)
    return Validation(valid=True, message="", field="", suggestion="")


def ready(site: Site, name: str) -> type[AnyConnector]:
    """Return the connector that a path names. MissingError says why there is none."""
    try:
        return site.host.registry.connector(name)
    except PluginRefusedError as error:
        raise MissingError(error.message, hint=error.hint) from None

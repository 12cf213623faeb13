"""Integrations: connect, look, check, reconnect, remove."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from connector_core.errors import BusyError, CredentialsError, PluginError, ProviderError, SettingsError
from connector_core.outcomes import CheckReport, Probe
from connector_core.settings import Role
from connector_core.store import Integration
from connector_core.web.api.fields import Fields, Values, plain_fields
from connector_core.web.api.operations import Operations
from connector_core.web.api.runs import RunShape
from connector_core.web.api.shapes import Name, OfIntegration, Shape
from connector_core.web.errors import ConflictError
from connector_core.web.site import Site

operations = Operations("Integrations")

_CONNECTING = (CredentialsError, PluginError, ProviderError, SettingsError)


class AccountShape(Shape):
    name: str
    tenant: str | None


class HeldShape(Shape):
    run_id: str
    changes: int


class IntegrationShape(Shape):
    name: str
    connector: str
    account: AccountShape
    fields: dict[str, str]
    """Those that are not secret."""
    created_at: datetime
    credentials_at: datetime


class Integrations(Shape):
    items: list[IntegrationShape]


class IntegrationDetails(Shape):
    integration: IntegrationShape
    running: bool
    stored: Annotated[dict[str, int], Field(description="The stored entities by kind.")]
    held: HeldShape | None
    last_run: RunShape | None


class ProbeShape(Shape):
    """The permission to read one kind."""

    entity: str
    may_be_read: bool
    problem: str
    remedy: str
    unread: list[str]
    announced: int | None

    @classmethod
    def of(cls, probe: Probe) -> "ProbeShape":
        return cls(
            entity=probe.declaration.kind.__name__,
            may_be_read=probe.ok,
            problem=probe.problem,
            remedy=probe.remedy,
            unread=list(probe.unread),
            announced=probe.announced,
        )


class CheckShape(Shape):
    """The result of a check, and the cost of a full scan."""

    account: AccountShape
    kinds: list[ProbeShape]
    requests: int
    seconds: float

    @classmethod
    def of(cls, report: CheckReport) -> "CheckShape":
        return cls(
            account=AccountShape(name=report.account.name, tenant=report.account.tenant),
            kinds=[ProbeShape.of(one) for one in report.probes],
            requests=report.forecast.requests,
            seconds=report.forecast.seconds,
        )


class NewIntegration(Shape):
    name: Name
    connector: Name
    fields: Values


class NewCredentials(Fields):
    change_tenant: Annotated[bool, Field(description="Allow credentials of another company.")] = False


@operations.add("GET", "/integrations")
async def list_integrations(site: Site) -> Integrations:
    """List the integrations."""
    return Integrations(items=[_shape(one) for one in await site.host.integrations()])


@operations.add("GET", "/integrations/{name}")
async def get_integration(site: Site, path: OfIntegration) -> IntegrationDetails:
    """Return an integration, with what is stored of it and its last run."""
    host = site.host
    integration = await host.store.integrations.get(path.name)
    held, last = await host.held(path.name), await host.history(path.name, 1)
    is_running = await host.is_running(path.name)
    return IntegrationDetails(
        integration=_shape(integration),
        running=is_running,
        stored=await host.count_entities(path.name),
        held=HeldShape(run_id=held.run_id, changes=held.changes) if held else None,
        last_run=RunShape.of(last[0], held, is_running=is_running) if last else None,
    )


@operations.add("POST", "/integrations", role=Role.ADMINISTRATOR, status=201, errors=(*_CONNECTING, ConflictError))
async def connect(site: Site, body: NewIntegration) -> CheckShape:
    """Add an integration.

    The credentials are checked at the provider first; if it refuses them, or no kind may be read, nothing is saved.
    """
    if any(one.name == body.name for one in await site.host.integrations()):
        raise ConflictError(f"The integration {body.name} exists already.", hint="Replace its credentials instead.")
    connector = site.host.registry.connector(body.connector)
    return CheckShape.of(await site.host.connect(body.connector, body.name, plain_fields(connector, body.fields)))


@operations.add("PUT", "/integrations/{name}/credentials", role=Role.ADMINISTRATOR, errors=_CONNECTING)
async def replace_credentials(site: Site, path: OfIntegration, body: NewCredentials) -> CheckShape:
    """Replace the credentials of an integration.

    They are checked first. Name, data and schedule stay. Credentials of another company are refused, unless
    `change_tenant` is true.
    """
    integration = await site.host.store.integrations.get(path.name)
    fields = plain_fields(site.host.registry.connector(integration.connector), body.fields)
    report = await site.host.connect(integration.connector, path.name, fields, change_tenant=body.change_tenant)
    return CheckShape.of(report)


@operations.add("POST", "/integrations/{name}/check", role=Role.APPROVER, errors=_CONNECTING)
async def check(site: Site, path: OfIntegration) -> CheckShape:
    """Check the connection, and the permission to read each kind."""
    return CheckShape.of(await site.host.check(path.name))


@operations.add("DELETE", "/integrations/{name}", role=Role.ADMINISTRATOR, errors=(BusyError,))
async def remove(site: Site, path: OfIntegration) -> None:
    """Remove an integration, its secrets, its data and its history."""
    await site.host.remove(path.name)


def _shape(one: Integration) -> IntegrationShape:
    return IntegrationShape(
        name=one.name,
        connector=one.connector,
        account=AccountShape(name=one.account.name, tenant=one.account.tenant),
        fields={name: str(value) for name, value in one.fields.items()},
        created_at=one.created_at,
        credentials_at=one.credentials_at,
    )

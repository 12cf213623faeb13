"""A request for one row, made in a user's name: the audit log tells of it, and not whose row it was."""

from connector_core.audit import Action
from connector_core.explanations import Preview
from connector_core.host import Host
from connector_core.sdk.entities import Entity


async def preview_row(host: Host, name: str, kind: type[Entity], source_id: str) -> Preview:
    """Ask the provider for one row, as `Host.preview` does; the request is in the audit log, the row is not."""
    await host.audit.note(Action.PREVIEWED, name, kind=kind.__name__)
    return await host.preview(name, kind, source_id)

"""SCIM 2.0, the standard of directories: users, and the departments that they name, or the groups that they are in."""

from connector_core import hookimpl
from connectors.scim.connector import Scim


@hookimpl
def discovery_connectors() -> list[type[Scim]]:
    return [Scim]

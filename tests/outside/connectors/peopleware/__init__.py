"""The connector for Peopleware: employees and departments."""

from connector_core import hookimpl
from connectors.peopleware.connector import Peopleware


@hookimpl
def discovery_connectors() -> list[type[Peopleware]]:
    return [Peopleware]

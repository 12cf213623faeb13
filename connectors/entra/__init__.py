"""Microsoft Entra ID, a directory: people from Microsoft Graph, and the departments that they name."""

from connector_core import hookimpl
from connectors.entra.connector import Entra


@hookimpl
def discovery_connectors() -> list[type[Entra]]:
    return [Entra]

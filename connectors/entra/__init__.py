"""Microsoft Entra ID, a directory: people from Microsoft Graph, and the departments that they name."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.entra.connector import Entra


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [Entra]

"""The connector for Peopleware: employees and departments."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.peopleware.connector import Peopleware


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [Peopleware]

"""BambooHR, an HRIS: employees from a custom report, departments from the list of that name."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.bamboohr.connector import BambooHR


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [BambooHR]

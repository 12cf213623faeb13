"""HiBob, an HRIS: employees from a people search, departments from the list of that name."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.hibob.connector import HiBob


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [HiBob]

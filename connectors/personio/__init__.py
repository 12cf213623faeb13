"""Personio, an HRIS: employees from its v1 API, and the departments that they name."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.personio.connector import Personio


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [Personio]

"""Namely, an HRIS: employees from Profiles, departments from Groups."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.namely.connector import Namely


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [Namely]

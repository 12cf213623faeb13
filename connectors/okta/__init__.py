"""Okta, an identity provider: employees from users, departments from the names that users have."""

from collections.abc import Iterable
from typing import Any

from connector_core import Connector, hookimpl
from connectors.okta.connector import Okta


@hookimpl
def discovery_connectors() -> Iterable[type[Connector[Any, Any]]]:
    return [Okta]

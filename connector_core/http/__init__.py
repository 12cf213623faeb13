"""The HTTP client behind Api: the only package that opens sockets to providers."""

from connector_core.http.api import HttpApi
from connector_core.http.session import open_session, tls_context

__all__ = ["HttpApi", "open_session", "tls_context"]

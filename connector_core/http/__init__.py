"""The HTTP client behind Api: the only package that opens sockets to providers."""

from connector_core.http.api import HttpApi
from connector_core.http.session import Resolver, open_session
from connector_core.http.trust import tls_context

__all__ = ["HttpApi", "Resolver", "open_session", "tls_context"]

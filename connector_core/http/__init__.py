"""The polite client behind Api: the only room that opens a socket."""

from connector_core.http.api import HttpApi
from connector_core.http.session import open_session, tls_context

__all__ = ["HttpApi", "open_session", "tls_context"]

"""The HTTP client behind Api: the only package that opens sockets to providers."""

from connector_core.http.api import HttpApi
from connector_core.http.auth import check_key
from connector_core.http.client_certificates import check_certificate, showing
from connector_core.http.session import Resolver, open_session
from connector_core.http.trust import tls_context

__all__ = ["HttpApi", "Resolver", "check_certificate", "check_key", "open_session", "showing", "tls_context"]

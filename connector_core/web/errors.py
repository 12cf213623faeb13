"""Errors of requests to the web host: the user's, the browser's or the program's.

All are documented with their status, as those of ``connector_core.errors`` are with their exit code.
"""

from collections.abc import Sequence

from connector_core.errors import ConnectorCoreError


class SignInRequiredError(ConnectorCoreError):
    """The request names no user."""

    code = "sign_in_required"


class SignInRefusedError(ConnectorCoreError):
    """The token was wrong, or too many were, which has status 429."""

    code = "sign_in_refused"

    def __init__(self, message: str, *, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds; 0 allows the next try now."""


class RoleError(ConnectorCoreError):
    """The user's role does not allow the request."""

    code = "role"


class WrongHostError(ConnectorCoreError):
    """The request is for another host name, or did not come through the declared proxy."""

    code = "wrong_host"


class ForeignRequestError(ConnectorCoreError):
    """Another site may have sent the request."""

    code = "foreign_request"


class MissingError(ConnectorCoreError):
    """The page, run, plan or row does not exist."""

    code = "not_found"


class ConflictError(ConnectorCoreError):
    """What the request would add exists already."""

    code = "conflict"


class MediaTypeError(ConnectorCoreError):
    """The body is not plain JSON."""

    code = "media_type"


class RequestError(ConnectorCoreError):
    """The operation does not take the parameters or the body."""

    code = "request"

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)
        """Place and problem of each."""

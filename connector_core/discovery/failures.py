"""The error that ended the reading of a kind, as a coded reason."""

from datetime import UTC, datetime, timedelta
from math import ceil

from connector_core.errors import ConnectorCoreError, ForbiddenError, ProviderError, ThrottledError
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Declaration


def failure_reason(error: ConnectorCoreError, declaration: Declaration) -> Reason:
    """Return why the reading ended early, and what to do about it."""
    if not isinstance(error, ThrottledError):
        remedy = declaration.permission if isinstance(error, ForbiddenError) else error.hint
        call = str(error.call) if isinstance(error, ProviderError) and error.call else None
        return Reason(Code.READ_FAILED, error=error.code, request=call, message=error.message, remedy=remedy)
    if error.retry_after is None:
        return Reason(Code.THROTTLED, message=error.message)
    # Rounded up, since it is shown without fractions: it must not be past already.
    until = datetime.now(UTC) + timedelta(seconds=ceil(error.retry_after))
    return Reason(Code.DEFERRED, message=error.message, until=f"{until:%Y-%m-%d %H:%M:%S} UTC")

"""The sentence for each error that ended a run, and what to do about it. A run keeps only the error's code."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from connector_core.errors import ConnectorCoreError
from connector_core.messages import Message

_CONNECT = "Connect again with new ones: discover connect {connector} --name {integration}"
_CHECK = "See what is wrong: discover check {integration}"
_LATER = "Run again later."
_RUN = "Run again, and read the error: discover run {integration}"

FAILURES: Mapping[str, Message] = MappingProxyType(
    {
        "interrupted": Message("The last run was interrupted", "Run again: it resumes, or starts over."),
        "settings": Message("The last run was stopped by a setting", _RUN),
        "plugin": Message("The connector cannot be used", "See why: discover list"),
        "credentials": Message("The credentials cannot be used", _CONNECT),
        "credentials_rejected": Message("The provider rejected the credentials", _CONNECT),
        "other_tenant": Message("The credentials are another company's than those before", _CHECK),
        "provider": Message("The provider failed", _CHECK),
        "provider_unavailable": Message("The provider did not answer, or not with a result", _LATER),
        "provider_throttled": Message("The provider asked for fewer requests", _LATER),
        "provider_forbidden": Message("The credentials are valid, and a permission is missing", _CHECK),
        "provider_not_found": Message("The provider does not know the address that was requested", _CHECK),
        "provider_cursor_expired": Message(
            "The provider no longer accepted the cursor of the next page", "Run again: it is read from the beginning."
        ),
        "provider_insecure": Message("The provider's certificate is not trusted", _CHECK),
        "provider_protocol": Message(
            "The provider's response is not what its API promises",
            "Run again. If it stays so, report this to the connector's author.",
        ),
        "discovery": Message("The connector failed", "Report this to the connector's author."),
        "store": Message("The store failed", "Examine it: discover doctor"),
        "busy": Message("The store was in use by another process", _LATER),
        "bug": Message("The run was stopped by a bug", "Report it with what this prints: discover doctor"),
        "error": Message("The last run failed", _RUN),
    }
)
"""By code; one that is not in here counts as the error above it."""


def failure_of(code: str) -> Message:
    """Return the sentence for an error, without a full stop, and what to do, by the code that its run has kept."""
    above = _classes().get(code, ConnectorCoreError).__mro__
    codes = (code, *(one.code for one in above if issubclass(one, ConnectorCoreError)))
    return next(FAILURES[one] for one in codes if one in FAILURES)


@cache
def _classes() -> Mapping[str, type[ConnectorCoreError]]:
    found, to_do = dict[str, type[ConnectorCoreError]](), [ConnectorCoreError]
    while to_do:
        one = to_do.pop()
        found[one.code] = one
        to_do += one.__subclasses__()
    return found

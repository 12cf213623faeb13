"""Errors, by whose fault they are.

::

    ConnectorCoreError                 code · hint · retryable · exit_code
    ├── SettingsError                  plugins.toml, a flag, the environment, or the key        exit 2
    │   ├── UnknownIntegrationError    no integration of that name
    │   └── PlanChangedError           the plan is not the one that was shown
    ├── PluginError                    a plugin cannot be used                                  exit 2
    │   ├── PluginLoadError            it could not be imported
    │   ├── PluginContractError        it breaks the contract: hooks, manifest, API range
    │   ├── PluginConflictError        two distributions claim one name, or one module
    │   └── PluginRefusedError         settings do not allow it
    ├── CredentialsError               the operator's credentials                               exit 2
    │   ├── InvalidCredentialsError    wrong in form; no network was touched
    │   ├── RejectedCredentialsError   the provider said no
    │   └── OtherTenantError           they are another company's than those before
    ├── ProviderError                  the provider, with method and path                       exit 3
    │   ├── UnavailableError           5xx, broken connection, timeout               (retryable)
    │   ├── ThrottledError             too many requests                             (retryable)
    │   ├── ForbiddenError             a permission is missing
    │   ├── NotFoundError              the provider says that the thing does not exist
    │   ├── CursorExpiredError         it no longer accepts a cursor, or the token of a delta
    │   ├── InsecureError              its certificate is not trusted
    │   └── ProtocolError              the response is not what the API promises
    │       └── MalformedError         not JSON, or JSON of another shape            (retryable)
    ├── DiscoveryError                 the connector's fault                                    exit 4
    └── StoreError                     the store                                                exit 4
        └── BusyError                  another process uses the integration or the store        exit 1

No message holds a secret, a query, a body, a person, or the provider's own words.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar


class ConnectorCoreError(Exception):
    """The root. ``str(error)`` is one sentence for the operator; ``hint`` says what to do.

    Example: ``error.code, error.hint``.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 4
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def edit(self, edited: Callable[[str], str]) -> None:
        """Replace each of its texts."""
        self.message, self.hint = edited(self.message), edited(self.hint)
        self.args = (self.message,)


class SettingsError(ConnectorCoreError):
    """A setting, flag or key is wrong. Example: ``raise SettingsError("There is no such list.", hint="Name one.")``."""

    code = "settings"
    exit_code = 2


class UnknownIntegrationError(SettingsError):
    """There is no integration of that name. Example: ``isinstance(error, UnknownIntegrationError)``."""

    code = "unknown_integration"


class PlanChangedError(SettingsError):
    """The plan is not the one that was shown. Example: ``isinstance(error, PlanChangedError)``."""

    code = "plan_changed"


class PluginError(ConnectorCoreError):
    """A plugin cannot be used. Example: ``isinstance(error, PluginError)``."""

    code = "plugin"
    exit_code = 2


class PluginLoadError(PluginError):
    """The plugin could not be imported. Example: ``isinstance(error, PluginLoadError)``."""

    code = "plugin_load"


class PluginContractError(PluginError):
    """The plugin breaks the contract. Example: ``isinstance(error, PluginContractError)``."""

    code = "plugin_contract"


class PluginConflictError(PluginError):
    """Two distributions claim one name, or one module. Example: ``isinstance(error, PluginConflictError)``."""

    code = "plugin_conflict"


class PluginRefusedError(PluginError):
    """The settings do not allow the plugin. Example: ``isinstance(error, PluginRefusedError)``."""

    code = "plugin_refused"


class CredentialsError(ConnectorCoreError):
    """``field`` names the field that is wrong. Example: ``CredentialsError("No.", field="key").field``."""

    code = "credentials"
    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field

    def edit(self, edited: Callable[[str], str]) -> None:
        super().edit(edited)
        self.field = edited(self.field)


class InvalidCredentialsError(CredentialsError):
    """``suggestion`` is the value of the field that was probably meant, if there is one. Never a secret.

    Example: ``raise InvalidCredentialsError("Type only acme.", field="company", suggestion="acme")``.
    """

    code = "credentials_invalid"

    def __init__(self, message: str, *, hint: str = "", field: str = "", suggestion: str = "") -> None:
        super().__init__(message, hint=hint, field=field)
        self.suggestion = suggestion

    def edit(self, edited: Callable[[str], str]) -> None:
        super().edit(edited)
        self.suggestion = edited(self.suggestion)


class RejectedCredentialsError(CredentialsError):
    """The provider says no. Example: ``raise RejectedCredentialsError("The token has expired.")``."""

    code = "credentials_rejected"


class OtherTenantError(CredentialsError):
    """The credentials are another company's than those before. Example: ``isinstance(error, OtherTenantError)``."""

    code = "other_tenant"


@dataclass(frozen=True, slots=True)
class Call:
    """Method and path, all that an error names of a request. Example: ``str(Call("GET", "/me")) == "GET /me"``."""

    method: str
    path: str
    """Below the base URL, without the query."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ProviderError(ConnectorCoreError):
    """An error of the provider. ``message`` begins with the request; its query and body are never kept.

    Example: ``raise ProviderError("the list of people is switched off", call=Call("GET", "/people"))``.

    Args:
        message: What is wrong, without the request.
        call: The request that failed, or None if it is not about a single one.
        hint: What to do.
        said: The provider's own words. They are shown to people, by ``connect`` and ``check``, and never stored or
            logged: they may quote anybody.
    """

    code = "provider"
    exit_code = 3

    def __init__(self, message: str, *, call: Call | None, hint: str = "", said: str = "") -> None:
        super().__init__(f"{call}: {message}" if call else message, hint=hint)
        self.call = call
        self.said = said

    def edit(self, edited: Callable[[str], str]) -> None:
        super().edit(edited)
        self.said = edited(self.said)
        if self.call:
            self.call = replace(self.call, path=edited(self.call.path))

    @property
    def method(self) -> str:
        return self.call.method if self.call else ""

    @property
    def path(self) -> str:
        return self.call.path if self.call else ""


class UnavailableError(ProviderError):
    """``gateway`` is True if a proxy in front of the provider gave up, so that a smaller request may succeed.

    Example: ``UnavailableError("the report is not ready", call=Call("GET", "/report")).retryable``.
    """

    code = "provider_unavailable"
    retryable = True

    def __init__(
        self, message: str, *, call: Call | None, hint: str = "", said: str = "", gateway: bool = False
    ) -> None:
        super().__init__(message, call=call, hint=hint, said=said)
        self.gateway = gateway


class ThrottledError(ProviderError):
    """``retry_after`` is how many seconds the provider asks to wait, or None if it names no time ahead.

    Example: ``raise ThrottledError("too many reports", call=Call("POST", "/report"), retry_after=60)``.
    """

    code = "provider_throttled"
    retryable = True

    def __init__(
        self, message: str, *, call: Call | None, hint: str = "", said: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, call=call, hint=hint, said=said)
        # "In 0 seconds" would be answered at once, and again, until no attempt is left.
        self.retry_after = retry_after if retry_after and retry_after > 0 else None


class ForbiddenError(ProviderError):
    """A permission is missing. Example: ``raise ForbiddenError("it is hidden", call=Call("POST", "/graphql"))``."""

    code = "provider_forbidden"


class NotFoundError(ProviderError):
    """The thing does not exist. Example: ``raise NotFoundError("there is none", call=Call("GET", "/report"))``."""

    code = "provider_not_found"


class CursorExpiredError(ProviderError):
    """A cursor or token is too old. Example: ``raise CursorExpiredError("resync", call=Call("GET", "/delta"))``."""

    code = "provider_cursor_expired"


class InsecureError(ProviderError):
    """The provider's certificate is not trusted. Example: ``isinstance(error, InsecureError)``."""

    code = "provider_insecure"


class ProtocolError(ProviderError):
    """The response breaks a promise. Example: ``raise ProtocolError("it has no ids", call=Call("GET", "/report"))``."""

    code = "provider_protocol"


class MalformedError(ProtocolError):
    """It cannot be parsed. Example: ``raise MalformedError("it ends early", call=Call("GET", "/report"))``."""

    code = "provider_malformed"
    retryable = True


class DiscoveryError(ConnectorCoreError):
    """The connector is at fault. Example: ``isinstance(error, DiscoveryError)``."""

    code = "discovery"


class StoreError(ConnectorCoreError):
    """The store is at fault. Example: ``isinstance(error, StoreError)``."""

    code = "store"


class BusyError(StoreError):
    """Another process uses the integration or the store. Example: ``isinstance(error, BusyError)``."""

    code = "busy"
    exit_code = 1
    retryable = True


def place_of(error: BaseException) -> str:
    """Return the type of an exception and the place where it arose: never its text, or a traceback with data in it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno} of {Path(last.filename).name}"

"""All that one run needs."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from connector_core.discovery.reader import ProgressCallback
from connector_core.http import HttpApi
from connector_core.outcomes import Run
from connector_core.plugins import Registry
from connector_core.sdk.connector import Account, AnyConnector, Declaration
from connector_core.settings import HostSettings
from connector_core.store import Integration, Store


@dataclass(frozen=True, slots=True)
class Work:
    """All that one run needs."""

    run: Run
    integration: Integration
    connector: AnyConnector
    declarations: tuple[Declaration, ...]
    store: Store
    registry: Registry
    settings: HostSettings
    api: HttpApi
    progress: ProgressCallback
    renew: Callable[[], AnyConnector]
    apply: bool = True
    delta: bool = False
    """Read only what has changed, where that will do."""
    read_with: str = ""
    """The connector's version and options: what staged rows depend on besides the account and the token."""
    accepted: frozenset[str] = frozenset()
    """Fields whose emptying the operator has accepted."""

    @property
    def title(self) -> str:
        """The provider's."""
        return self.connector.manifest.title

    @property
    def new(self) -> str:
        """The reason of a row that is not stored yet."""
        return f"new in {self.title}"

    def scope(self, account: Account) -> str:
        """What this run reads with."""
        return self._digest(account, self.read_with)

    def scope_of(self, declaration: Declaration, account: Account) -> str:
        """What a kind was read with. When it differs from the last applied reading's, losses are held."""
        return self._digest(account, self.connector.rule(declaration.kind))

    def _digest(self, account: Account, more: str) -> str:
        parts = (account.id, self.integration.credentials_at.isoformat(), more)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

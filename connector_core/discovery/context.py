"""Everything that one run needs, and the two fingerprints of what it reads with."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from connector_core.http import HttpApi
from connector_core.outcomes import Change, Progress, Report, Run, Traffic
from connector_core.plugins import Registry
from connector_core.sdk.api import Api
from connector_core.sdk.connector import Account, AnyConnector, Declaration
from connector_core.sdk.entities import Entity
from connector_core.settings import HostSettings
from connector_core.store import Integration, Store

ProgressCallback = Callable[[Progress], None]
"""Called after every page, and while missing rows are asked for."""
BegunCallback = Callable[[Run, Callable[[], Traffic]], None]
"""Called with a run that begins, and a function that returns its traffic so far."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything that one run needs."""

    run: Run
    integration: Integration
    new_connector: Callable[[Api], AnyConnector]
    """Make a connector that has read nothing yet."""
    declarations: tuple[Declaration, ...]
    """The kinds to read."""
    kinds: Mapping[str, type[Entity]]
    """All kinds that the connector discovers: links lead from and to them."""
    title: str
    """The provider's."""
    store: Store
    registry: Registry
    settings: HostSettings
    api: HttpApi
    progress: ProgressCallback
    deadline: float
    """The last moment for requests to the provider, by the event loop's clock."""
    apply: bool = True
    delta: bool = False
    """Read only what has changed, where that is possible."""
    read_with: str = ""
    """The connector's version and options: what staged rows depend on besides the account and the token."""
    accepted_fields: frozenset[str] = frozenset()
    """Fields whose emptying the operator has accepted."""

    def check_seconds(self) -> float:
        """Return how long a check may take: no longer than the run."""
        left = self.deadline - asyncio.get_running_loop().time()
        return min(self.settings.check_timeout, max(left, 0.0))

    def changes_of(self, report: Report) -> Callable[[], AsyncIterator[Change]]:
        """Return the function that yields the changes of a run that has ended, in any thread and any event loop.

        It reads them from the store when it is called, and holds no transaction between two pages.
        """
        # Not the context: an observer may keep the function, and must not keep the credentials with it.
        plans = self.store.plans

        async def changes() -> AsyncIterator[Change]:
            async for one in plans.changes(report.run.id):
                yield report.named(one)

        return changes

    def resume_key(self, account: Account) -> str:
        """Return a fingerprint of what rows were read with: an interrupted reading is resumed only with the same."""
        return self._fingerprint(account, self.read_with)

    def acceptance_key(self, account: Account, rule: str) -> str:
        """Return a fingerprint of what decides who is there: token, account, and the kind's rule.

        Losses are held when it differs from that of the last accepted reading.
        """
        return self._fingerprint(account, rule)

    def _fingerprint(self, account: Account, more: str) -> str:
        parts = (account.tenant or "", account.owner, self.integration.credentials_at.isoformat(), more)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

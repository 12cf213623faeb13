"""Configured integrations: public fields in the clear, secrets sealed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from connector_core.audit import Action
from connector_core.errors import SettingsError, UnknownIntegrationError
from connector_core.outcomes import State
from connector_core.sdk.connector import Account
from connector_core.store.application import end_held
from connector_core.store.audit import add_entry
from connector_core.store.erasure import note_removal
from connector_core.store.notices import drop_notices
from connector_core.store.schedules import retry_now
from connector_core.store.sqlite import Cursor, Table, now, reads, timestamp, writes
from connector_core.store.staging import close_readings
from connector_core.suggestions import did_you_mean

T = TypeVar("T")

_SELECT = (
    "SELECT name, connector, fields, secrets, account_name, tenant, token_owner, created_at, credentials_at "
    "FROM integrations"
)


@dataclass(frozen=True, slots=True)
class Integration:
    """``sealed`` opens only with the vault's key."""

    name: str
    connector: str
    fields: Mapping[str, str]
    sealed: bytes
    account: Account
    created_at: datetime
    credentials_at: datetime


class Integrations(Table):
    """Adds, finds and removes integrations."""

    async def save(
        self,
        name: str,
        connector: str,
        fields: Mapping[str, str],
        sealed: bytes,
        account: Account,
        *,
        since: datetime | None = None,
    ) -> None:
        """Add an integration, or replace the credentials of the one with this name.

        ``since`` is when these credentials were first given; None for new ones, which withdraw every held plan and
        every interrupted reading: both were made with the credentials before.
        """
        await self._save(name, connector, json.dumps(dict(fields)), sealed, account, since)
        await self._database.erase()

    @writes
    def _save(
        self,
        cursor: Cursor,
        name: str,
        connector: str,
        fields: str,
        sealed: bytes,
        account: Account,
        since: datetime | None,
    ) -> None:
        moment = now()
        self._note_connection(cursor, name, connector, account, new=since is None)
        if since is None:
            end_held(cursor, name, State.REPLACED, "integration = ?", name)
            close_readings(cursor, name)
            retry_now(cursor, name)
        cursor.execute(
            "INSERT INTO integrations (name, connector, fields, secrets, account_name, tenant, token_owner, "
            "created_at, credentials_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
            "fields = excluded.fields, secrets = excluded.secrets, account_name = excluded.account_name, "
            "tenant = excluded.tenant, token_owner = excluded.token_owner, credentials_at = excluded.credentials_at",
            (
                name,
                connector,
                fields,
                sealed,
                account.name,
                account.tenant,
                account.owner,
                moment,
                timestamp(since) if since else moment,
            ),
        )

    def _note_connection(self, cursor: Cursor, name: str, connector: str, account: Account, *, new: bool) -> None:
        before = cursor.execute("SELECT tenant FROM integrations WHERE name = ?", (name,)).fetchone()
        if before:
            other = before != (account.tenant,)
            add_entry(cursor, Action.RECONNECTED, name, connector=connector, new_credentials=new, other_tenant=other)
        else:
            add_entry(cursor, Action.CONNECTED, name, connector=connector)

    async def get(self, name: str) -> Integration:
        """Return an integration. UnknownIntegrationError names those that there are."""
        if found := await self.find(name):
            return found
        known = [one.name for one in await self.all()]
        others = f"; known: {', '.join(known)}" if known else ""
        raise UnknownIntegrationError(
            f"There is no integration named {name} in {self._database.described}{others}.",
            hint=did_you_mean(name, known)
            or f"Add one: discover connect CONNECTOR --name {name}; or name another store: --store FILE",
        )

    async def find_for(self, name: str, connector: str) -> Integration | None:
        """Return an integration, or None. SettingsError if it is another connector's."""
        found = await self.find(name)
        if found and found.connector != connector:
            raise SettingsError(f"The integration {name} exists already, for {found.connector}.")
        return found

    async def unsealed(self, name: str, unseal: Callable[[bytes], T]) -> tuple[Integration, T]:
        """Return an integration and its secrets, as ``unseal`` opens them."""
        found = await self.get(name)
        try:
            return found, unseal(found.sealed)
        except SettingsError:
            latest = await self.get(name)
            if latest.sealed == found.sealed:
                raise
        # A rotation has renewed the seal since it was read.
        return await self.unsealed(name, unseal)

    @reads
    def find(self, cursor: Cursor, name: str) -> Integration | None:
        row = cursor.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
        return _integration(row) if row else None

    @reads
    def all(self, cursor: Cursor) -> list[Integration]:
        return [_integration(row) for row in cursor.execute(f"{_SELECT} ORDER BY name").fetchall()]

    async def reseal(self, renew: Callable[[bytes], bytes]) -> int:
        """Renew every seal, all or none; return how many there were."""
        count = await self._reseal(renew)
        await self._database.erase(copies=True, insist=True)
        return count

    @writes
    def _reseal(self, cursor: Cursor, renew: Callable[[bytes], bytes]) -> int:
        rows = cursor.execute("SELECT name, secrets FROM integrations").fetchall()
        cursor.executemany(
            "UPDATE integrations SET secrets = ? WHERE name = ?", [(renew(sealed), name) for name, sealed in rows]
        )
        add_entry(cursor, Action.SECRETS_ROTATED, integrations=len(rows))
        return len(rows)

    @writes
    def renew_secrets(self, cursor: Cursor, name: str, before: bytes, after: bytes) -> bool:
        """Replace sealed secrets by those that the provider has renewed, unless they have changed since they were read.

        They are the operator's credentials still: their age, and all that rests on it, stays as it is.
        """
        cursor.execute("UPDATE integrations SET secrets = ? WHERE name = ? AND secrets = ?", (after, name, before))
        return cursor.rowcount == 1

    async def remove(self, name: str) -> None:
        """Remove an integration, its secrets, its entities and its history.

        Its traces in the files are due from then on: see ``Erasures``.
        """
        await self._remove(name)

    @writes
    def _remove(self, cursor: Cursor, name: str) -> None:
        # First what points to bodies, then everything else.
        cursor.execute("DELETE FROM entities WHERE integration = ?", (name,))
        cursor.execute("DELETE FROM integrations WHERE name = ?", (name,))
        drop_notices(cursor, name)
        note_removal(cursor, name)
        add_entry(cursor, Action.REMOVED, name)


def _integration(row: tuple[Any, ...]) -> Integration:
    name, connector, fields, sealed, account_name, tenant, owner, created_at, credentials_at = row
    return Integration(
        name=name,
        connector=connector,
        fields=json.loads(fields),
        sealed=sealed,
        account=Account(account_name, tenant, owner),
        created_at=datetime.fromisoformat(created_at),
        credentials_at=datetime.fromisoformat(credentials_at),
    )

"""Configured integrations: public fields in the clear, secrets sealed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_core.errors import UnknownIntegrationError
from connector_core.sdk.connector import Account
from connector_core.store.database import Database, now

_COLUMNS = "name, connector, fields, secrets, account, account_name, created_at, credentials_at"


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


class Integrations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        name: str,
        connector: str,
        fields: Mapping[str, str],
        sealed: bytes,
        account: Account,
        *,
        since: datetime | None = None,
    ) -> None:
        """Adds an integration, or replaces the credentials of the one that has this name.

        ``since`` is when these credentials were first given; now, if it is left out.
        """
        moment = now()
        given = since.isoformat(timespec="milliseconds") if since else moment
        self._database.execute(
            f"INSERT INTO integrations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - a constant
            "ON CONFLICT (name) DO UPDATE SET fields = excluded.fields, secrets = excluded.secrets, "
            "account = excluded.account, account_name = excluded.account_name, "
            "credentials_at = excluded.credentials_at",
            (name, connector, json.dumps(dict(fields)), sealed, account.id, account.name, moment, given),
        )
        self._database.forget()

    def get(self, name: str) -> Integration:
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM integrations WHERE name = ?",  # noqa: S608 - a constant
            (name,),
        )
        if not rows:
            known = ", ".join(one.name for one in self.all()) or "none yet"
            raise UnknownIntegrationError(
                f"There is no integration named {name}; known: {known}.",
                hint=f"Add one: discover connect CONNECTOR --name {name}",
            )
        return _integration(rows[0])

    def find(self, name: str) -> Integration | None:
        return next((one for one in self.all() if one.name == name), None)

    def all(self) -> list[Integration]:
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM integrations ORDER BY name"  # noqa: S608 - a constant
        )
        return [_integration(row) for row in rows]

    def reseal(self, renew: Callable[[bytes], bytes]) -> int:
        """Renews every seal, all or none; how many there were."""
        with self._database.transaction() as cursor:
            rows = cursor.execute("SELECT name, secrets FROM integrations").fetchall()
            cursor.executemany(
                "UPDATE integrations SET secrets = ? WHERE name = ?", [(renew(sealed), name) for name, sealed in rows]
            )
        self._database.forget(copies=True)
        return len(rows)

    def remove(self, name: str) -> None:
        """The integration, its secrets, its entities and its history."""
        with self._database.transaction() as cursor:
            # First what points to bodies, then all the rest.
            cursor.execute("DELETE FROM entities WHERE integration = ?", (name,))
            cursor.execute("DELETE FROM integrations WHERE name = ?", (name,))
        self._database.forget(copies=True)


def _integration(row: tuple[Any, ...]) -> Integration:
    name, connector, fields, sealed, account, account_name, created_at, credentials_at = row
    return Integration(
        name=name,
        connector=connector,
        fields=json.loads(fields),
        sealed=sealed,
        account=Account(account, account_name),
        created_at=datetime.fromisoformat(created_at),
        credentials_at=datetime.fromisoformat(credentials_at),
    )

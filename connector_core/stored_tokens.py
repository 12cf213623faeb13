"""The tokens of integrations whose users have signed in, sealed in the store, where all processes share them.

They are sealed with the other secrets of the integration: the refresh token under its field's name, and what belongs
to it under names that no field can have.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pydantic import SecretStr

from connector_core.errors import SettingsError
from connector_core.http import AuthorizedCode, Tokens, TokensInMemory
from connector_core.sdk.authentication import AuthorizationCode
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.field_types import NOT_OBTAINED
from connector_core.store import Store
from connector_core.vault import Vault

_PREVIOUS, _ACCESS, _UNTIL = ".previous", ".access", ".until"


class StoredTokens:
    """The tokens of one integration."""

    def __init__(self, name: str, field: str, store: Store, vault: Vault) -> None:
        self._name = name
        self._field = field
        self._store = store
        self._vault = vault

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Tokens]:
        async with self._store.locks.renewing(self._name):
            _, secrets = await self._store.integrations.unsealed(self._name, self._vault.open)
            yield _tokens_among(self._field, secrets)

    async def replace(self, before: Tokens | AuthorizedCode, after: Tokens) -> None:
        """Store these in place of those before, beside the other secrets as they are now.

        Where the integration has been connected again meanwhile, its own tokens stay.
        """
        # A rotation of the key waits until these are saved, or has renewed the seal before they are read.
        async with self._vault.sealing() as seal:
            saved = False
            while not saved:
                found, secrets = await self._store.integrations.unsealed(self._name, self._vault.open)
                if _tokens_among(self._field, secrets) != before:
                    return
                renewed = seal({**fields_among(secrets), **_as_secrets(self._field, after)})
                # Not saved if a key from the environment was rotated just now: no lock holds that back.
                saved = await self._store.integrations.renew_secrets(self._name, found.sealed, renewed)


def stored_tokens(name: str, connector: type[AnyConnector], store: Store, vault: Vault) -> StoredTokens | None:
    """Return the tokens of an integration, if users sign in at the connector's provider."""
    field = _field_of(connector)
    return StoredTokens(name, field, store, vault) if field else None


def tokens_of(connector: type[AnyConnector], credentials: Credentials) -> TokensInMemory | None:
    """Return the tokens of credentials that hold a refresh token already, until they are stored."""
    given = credentials.secrets().get(_field_of(connector), NOT_OBTAINED)
    return None if given == NOT_OBTAINED else TokensInMemory(Tokens(given))


def latest_secrets(connector: type[AnyConnector], tokens: TokensInMemory | None) -> dict[str, SecretStr]:
    """Return the latest tokens as they are sealed."""
    latest = tokens.latest if tokens else None
    return _as_secrets(_field_of(connector), latest) if isinstance(latest, Tokens) else {}


def _field_of(connector: type[AnyConnector]) -> str:
    """Return the field of the refresh token; empty if no user signs in at the connector's provider."""
    return next((way.refresh_token for way in connector.manifest.ways if isinstance(way, AuthorizationCode)), "")


def fields_among(secrets: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Return the secret fields of the credentials among what is sealed."""
    return {name: secret for name, secret in secrets.items() if "." not in name}


def _as_secrets(field: str, tokens: Tokens) -> dict[str, SecretStr]:
    """Return the tokens as they are sealed."""
    given = {
        field: tokens.refresh,
        f"{field}{_PREVIOUS}": tokens.previous,
        f"{field}{_ACCESS}": tokens.access,
        f"{field}{_UNTIL}": SecretStr(repr(tokens.until)),
    }
    return {name: secret for name, secret in given.items() if secret}


def _tokens_among(field: str, secrets: Mapping[str, SecretStr]) -> Tokens:
    if field not in secrets:
        raise SettingsError("The stored secrets hold no refresh token.", hint="Connect again and sign in.")
    tokens = Tokens(secrets[field], secrets.get(f"{field}{_PREVIOUS}"))
    access, until = secrets.get(f"{field}{_ACCESS}"), secrets.get(f"{field}{_UNTIL}")
    return (
        Tokens(tokens.refresh, tokens.previous, access, float(until.get_secret_value())) if access and until else tokens
    )

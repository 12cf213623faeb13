"""The contract that a plugin must keep, checked before it is used."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from connector_core.errors import PluginContractError, SettingsError
from connector_core.problems import sentence
from connector_core.sdk.authentication import AuthorizationCode, ClientCredentials, PrivateKeyJwt, typed_fields
from connector_core.sdk.connector import AnyConnector, Connector, Declaration, Options
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Product
from connector_core.sdk.manifest import API_VERSION, Manifest, RateLimit
from connector_core.settings import PluginSettings
from connector_core.suggestions import did_you_mean


def verify(name: str, connector: Any, settings: PluginSettings) -> type[AnyConnector]:
    """Return the connector if it keeps the contract, else raise PluginContractError. ``name`` is its entry point's."""
    if not (inspect.isclass(connector) and issubclass(connector, Connector)):
        raise PluginContractError("Its discovery_connectors must return subclasses of Connector.")
    if inspect.isabstract(connector):
        missing = ", ".join(sorted(connector.__abstractmethods__))
        raise PluginContractError(f"{connector.__name__} does not implement {missing}.")
    manifest = getattr(connector, "manifest", None)
    if not isinstance(manifest, Manifest):
        raise PluginContractError(f"{connector.__name__} has no manifest.")
    if not manifest.speaks():
        raise PluginContractError(f"It needs API {manifest.api}; this host has {API_VERSION}.")
    if manifest.name != name:
        raise PluginContractError(f"Its manifest is named {manifest.name}, but its entry point {name}.")
    if not hasattr(connector, "credentials_type"):
        raise PluginContractError(f"{connector.__name__} declares no credentials: write Connector[YourCredentials].")
    _check_ways(manifest, connector.credentials_type)
    _check_placeholders(manifest, connector.credentials_type)
    if not connector.declarations:
        raise PluginContractError(f"{connector.__name__} discovers nothing.")
    _check_address(manifest, settings)
    _refuse_unknown_limits(manifest, settings)
    options_of(connector, settings)
    found: type[AnyConnector] = connector
    return found


def _check_ways(manifest: Manifest, credentials: type[Credentials]) -> None:
    """Raise PluginContractError if a way to authenticate uses a field that the credentials lack, or no secret one."""
    form = {one.name: one for one in credentials.form()}
    secret = {one.name for one in form.values() if one.secret} | credentials.obtained()
    for way in (*manifest.ways, *([manifest.client_certificate] if manifest.client_certificate else [])):
        if unknown := [field for field in way.fields if field not in form.keys() | credentials.obtained()]:
            raise PluginContractError(
                f"Its manifest authenticates with {unknown[0]}, which is not a field of its credentials."
            )
        if not secret & set(way.fields):
            raise PluginContractError(f"Its manifest authenticates with {way.fields[0]}, which is not a secret field.")
    for key in _keys(manifest):
        if not form[key].lines:
            raise PluginContractError(f"Its manifest signs with the key in {key}, which is not a PrivateKey field.")
    shared = set.intersection(*(set(typed_fields(way)) for way in manifest.ways))
    for field in (name for way in manifest.ways for name in typed_fields(way) if name not in shared):
        declared = credentials.model_fields[field]
        if declared.is_required() or declared.get_default(call_default_factory=False) is not None:
            raise PluginContractError(f"{field} belongs to one way to authenticate of several: let it be None.")


def _keys(manifest: Manifest) -> Iterator[str]:
    """Yield the fields with private keys."""
    for way in manifest.ways:
        client = way.client if isinstance(way, ClientCredentials | AuthorizationCode) else None
        if isinstance(client, PrivateKeyJwt):
            yield client.field
    if manifest.client_certificate:
        yield from manifest.client_certificate.fields


def _check_placeholders(manifest: Manifest, credentials: type[Credentials]) -> None:
    """Raise PluginContractError if ``{name}`` stands for nothing, or a host for a field that names none."""
    known = {one.name for one in credentials.form() if not one.secret}
    # A connector may add others, which only its credentials tell.
    if credentials.variables is Credentials.variables and (unknown := sorted(manifest.placeholders - known)):
        raise PluginContractError(
            f"Its manifest names {{{unknown[0]}}}, which is not a field of its credentials without a secret."
        )
    named = {one.strip("{}") for one in manifest.hosts if one.startswith("{")} & credentials.model_fields.keys()
    if strange := sorted(named - credentials.named_hosts()):
        raise PluginContractError(f"Its manifest has the host {{{strange[0]}}}, which is not a BaseUrl field.")


def _check_address(manifest: Manifest, settings: PluginSettings) -> None:
    if settings.address and settings.address not in manifest.addresses:
        known = f"it has {', '.join(manifest.addresses)}" if manifest.addresses else "it has only the usual one"
        raise PluginContractError(f"Its address in plugins.toml is {settings.address!r}; {known}.")


def _refuse_unknown_limits(manifest: Manifest, settings: PluginSettings) -> None:
    """Raise PluginContractError if plugins.toml sets the quota of a path for which the manifest declares none."""
    known = [limit.path for limit in manifest.limits if isinstance(limit, RateLimit)]
    if unknown := [path for path in settings.limits if path not in known]:
        question = did_you_mean(unknown[0], known)
        raise PluginContractError(
            f"plugins.toml sets limits of {unknown[0]}, for which its manifest declares none; "
            f"known: {', '.join(known) or 'none'}. {question}".strip()
        )


def options_of(connector: type[AnyConnector], settings: PluginSettings) -> Options:
    """Return the connector's options in plugins.toml. PluginContractError names each key that is not valid."""
    try:
        return connector.options_type.model_validate(dict(settings.options))
    except ValidationError as error:
        raise PluginContractError(
            f"Its options in plugins.toml are not valid: {sentence(error, connector.options_type)}."
        ) from None


def declared_fields(connector: type[AnyConnector], names: Iterable[str]) -> frozenset[str]:
    """Return these names of fields. SettingsError if none of the connector's kinds has a field of a name."""
    asked = frozenset(names)
    known = {field for one in connector.declarations.values() for field in one.kind.model_fields}
    if unknown := sorted(asked - known):
        raise SettingsError(
            f"{connector.manifest.title} discovers no field {', '.join(unknown)}.", hint=did_you_mean(unknown[0], known)
        )
    return asked


def declaration_of(connector: type[AnyConnector], kind: str) -> Declaration:
    """Return the declaration of the kind that an operator names: ``employees`` or ``Employee``, in any case."""
    declarations = connector.declarations.values()
    plurals = {one.kind.plural.casefold(): one for one in declarations}
    named = {one.kind.__name__.casefold(): one for one in declarations} | plurals
    if found := named.get(kind.casefold()):
        return found
    discovered = [one.kind.plural for one in declarations]
    raise SettingsError(
        f"{connector.manifest.title} discovers {', '.join(discovered)}, not {kind!r}.",
        hint=did_you_mean(kind, discovered),
    )


def declared(
    connector: type[AnyConnector], product: Product | None, kinds: Iterable[str] = ()
) -> tuple[Declaration, ...]:
    """Return the requested declarations that serve the product, in the connector's order; all if none is named."""
    asked = {declaration_of(connector, kind).kind for kind in kinds}
    chosen = tuple(
        one
        for one in connector.declarations.values()
        if (not asked or one.kind in asked) and (product is None or product in one.products)
    )
    if not chosen:
        raise SettingsError(f"{connector.manifest.title} discovers none of these for {product}.")
    return chosen

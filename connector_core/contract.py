"""The contract that a plugin must keep, checked before it is used."""

import inspect
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from connector_core.errors import PluginContractError, SettingsError
from connector_core.problems import sentence
from connector_core.sdk.connector import AnyConnector, Connector, Declaration, Options
from connector_core.sdk.entities import Product
from connector_core.sdk.manifest import API_VERSION, Manifest
from connector_core.settings import PluginSettings


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
    form = {one.name: one.secret for one in connector.credentials_type.form()}
    if unknown := [field for field in manifest.auth.fields if field not in form]:
        raise PluginContractError(
            f"Its manifest authenticates with {unknown[0]}, which is not a field of its credentials."
        )
    if not any(form[field] for field in manifest.auth.fields):
        raise PluginContractError(
            f"Its manifest authenticates with {manifest.auth.fields[0]}, which is not a secret field."
        )
    if not connector.declarations:
        raise PluginContractError(f"{connector.__name__} discovers nothing.")
    _check_address(manifest, settings)
    options_of(connector, settings)
    found: type[AnyConnector] = connector
    return found


def _check_address(manifest: Manifest, settings: PluginSettings) -> None:
    if settings.address and settings.address not in manifest.addresses:
        known = f"it has {', '.join(manifest.addresses)}" if manifest.addresses else "it has only the usual one"
        raise PluginContractError(f"Its address in plugins.toml is {settings.address!r}; {known}.")


def options_of(connector: type[AnyConnector], settings: PluginSettings) -> Options:
    """Return the connector's options in plugins.toml. PluginContractError names each key that is not valid."""
    try:
        return connector.options_type.model_validate(dict(settings.options))
    except ValidationError as error:
        raise PluginContractError(f"Its options in plugins.toml are not valid: {sentence(error)}.") from None


def declared_fields(connector: type[AnyConnector], names: Iterable[str]) -> frozenset[str]:
    """Return these names of fields. SettingsError if none of the connector's kinds has a field of a name."""
    asked = frozenset(names)
    if unknown := asked - {field for one in connector.declarations.values() for field in one.kind.model_fields}:
        raise SettingsError(f"{connector.manifest.title} discovers no field {', '.join(sorted(unknown))}.")
    return asked


def declared(
    connector: type[AnyConnector], product: Product | None, plurals: tuple[str, ...]
) -> tuple[Declaration, ...]:
    """Return the requested declarations that serve the product, in the connector's order."""
    declared = {one.kind.plural: one for one in connector.declarations.values()}
    for plural in plurals:
        if plural not in declared:
            raise SettingsError(f"{connector.manifest.title} discovers {', '.join(declared)}, not {plural!r}.")
    chosen = tuple(
        one
        for plural, one in declared.items()
        if (not plurals or plural in plurals) and (product is None or product in one.products)
    )
    if not chosen:
        raise SettingsError(f"{connector.manifest.title} discovers none of these for {product}.")
    return chosen

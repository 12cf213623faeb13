"""The tables [plugins.NAME]: what is allowed, and with which options."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from connector_core.sdk.manifest import Manifest, RateLimit
from connector_core.settings.table import Seconds, SettingsTable


class LimitSettings(SettingsTable):
    """A quota under one path of the provider."""

    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    """Most requests under this path …"""
    per: Seconds
    """… within so many seconds."""


class PluginSettings(SettingsTable):
    """One allowed plugin."""

    enabled: bool = True
    """False disables the plugin and keeps its settings."""
    distribution: str = ""
    """The distribution it must come from; needed only where two have a plugin of this name."""
    limits: Mapping[str, LimitSettings] = {}
    """Quota by path, instead of the manifest's. A path for which the manifest declares none is refused."""
    address: str = ""
    """The provider's address, by a name that the connector's page lists; empty for the usual one."""
    options: Mapping[str, Any] = {}
    """The connector's own options."""


def limits_of(manifest: Manifest, settings: PluginSettings | None = None) -> tuple[RateLimit, ...]:
    """Return the provider's quotas: those of the manifest, unless plugins.toml replaces them."""
    declared = {one.path: one for one in manifest.limits if isinstance(one, RateLimit)}
    for path, limit in settings.limits.items() if settings else ():
        declared[path] = RateLimit(path, requests=limit.requests, per=limit.per)
    return tuple(declared.values())

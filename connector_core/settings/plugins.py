"""The tables [plugins.NAME]: what is allowed, and with which options."""

from collections.abc import Mapping
from dataclasses import replace
from math import floor
from typing import Annotated, Any

from pydantic import Field

from connector_core.sdk.manifest import ConcurrencyLimit, Manifest, RateLimit
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
    leave_free: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the provider's quotas that other tools of the company need, such as `0.25`. Requests wait or pause
    rather than use it."""
    address: str = ""
    """The provider's address, by a name that the connector's page lists; empty for the usual one."""
    options: Mapping[str, Any] = {}
    """The connector's own options."""


def limits_of(manifest: Manifest, settings: PluginSettings | None = None) -> tuple[RateLimit | ConcurrencyLimit, ...]:
    """Return the quotas in force: those of the manifest, unless plugins.toml replaces them, less what stays free."""
    settings = settings or PluginSettings()
    declared = [one for one in manifest.limits if isinstance(one, ConcurrencyLimit) or one.path not in settings.limits]
    own = [RateLimit(path, requests=limit.requests, per=limit.per) for path, limit in settings.limits.items()]
    return tuple(_rest(one, settings.leave_free) for one in (*own, *declared))


def _rest(limit: RateLimit | ConcurrencyLimit, leave_free: float) -> RateLimit | ConcurrencyLimit:
    """Return what of a limit may be used: at least one request."""
    if isinstance(limit, ConcurrencyLimit):
        return replace(limit, at_once=_share(limit.at_once, 1 - leave_free))
    return replace(limit, requests=_share(limit.requests, 1 - leave_free))


def _share(requests: int, share: float) -> int:
    # 50 * (1 - 0.9) is less than 5.
    return max(1, floor(round(requests * share, 6)))

"""Plugins: entry points that plugins.toml allows, loaded one by one. A failure is kept with its reason."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from importlib.metadata import Distribution, EntryPoint
from types import MappingProxyType

import pluggy

from connector_core.contract import verify
from connector_core.distributions import find_plugins, identity
from connector_core.errors import (
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginRefusedError,
)
from connector_core.loading import Loader, load_plugin, new_hooks
from connector_core.observers import Observers
from connector_core.outcomes import Certificate, Change, KindPlan, Report, Run
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import PluginSettings, Settings
from connector_core.suggestions import did_you_mean

OWN_DISTRIBUTION = "connector-core"


class Standing(StrEnum):
    """The state of a plugin, as `discover list` shows it."""

    READY = "ready"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_ALLOWED = "not allowed"


_UNUSABLE = MappingProxyType(
    {
        Standing.READY: "only observes runs",
        Standing.REFUSED: "was refused",
        Standing.FAILED: "failed to load",
        Standing.NOT_ALLOWED: "is not allowed",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One plugin that was found, usable or not."""

    name: str
    distribution: str
    version: str
    standing: Standing
    reason: str = ""
    connector: type[AnyConnector] | None = None
    settings: PluginSettings = field(default_factory=PluginSettings)


class Registry:
    """The plugins that were found, and the typed interface to their hooks."""

    def __init__(self, manager: pluggy.PluginManager, entries: Iterable[Entry]) -> None:
        self._observers = Observers(manager)
        self.entries = tuple(entries)
        self._ready = {entry.connector.manifest.name: entry for entry in self.entries if entry.connector is not None}

    @property
    def connectors(self) -> Mapping[str, type[AnyConnector]]:
        return MappingProxyType({name: entry.connector for name, entry in self._ready.items() if entry.connector})

    def connector(self, name: str) -> type[AnyConnector]:
        """Return the connector of this name. PluginRefusedError says why there is none."""
        if name in self.connectors:
            return self.connectors[name]
        for entry in self.entries:
            if entry.name == name:
                reason = f": {entry.reason}" if entry.reason else "."
                raise PluginRefusedError(f"The connector {name!r} {_UNUSABLE[entry.standing]}{reason}")
        known = ", ".join(sorted(self.connectors)) or "none"
        raise PluginRefusedError(
            f"There is no connector named {name!r}; ready: {known}.",
            hint=did_you_mean(name, self.connectors) or "discover list shows every plugin found.",
        )

    def entry(self, name: str) -> Entry:
        """Return the entry of a ready connector."""
        return self._ready[name]

    def settings(self, name: str) -> PluginSettings:
        return self._ready[name].settings

    async def run_started(self, run: Run) -> None:
        await self._observers.tell("discovery_run_started", run=run)

    async def kind_certified(self, run: Run, certificate: Certificate) -> None:
        await self._observers.tell("discovery_kind_certified", run=run, certificate=certificate)

    async def plan_made(self, run: Run, plans: tuple[KindPlan, ...]) -> None:
        await self._observers.tell("discovery_plan_made", run=run, plans=plans)

    async def run_finished(self, report: Report, changes: Callable[[], AsyncIterator[Change]]) -> None:
        """Tell observers. ``changes`` is called in their threads, and read in their event loops."""
        await self._observers.tell("discovery_run_finished", report=report, changes=changes)


def _log_slow(plugin: str) -> None:
    import structlog  # It imports rich, which a list of plugins does not need.

    # An error, since on a terminal nothing less is shown.
    structlog.get_logger().error("plugin_slow", plugin=plugin)


def load(settings: Settings, *, timeout: float | None = None, on_slow: Callable[[str], None] = _log_slow) -> Registry:
    """Find every plugin, and load those that are allowed. No plugin makes it raise, or wait for ever.

    Args:
        settings: Which plugins are allowed, and for how long they may load.
        timeout: Seconds that each may take to load, instead of the settings'.
        on_slow: Called with the name of a plugin that is still loading after a second.
    """
    manager = new_hooks()
    points, unreadable = find_plugins()
    rivals = Counter(point.name for point in points if _is_candidate(point, settings))
    limit = settings.host.load_timeout if timeout is None else timeout
    loader = partial(load_plugin, timeout=limit, on_slow=on_slow)
    entries = [_entry(manager, point, settings, rivals, loader) for point in points]
    found = {point.name for point in points}
    absent = [_absent(name, found) for name in sorted((settings.plugins or {}).keys() - found)]
    return Registry(manager, [*entries, *absent, *map(_unreadable, unreadable)])


def registry_of(connector: type[AnyConnector], settings: PluginSettings | None = None) -> Registry:
    """Return a registry of this connector alone, without an entry point. PluginError if it breaks the contract."""
    chosen = settings or PluginSettings()
    name = connector.manifest.name
    entry = Entry(name, "", "", Standing.READY, connector=verify(name, connector, chosen), settings=chosen)
    return Registry(new_hooks(), [entry])


def _absent(name: str, found: Iterable[str]) -> Entry:
    reason = "plugins.toml allows it, but no installed distribution has it: install one, or correct the name."
    return Entry(name, "", "", Standing.FAILED, f"{reason} {did_you_mean(name, found)}".strip())


def _unreadable(distribution: Distribution) -> Entry:
    name, version = identity(distribution)
    return Entry(
        name, name, version, Standing.FAILED, "Its entry points cannot be read: install it again, or remove it."
    )


def _entry(
    manager: pluggy.PluginManager, point: EntryPoint, settings: Settings, rivals: Counter[str], load: Loader
) -> Entry:
    chosen = _settings_for(point, settings)
    distribution, version = identity(point.dist)
    standing, reason, connector = Standing.READY, "", None
    try:
        if chosen is None or not chosen.enabled:
            raise PluginRefusedError(_not_allowed(point, settings, chosen))
        if not _is_candidate(point, settings):
            raise PluginRefusedError(f"plugins.toml allows {point.name} from {chosen.distribution} only.")
        if rivals[point.name] > 1:
            raise PluginConflictError(
                f"{rivals[point.name]} distributions have a plugin named {point.name}: name the one you trust "
                f'in plugins.toml, [plugins.{point.name}] distribution = "…".'
            )
        connector = load(manager, point, chosen)
    except PluginRefusedError as error:
        standing, reason = Standing.NOT_ALLOWED, error.message
    except PluginLoadError as error:
        standing, reason = Standing.FAILED, error.message
    except PluginError as error:
        standing, reason = Standing.REFUSED, error.message
    return Entry(point.name, distribution, version, standing, reason, connector, chosen or PluginSettings())


def _settings_for(point: EntryPoint, settings: Settings) -> PluginSettings | None:
    if settings.plugins is None:
        return PluginSettings() if identity(point.dist)[0] == OWN_DISTRIBUTION else None
    return settings.plugins.get(point.name)


def _is_candidate(point: EntryPoint, settings: Settings) -> bool:
    chosen = _settings_for(point, settings)
    return (
        chosen is not None
        and chosen.enabled
        and (not chosen.distribution or chosen.distribution == identity(point.dist)[0])
    )


def _not_allowed(point: EntryPoint, settings: Settings, chosen: PluginSettings | None) -> str:
    if chosen is not None:
        return "It is disabled in plugins.toml (enabled = false)."
    if settings.plugins is None:
        return f"Without a plugins.toml, only the connectors of connector-core are allowed: add [plugins.{point.name}]."
    return f"It is not named in plugins.toml: add [plugins.{point.name}]."

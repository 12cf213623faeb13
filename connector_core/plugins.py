"""Plugins: entry points that plugins.toml allows, loaded one by one. A failure is kept with its reason."""

import asyncio
import inspect
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import pluggy
from pydantic import ValidationError

from connector_core import hookspecs
from connector_core.contract import verify
from connector_core.errors import (
    PluginConflictError,
    PluginContractError,
    PluginError,
    PluginLoadError,
    PluginRefusedError,
)
from connector_core.outcomes import Certificate, KindPlan, Report, Run
from connector_core.problems import sentence
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.manifest import Manifest
from connector_core.settings import PluginSettings, Settings

GROUP = "connector_core"
OWN_DISTRIBUTION = "connector-core"
NAMESPACE = "connectors"
OBSERVER_SECONDS = 10.0


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
        self._manager = manager
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
            f"There is no connector named {name!r}; ready: {known}.", hint="discover list shows every plugin found."
        )

    def entry(self, name: str) -> Entry:
        """Return the entry of a ready connector."""
        return self._ready[name]

    def settings(self, name: str) -> PluginSettings:
        return self._ready[name].settings

    async def run_started(self, run: Run) -> None:
        await self._tell("discovery_run_started", run=run)

    async def kind_certified(self, run: Run, certificate: Certificate) -> None:
        await self._tell("discovery_kind_certified", run=run, certificate=certificate)

    async def plan_made(self, run: Run, plans: tuple[KindPlan, ...]) -> None:
        await self._tell("discovery_plan_made", run=run, plans=plans)

    async def run_finished(self, report: Report) -> None:
        await self._tell("discovery_run_finished", report=report)

    async def _tell(self, hook: str, **arguments: Any) -> None:
        """Call every observer, one by one: pluggy awaits nothing, and one that raises would silence the others."""
        import structlog  # It imports rich, which a list of plugins does not need.

        log = structlog.get_logger()
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                wanted = [arguments[name] for name in implementation.argnames]
                result = implementation.function(*wanted)
                if inspect.isawaitable(result):
                    async with asyncio.timeout(OBSERVER_SECONDS):
                        await result
            except (Exception, SystemExit) as error:  # noqa: BLE001 - an observer never changes a run
                log.warning(
                    "observer_failed",
                    plugin=implementation.plugin_name,
                    hook=hook,
                    error=type(error).__name__,
                )


def load(settings: Settings) -> Registry:
    """Find every plugin, and load those that are allowed. No plugin makes it raise."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    rivals = Counter(point.name for point in points if _is_candidate(point, settings))
    entries = [_entry(manager, point, settings, rivals) for point in points]
    absent = (settings.plugins or {}).keys() - {point.name for point in points}
    return Registry(manager, [*entries, *(_absent(name) for name in sorted(absent))])


def registry_of(connector: type[AnyConnector], settings: PluginSettings | None = None) -> Registry:
    """Return a registry of this connector alone, without an entry point. PluginError if it breaks the contract."""
    chosen = settings or PluginSettings()
    name = connector.manifest.name
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    entry = Entry(name, "", "", Standing.READY, connector=verify(name, connector, chosen), settings=chosen)
    return Registry(manager, [entry])


def _absent(name: str) -> Entry:
    reason = "plugins.toml allows it, but no installed distribution has it: install one, or correct the name."
    return Entry(name, "", "", Standing.FAILED, reason)


def _entry(manager: pluggy.PluginManager, point: EntryPoint, settings: Settings, rivals: Counter[str]) -> Entry:
    chosen = _settings_for(point, settings)
    version = _known_as(point.dist)[1]
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
        connector = _load(manager, point, chosen)
    except PluginRefusedError as error:
        standing, reason = Standing.NOT_ALLOWED, error.message
    except PluginLoadError as error:
        standing, reason = Standing.FAILED, error.message
    except PluginError as error:
        standing, reason = Standing.REFUSED, error.message
    return Entry(point.name, _distribution(point), version, standing, reason, connector, chosen or PluginSettings())


def _distribution(point: EntryPoint) -> str:
    return _known_as(point.dist)[0]


@lru_cache(64)
def _known_as(distribution: Distribution | None) -> tuple[str, str]:
    """Return its name and version. Cached: each access parses all of its metadata again."""
    return (distribution.name, distribution.version) if distribution else ("", "")


def _settings_for(point: EntryPoint, settings: Settings) -> PluginSettings | None:
    if settings.plugins is None:
        return PluginSettings() if _distribution(point) == OWN_DISTRIBUTION else None
    return settings.plugins.get(point.name)


def _is_candidate(point: EntryPoint, settings: Settings) -> bool:
    chosen = _settings_for(point, settings)
    return (
        chosen is not None
        and chosen.enabled
        and (not chosen.distribution or chosen.distribution == _distribution(point))
    )


def _not_allowed(point: EntryPoint, settings: Settings, chosen: PluginSettings | None) -> str:
    if chosen is not None:
        return "It is disabled in plugins.toml (enabled = false)."
    if settings.plugins is None:
        return f"Without a plugins.toml, only the connectors of connector-core are allowed: add [plugins.{point.name}]."
    return f"It is not named in plugins.toml: add [plugins.{point.name}]."


def _load(manager: pluggy.PluginManager, point: EntryPoint, settings: PluginSettings) -> type[AnyConnector] | None:
    """Return the plugin's connector; None for a plugin that only observes."""
    if point.value.split(":")[0].split(".")[0] == NAMESPACE and (place := hidden_namespace()):
        raise PluginLoadError(
            f"A package named {NAMESPACE} at {place} hides the connectors: rename it, or remove it from the path."
        )
    try:
        # Whatever a plugin prints while it is imported must not end up in our JSON.
        with redirect_stdout(sys.stderr):
            plugin = point.load()
            _register(manager, point.name, plugin)
            return _connector_of(manager, point.name, plugin, settings)
    except BaseException as error:
        if manager.has_plugin(point.name):
            manager.unregister(name=point.name)
        if isinstance(error, (PluginError, KeyboardInterrupt)):
            raise
        if isinstance(error, ValidationError) and error.title == Manifest.__name__:
            raise PluginContractError(f"Its manifest is not valid: {sentence(error)}.") from None
        raise PluginLoadError(f"{point.value} cannot be loaded: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    """Return the error's type and message, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def hidden_namespace() -> str:
    """Return the place of a regular package or module that hides the namespace ``connectors``, or nothing."""
    spec = find_spec(NAMESPACE)
    return spec.origin or "" if spec else ""


def _register(manager: pluggy.PluginManager, name: str, plugin: Any) -> None:
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginContractError(f"Its hooks are not valid: {error}") from error


def _connector_of(
    manager: pluggy.PluginManager, name: str, plugin: Any, settings: PluginSettings
) -> type[AnyConnector] | None:
    if not manager.get_hookcallers(plugin):
        raise PluginContractError("It implements no hook.")
    hooks = [one for one in manager.hook.discovery_connectors.get_hookimpls() if one.plugin is plugin]
    if not hooks:
        return None
    function: Any = hooks[0].function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginContractError(
            "Its discovery_connectors is async, so pluggy would never run it: make it a plain function."
        )
    brought = function()
    connectors = list(brought) if isinstance(brought, Iterable) else [brought]
    if len(connectors) != 1:
        raise PluginContractError(f"It has {len(connectors)} connectors; an entry point must have exactly one.")
    return verify(name, connectors[0], settings)

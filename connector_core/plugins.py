"""Plugins: entry points that plugins.toml allows, loaded one by one, each failure kept with its reason."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import pluggy
import structlog
from packaging.specifiers import SpecifierSet
from pydantic import ValidationError

from connector_core import hookspecs
from connector_core.connector import AnyConnector, Connector, Options
from connector_core.errors import (
    PluginConflictError,
    PluginContractError,
    PluginError,
    PluginLoadError,
    PluginRefusedError,
)
from connector_core.manifest import API_VERSION, Manifest
from connector_core.outcomes import Certificate, KindPlan, Report, Run
from connector_core.settings import PluginSettings, Settings

GROUP = "connector_core"
OWN_DISTRIBUTION = "connector-core"
NAMESPACE = "connectors"
OBSERVER_SECONDS = 10.0


class Standing(StrEnum):
    """Where a plugin stands, as `discover list` shows it."""

    READY = "ready"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_ALLOWED = "not allowed"


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
    """What was found, and the typed face over the hooks."""

    def __init__(self, manager: pluggy.PluginManager, entries: Iterable[Entry]) -> None:
        self._manager = manager
        self.entries = tuple(entries)
        self._ready = {entry.connector.manifest.name: entry for entry in self.entries if entry.connector is not None}

    @property
    def connectors(self) -> Mapping[str, type[AnyConnector]]:
        return MappingProxyType({name: entry.connector for name, entry in self._ready.items() if entry.connector})

    def connector(self, name: str) -> type[AnyConnector]:
        """The connector of this name, or the reason why there is none."""
        if name in self.connectors:
            return self.connectors[name]
        for entry in self.entries:
            if entry.name == name:
                raise PluginRefusedError(f"The connector {name} is {entry.standing}: {entry.reason}")
        known = ", ".join(sorted(self.connectors)) or "none"
        raise PluginRefusedError(
            f"There is no connector {name}; ready: {known}.", hint="discover list shows every plugin found."
        )

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
        """Every observer in turn. pluggy awaits nothing, and one that raises would silence its siblings."""
        log = structlog.get_logger()
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                wanted = [arguments[name] for name in implementation.argnames]
                result = implementation.function(*wanted)
                if inspect.isawaitable(result):
                    async with asyncio.timeout(OBSERVER_SECONDS):
                        await result
            except Exception as error:  # noqa: BLE001 - an observer changes nothing, whatever it raises
                log.warning(
                    "observer_failed",
                    plugin=implementation.plugin_name,
                    hook=hook,
                    error=type(error).__name__,
                )


def load(settings: Settings) -> Registry:
    """Finds every plugin and loads those that are allowed. Never raises for a plugin's sake."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    rivals = Counter(point.name for point in points if _is_candidate(point, settings))
    return Registry(manager, [_entry(manager, point, settings, rivals) for point in points])


def _entry(manager: pluggy.PluginManager, point: EntryPoint, settings: Settings, rivals: Counter[str]) -> Entry:
    chosen = _settings_for(point, settings)
    version = point.dist.version if point.dist else ""
    standing, reason, connector = Standing.READY, "", None
    try:
        if chosen is None or not chosen.enabled:
            raise PluginRefusedError(_not_allowed(point, settings, chosen))
        if not _is_candidate(point, settings):
            raise PluginRefusedError(f"plugins.toml takes {point.name} from {chosen.distribution} only.")
        if rivals[point.name] > 1:
            raise PluginConflictError(
                f"{rivals[point.name]} distributions bring a plugin named {point.name}: name the one you trust "
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
    return point.dist.name if point.dist else ""


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
        return "plugins.toml switches it off (enabled = false)."
    if settings.plugins is None:
        return (
            f"Without a plugins.toml only this distribution's own connectors are allowed: add [plugins.{point.name}]."
        )
    return f"plugins.toml does not name it: add [plugins.{point.name}]."


def _load(manager: pluggy.PluginManager, point: EntryPoint, settings: PluginSettings) -> type[AnyConnector]:
    if point.value.split(":")[0].split(".")[0] == NAMESPACE and (place := hidden_namespace()):
        raise PluginLoadError(
            f"A package named {NAMESPACE} at {place} hides the connectors: rename it, or take it off the path."
        )
    try:
        plugin = point.load()
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{point.value} cannot be imported: {_brief(error)}") from error
    _register(manager, point.name, plugin)
    try:
        return _connector_of(manager, point.name, plugin, settings)
    except PluginError:
        manager.unregister(plugin)
        raise


def _brief(error: BaseException) -> str:
    """The error's type and words, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def hidden_namespace() -> str:
    """Where a regular package or a module named ``connectors`` stands in the way, or nothing."""
    spec = find_spec(NAMESPACE)
    return spec.origin or "" if spec else ""


def _register(manager: pluggy.PluginManager, name: str, plugin: Any) -> None:
    try:
        manager.register(plugin, name=name)
    except Exception as error:
        # register() adds the plugin before it verifies its hooks, so a refused one must be taken out again.
        if manager.has_plugin(name):
            manager.unregister(name=name)
        raise PluginContractError(f"Its hooks are wrong: {error}") from error
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        manager.unregister(plugin)
        raise PluginContractError(f"It implements an unknown hook: {error}") from error


def _connector_of(
    manager: pluggy.PluginManager, name: str, plugin: Any, settings: PluginSettings
) -> type[AnyConnector]:
    hooks = [one for one in manager.hook.discovery_connectors.get_hookimpls() if one.plugin is plugin]
    if not hooks:
        raise PluginContractError("It does not implement discovery_connectors.")
    if inspect.iscoroutinefunction(hooks[0].function) or inspect.isasyncgenfunction(hooks[0].function):
        raise PluginContractError("discovery_connectors is async, so pluggy would never run it: make it a plain def.")
    try:
        connectors = list(_called(hooks[0]))
    except Exception as error:
        raise PluginLoadError(f"discovery_connectors raised {_brief(error)}") from error
    if len(connectors) != 1:
        raise PluginContractError(f"It brings {len(connectors)} connectors; one entry point brings one.")
    _verify(name, connectors[0], settings)
    connector: type[AnyConnector] = connectors[0]
    return connector


def _called(hook: pluggy.HookImpl) -> Iterable[Any]:
    brought: Any = hook.function()
    return brought if isinstance(brought, Iterable) else (brought,)


def _verify(name: str, connector: Any, settings: PluginSettings) -> None:
    if not (inspect.isclass(connector) and issubclass(connector, Connector)):
        raise PluginContractError("discovery_connectors must give subclasses of Connector.")
    if inspect.isabstract(connector):
        missing = ", ".join(sorted(connector.__abstractmethods__))
        raise PluginContractError(f"{connector.__name__} lacks {missing}.")
    manifest = getattr(connector, "manifest", None)
    if not isinstance(manifest, Manifest):
        raise PluginContractError(f"{connector.__name__} has no manifest.")
    if not SpecifierSet(manifest.api).contains(API_VERSION):
        raise PluginContractError(f"It works with API {manifest.api}, and this host offers {API_VERSION}.")
    if manifest.name != name:
        raise PluginContractError(f"Its manifest is named {manifest.name}, its entry point {name}.")
    if not hasattr(connector, "credentials_type"):
        raise PluginContractError(f"{connector.__name__} names no credentials: write Connector[YourCredentials].")
    secrets = [one.name for one in connector.credentials_type.form() if one.secret]
    if manifest.auth.field not in secrets:
        raise PluginContractError(f"Its manifest authenticates by {manifest.auth.field}, which is no secret field.")
    if not connector.declarations:
        raise PluginContractError(f"{connector.__name__} discovers nothing.")
    try:
        options_of(connector, settings)
    except ValueError as error:
        raise PluginContractError(f"Its options in plugins.toml are wrong: {error}") from None


def options_of(connector: type[AnyConnector], settings: PluginSettings) -> Options:
    """The connector's options. ValueError names each wrong key."""
    try:
        return connector.options_type.model_validate(dict(settings.options))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in problems]
        raise ValueError("; ".join(lines)) from None

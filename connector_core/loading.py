"""Loading one plugin: what it may break while it is imported, it breaks alone."""

import inspect
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from contextlib import redirect_stdout
from contextvars import ContextVar
from functools import partial
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import Any, TextIO, cast

import pluggy
from pydantic import ValidationError

from connector_core import hookspecs
from connector_core.contract import verify
from connector_core.distributions import verify_origin
from connector_core.errors import PluginConflictError, PluginContractError, PluginError, PluginLoadError
from connector_core.problems import sentence
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.manifest import Manifest
from connector_core.settings import PluginSettings
from connector_core.threads import in_thread

NAMESPACE = "connectors"
SLOW_SECONDS = 1.0
"""After so long, a plugin that is still loading is named."""

_IS_PLUGIN: ContextVar[bool] = ContextVar("connector_core_is_plugin", default=False)
"""True in the thread in which a plugin is loaded."""

Loader = Callable[[pluggy.PluginManager, EntryPoint, PluginSettings], type[AnyConnector] | None]


def new_hooks() -> pluggy.PluginManager:
    """Return a manager that knows our hooks, and no plugin."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugin(
    hooks: pluggy.PluginManager,
    point: EntryPoint,
    settings: PluginSettings,
    *,
    timeout: float,
    on_slow: Callable[[str], None],
) -> type[AnyConnector] | None:
    """Load a plugin and add its hooks; return its connector, or None if it only observes. PluginError says why not.

    Its code runs in a thread, so that one that hangs is given up.
    """
    # Whatever a plugin prints while it is imported must not end up in our JSON.
    with redirect_stdout(sys.stderr):
        loading = in_thread(f"plugin {point.name}", partial(_loaded, point, settings))
        wait((loading,), min(SLOW_SECONDS, timeout))
        if not loading.done() and timeout > SLOW_SECONDS:
            on_slow(point.name)
            wait((loading,), timeout - SLOW_SECONDS)
    if not loading.done():
        if not isinstance(sys.stdout, _Output):
            sys.stdout = cast("TextIO", _Output(sys.stdout))
        raise PluginLoadError(f"{point.value} has not loaded within {timeout:g} s.")
    result = loading.result()
    if isinstance(result, BaseException):
        raise result
    plugin, connector = result
    try:
        hooks.register(plugin, name=point.name)
    except ValueError:
        raise PluginConflictError(f"{point.value} is a plugin already, by another name.") from None
    return connector


class _Output:
    """Standard output, except for plugins that were given up: what they print goes to standard error."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _IS_PLUGIN.get() else self._stdout, name)


def _loaded(point: EntryPoint, settings: PluginSettings) -> tuple[Any, type[AnyConnector] | None]:
    _IS_PLUGIN.set(True)
    if point.value.split(":")[0].split(".")[0] == NAMESPACE and (place := hidden_namespace()):
        raise PluginLoadError(
            f"A package named {NAMESPACE} at {place} hides the connectors: rename it, or remove it from the path."
        )
    try:
        verify_origin(point)
        plugin = point.load()
        # By hooks of its own: one that is given up must not join the others when it ends after all.
        return plugin, _connector_of(point.name, plugin, settings)
    except BaseException as error:
        # One of ours; the plugin may raise others, without a message.
        if isinstance(error, PluginError) and hasattr(error, "message"):
            raise
        if isinstance(error, ValidationError) and error.title == Manifest.__name__:
            raise PluginContractError(f"Its manifest is not valid: {sentence(error, Manifest)}.") from None
        raise PluginLoadError(f"{point.value} cannot be loaded: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    """Return the error's type and message, on one line."""
    try:
        said = " ".join(str(error).split())[:300]
    except BaseException:  # noqa: BLE001 - its __str__ is the plugin's code
        said = "an error that cannot be printed"
    return f"{type(error).__name__}: {said}"


def hidden_namespace() -> str:
    """Return the place of a regular package or module that hides the namespace ``connectors``, or nothing."""
    spec = find_spec(NAMESPACE)
    return spec.origin or "" if spec else ""


def _connector_of(name: str, plugin: Any, settings: PluginSettings) -> type[AnyConnector] | None:
    """Return the plugin's connector; None for a plugin that only observes."""
    manager = new_hooks()
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginContractError(f"Its hooks are not valid: {error}") from error
    if not manager.get_hookcallers(plugin):
        raise PluginContractError("It implements no hook.")
    hooks = manager.hook.discovery_connectors.get_hookimpls()
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

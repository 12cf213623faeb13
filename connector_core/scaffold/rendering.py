"""Rendering of the template: the files of a new connector, with the generated parts of its README."""

import importlib
import keyword
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

from connector_core import public
from connector_core.contract import verify
from connector_core.distributions import how_to_install
from connector_core.errors import PluginLoadError, SettingsError
from connector_core.loading import NAMESPACE, hidden_namespace
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import PluginSettings
from connector_core.testing.kit.tiers import Tier
from connector_core.testing.readme import regenerated, with_tier

TEMPLATE = Path(__file__).with_name("template")
EXTRA = how_to_install("author")
TAKEN = (
    *public.__all__,
    *("Any", "AsyncIterator", "Owner", "People", "Person", "Unit", "Units"),
    # Names once Credentials or Simulator is appended.
    *("Client", "Staff"),
    *(one for one in keyword.kwlist if one[0].isupper()),
)
"""Names that the template's modules use, so that the connector's class needs another one."""

Files = dict[PurePath, str]
"""Texts by path in a distribution."""


def render(name: str, given: Mapping[str, Any], *, in_tree: bool, ask: bool) -> Files:
    """Render the files of the connector, at their paths in a distribution of its own.

    Args:
        name: Name of the connector.
        given: Answers to questions of ``copier.yml``.
        in_tree: True for a checkout of this project.
        ask: True to ask the remaining questions on the terminal; otherwise their defaults are used.

    Raises:
        SettingsError: An answer is invalid, or the extra is not installed.
        KeyboardInterrupt: The questions were cancelled.
    """
    data = {**given, "name": name, "in_tree": in_tree, "reserved": TAKEN}
    with TemporaryDirectory(prefix="connector-core-new-") as temporary:
        folder = Path(temporary)
        _copy(folder, data, ask=ask)
        files: Files = {
            one.relative_to(folder): one.read_text(encoding="utf-8") for one in folder.rglob("*") if one.is_file()
        }
        readme = PurePath(NAMESPACE, name, "README.md")
        with _imported(folder, name) as connector:
            # The template's tier, proven by tests/test_new.py. The connector's tests fail once its own differs.
            files[readme] = regenerated(with_tier(files[readme], str(Tier.PLATINUM)), connector)
    return dict(sorted(files.items()))


def _copy(folder: Path, data: Mapping[str, Any], *, ask: bool) -> None:
    try:
        # Late: an extra that only authors install.
        from copier import Settings, run_copy
        from copier.errors import InteractiveSessionError
    except ImportError:
        raise SettingsError("`discover new` needs copier and tomlkit.", hint=f"Install them: {EXTRA}") from None
    try:
        # Default settings: an author's own settings for other templates must not change the result.
        run_copy(str(TEMPLATE), folder, dict(data), settings=Settings(), defaults=not ask, quiet=True)
    except InteractiveSessionError:
        raise KeyboardInterrupt from None
    except ValueError as error:
        # The prefix only says that a question's validator raised it.
        raise SettingsError(f"{str(error).partition(': ')[2]}.", hint="See discover new --help.") from None


@contextmanager
def _imported(folder: Path, name: str) -> Iterator[type[AnyConnector]]:
    """Import and verify the connector in this folder, and forget its modules when the context ends."""
    if place := hidden_namespace():
        raise PluginLoadError(f"A package named {NAMESPACE} at {place} hides the connectors. Rename it.")
    package = f"{NAMESPACE}.{name}"
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        (connector,) = importlib.import_module(package).discovery_connectors()
        yield verify(name, connector, PluginSettings())
    finally:
        sys.path.remove(str(folder))
        for module in [one for one in sys.modules if f"{one}.".startswith(f"{package}.")]:
            del sys.modules[module]

"""The template, rendered: the files of a new connector, its README's generated parts included."""

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
from connector_core.errors import PluginLoadError, SettingsError
from connector_core.plugins import NAMESPACE, hidden_namespace
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import PluginSettings
from connector_core.testing.kit.rules import Tier
from connector_core.testing.pages import current, with_tier

TEMPLATE = Path(__file__).with_name("template")
EXTRA = 'pip install "connector-core[author]"'
TAKEN = (
    *public.__all__,
    *("Any", "AsyncIterator", "Owner", "People", "Person", "Unit", "Units"),
    # With Credentials and Simulator behind them.
    *("Client", "Staff"),
    *(one for one in keyword.kwlist if one[0].isupper()),
)
"""What the template's modules name: a connector's class has another name."""

Files = dict[PurePath, str]
"""Text by its place in a distribution."""


def render(name: str, given: Mapping[str, Any], *, in_tree: bool, ask: bool) -> Files:
    """The files of the connector as a distribution of its own would have them.

    Args:
        name: The connector's.
        given: Answers to the questions of ``copier.yml``.
        in_tree: Whether they are for a checkout of this project.
        ask: Whether somebody is there to answer the rest. Else the defaults are taken.

    Raises:
        SettingsError: An answer is refused, or the extra is not installed.
        KeyboardInterrupt: Who was asked has cancelled.
    """
    data = {**given, "name": name, "in_tree": in_tree, "reserved": TAKEN}
    with TemporaryDirectory(prefix="connector-core-new-") as temporary:
        folder = Path(temporary)
        _copy(folder, data, ask=ask)
        files: Files = {
            one.relative_to(folder): one.read_text(encoding="utf-8") for one in folder.rglob("*") if one.is_file()
        }
        page = PurePath(NAMESPACE, name, "README.md")
        with _imported(folder, name) as connector:
            # The template's own, which tests/test_new.py proves. The connector's tests fail once it is another.
            files[page] = current(with_tier(files[page], str(Tier.PLATINUM)), connector)
    return dict(sorted(files.items()))


def _copy(folder: Path, data: Mapping[str, Any], *, ask: bool) -> None:
    try:
        # Only authors have them: they are an extra.
        from copier import Settings, run_copy
        from copier.errors import InteractiveSessionError
    except ImportError:
        raise SettingsError(f"`discover new` needs copier and tomlkit, the extra for authors: {EXTRA}.") from None
    try:
        # Settings of nobody: what an author sets for templates of other people changes nothing here.
        run_copy(str(TEMPLATE), folder, dict(data), settings=Settings(), defaults=not ask, quiet=True)
    except InteractiveSessionError:
        raise KeyboardInterrupt from None
    except ValueError as error:
        # What stands before the sentence says only that it is about a question.
        raise SettingsError(f"{str(error).partition(': ')[2]}.", hint="discover new --help says more.") from None


@contextmanager
def _imported(folder: Path, name: str) -> Iterator[type[AnyConnector]]:
    """The connector in this folder, which must keep the contract; it is forgotten afterwards."""
    if place := hidden_namespace():
        raise PluginLoadError(f"A package named {NAMESPACE} at {place} hides the connectors: rename it.")
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

"""Everything a connector is written with. Importing it loads neither the CLI, the store nor the network.

The names are loaded when the first one is used: `discover --help` needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector_core.public import *  # noqa: F403 - the names are listed there


def __getattr__(name: str) -> Any:
    # The import system asks for submodules, and for private names of its own.
    if name == "public" or (name.startswith("_") and name != "__all__"):
        raise AttributeError(name)
    return getattr(import_module("connector_core.public"), name)

"""The author's door: all that a connector imports. It pulls in neither the CLI, the store nor the network.

It opens when the first name is asked for: `discover --help` needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector_core.door import *  # noqa: F403 - the names are listed there


def __getattr__(name: str) -> Any:
    # The import system asks for modules, and for private names of its own.
    if name == "door" or (name.startswith("_") and name != "__all__"):
        raise AttributeError(name)
    return getattr(import_module("connector_core.door"), name)

"""The flags that every command has."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from connector_core.settings import Settings

if TYPE_CHECKING:  # The host imports aiohttp, which most commands do not need.
    from connector_core.host import Host
    from connector_core.plugins import Registry


_WITHOUT = frozenset({"settings", "secrets", "new", "demo"})
"""Commands that no hint is about, or that need neither the settings nor the store."""


@Parameter(name="*")
@dataclass(frozen=True)
class Flags:
    json: Annotated[bool, Parameter(negative="")] = False
    """Print JSON."""
    settings: Path | None = None
    """Settings file, instead of ./plugins.toml."""
    store: Path | None = None
    """Database, instead of the one named in the settings."""
    verbose: Annotated[bool, Parameter(negative="")] = False
    """Log every step to standard error."""

    def command(self, typed: str, *, program: str = "discover") -> str:
        """Return a command to type next: with the settings and the store that were given to this one."""
        return f"{program} {typed}{self._places}"

    def hint(self, text: str) -> str:
        """Return a hint whose commands are to be typed with them, too."""
        from connector_core.cli.main import COMMANDS  # It names the modules that import this one.

        names = "|".join(name for name, _, _ in COMMANDS if name not in _WITHOUT)
        # Behind the command's name: where its arguments end, a sentence may go on.
        return re.sub(rf"\bdiscover ({names})(?= |$)", lambda found: f"{found[0]}{self._places}", text)

    @property
    def _places(self) -> str:
        given = (("--settings", self.settings), ("--store", self.store))
        return "".join(f" {name} {shlex.quote(str(path))}" for name, path in given if path)

    def host(self) -> "Host":
        """Configure the logs, and return a host with these settings."""
        from connector_core import logs  # See above.
        from connector_core.host import Host

        logs.configure(verbose=self.verbose)
        return Host(Settings.load(self.settings, store=self.store))

    def registry(self, *, timeout: float | None = None) -> "Registry":
        """Return the installed plugins, without a host. ``timeout`` is how many seconds each may take to load."""
        from connector_core.plugins import load  # See above.

        return load(Settings.load(self.settings, store=self.store), timeout=timeout, on_slow=_name_slow)


def typed_program() -> str:
    """Return this program as it was typed: its folder may not be in PATH."""
    return shlex.quote(sys.argv[0])


def _name_slow(plugin: str) -> None:
    from connector_core.cli.output import error_console  # Needed only here.

    error_console().print(f"The plugin {plugin} is still loading …")


DEFAULT = Flags()

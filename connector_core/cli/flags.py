"""The flags that every command has."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from connector_core.settings import Settings

if TYPE_CHECKING:  # The host imports aiohttp, which most commands do not need.
    from connector_core.host import Host
    from connector_core.plugins import Registry


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


def _name_slow(plugin: str) -> None:
    from connector_core.cli.output import error_console  # Needed only here.

    error_console().print(f"The plugin {plugin} is still loading …")


DEFAULT = Flags()

"""The flags that every command has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from connector_core import logs
from connector_core.host import Host
from connector_core.settings import Settings


@Parameter(name="*")
@dataclass(frozen=True)
class Flags:
    json: Annotated[bool, Parameter(negative="")] = False
    """Print JSON."""
    settings: Path | None = None
    """The settings file, in place of ./plugins.toml."""
    store: Path | None = None
    """The database, in place of the one that the settings name."""
    verbose: Annotated[bool, Parameter(negative="")] = False
    """Log every step to standard error."""

    def host(self) -> Host:
        """A host with these settings, and logging set up."""
        logs.configure(verbose=self.verbose)
        return Host(Settings.load(self.settings, store=self.store))


DEFAULT = Flags()

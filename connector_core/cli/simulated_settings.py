"""The settings file that ``simulate`` and ``demo`` write: complete, to be used as it is."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from connector_core.errors import BusyError, SettingsError
from connector_core.files import locked, write_privately

_HEADING = "# Written by discover simulate. It adds its simulators here, until you change this file: then it is yours."
_CHECK = "Check the path given to --settings."
_PATIENCE = 10.0
"""Seconds to wait while another simulator writes to the same file."""


@dataclass(frozen=True)
class SimulatedSettings:
    """Settings that lead to simulators, with a store and a key of their own beside the file."""

    file: Path
    plugins: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> Self | None:
        """Return the settings in a file that was written here; None for any other, and for one that was changed."""
        try:
            text = file.read_text(encoding="utf-8")
            values = tomllib.loads(text)
            found = cls(file, tuple(values["plugins"]), dict(values["host"]["resolve"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found.render() == text else None

    async def save(self) -> Self:
        """Write the file, with the simulators that it leads to already, and return all of it."""
        if not self.file.parent.is_dir():
            raise SettingsError(f"The folder {self.file.parent} does not exist.", hint=_CHECK)
        try:
            async with locked(self.file.with_name(f".{self.file.name}.lock"), patience=_PATIENCE):
                written = self.of(self.file) or self
                plugins = sorted({*written.plugins, *self.plugins})
                merged = replace(self, plugins=tuple(plugins), resolve={**written.resolve, **self.resolve})
                write_privately(self.file, merged.render().encode())
        except TimeoutError:
            raise BusyError(f"{self.file} is in use by another simulator that starts.", hint="Try again.") from None
        except OSError as error:
            raise SettingsError(f"{self.file} cannot be written: {error.strerror}.", hint=_CHECK) from None
        return merged

    def render(self) -> str:
        """Return the text of the file."""
        own = (f"store = {quoted(f'{self.file.stem}.sqlite')}", f"key_file = {quoted(f'{self.file.stem}.key')}")
        places = (f"{quoted(host)} = {quoted(place)}" for host, place in self.resolve.items())
        tables = ("", *(f"[plugins.{name}]" for name in self.plugins), *_table("host", own))
        return "\n".join((_HEADING, *tables, *_table("host.resolve", places), ""))


def _table(name: str, lines: Iterable[str]) -> tuple[str, ...]:
    return ("", f"[{name}]", *lines)


def quoted(text: str) -> str:
    """Return a text as a string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)

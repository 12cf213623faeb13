"""plugins.toml: all of its tables, read from the file, with errors that name the line."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from connector_core.errors import SettingsError
from connector_core.problems import problems
from connector_core.settings.host import HostSettings
from connector_core.settings.plugins import PluginSettings
from connector_core.settings.service import NoticeSettings, ScheduleSettings, WebSettings
from connector_core.settings.table import SettingsTable

DEFAULT_FILE = "plugins.toml"


class Settings(SettingsTable):
    """All settings. Without ``plugins``, only the connectors of this distribution are allowed."""

    host: HostSettings = HostSettings()
    plugins: Mapping[str, PluginSettings] | None = None
    web: WebSettings = WebSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    notices: NoticeSettings = NoticeSettings()

    @classmethod
    def load(cls, file: Path | None = None, *, store: Path | None = None) -> "Settings":
        """Read ``file``, or plugins.toml where there is one. ``store`` overrides the path of the database."""
        path = file or Path(DEFAULT_FILE)
        values: dict[str, Any] = {}
        if file or path.exists():
            values = _read(path)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise _explain(path, error, cls) from None
        host, web, folder = settings.host, settings.web, path.parent
        places = {
            "store": store or folder / host.store,
            "key_file": folder / host.key_file if host.key_file else None,
        }
        files = {name: folder / file for name in ("certificate", "key") if (file := getattr(web, name))}
        return settings.model_copy(update={"host": host.model_copy(update=places), "web": web.model_copy(update=files)})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist.", hint="Check the path given to --settings.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}.") from None


def _explain(path: Path, error: ValidationError, model: type[BaseModel]) -> SettingsError:
    text = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    lines = []
    for one in problems(error, model):
        line = _line_of(text, list(one.place))
        lines.append(f"{f'line {line}: ' if line else ''}{'.'.join(one.place)}: {one.said}")
    return SettingsError(f"{path}: {'; '.join(lines)}.", hint="Every key, with its meaning: discover settings")


def _line_of(text: list[str], keys: list[str]) -> int:
    """Return the line of the deepest of these keys that has a line of its own, or 0."""
    table: list[str] = []
    found = depth = 0
    for number, line in enumerate(text, 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            place = table = _parts(header[1])
        elif key := re.match(r"""\s*([\w.\-"'/]+)\s*=""", line):
            place = [*table, *_parts(key[1])]
        else:
            continue
        shared = min(len(place), len(keys))
        if shared > depth and place[:shared] == keys[:shared]:
            found, depth = number, shared
    return found


def _parts(key: str) -> list[str]:
    return [quoted or bare for quoted, bare in re.findall(r"""["']([^"']*)["']|([^.\s"']+)""", key)]

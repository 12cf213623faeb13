"""The keys of plugins.toml: ``settings``."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.settings import (
    HostSettings,
    LimitSettings,
    NoticeSettings,
    PluginSettings,
    ScheduleSettings,
    WebSettings,
)

_TABLES: Mapping[str, type[BaseModel]] = {
    "plugins.NAME": PluginSettings,
    'plugins.NAME.limits."/PATH"': LimitSettings,
    "host": HostSettings,
    "web": WebSettings,
    "schedule": ScheduleSettings,
    "notices": NoticeSettings,
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of plugins.toml."""

    table: str
    key: str
    default: str
    """As TOML writes it; empty for a key that has to be given, and for a table that has keys of its own."""
    meaning: str


def settings(*, flags: Flags = DEFAULT) -> int:
    """List every key of plugins.toml, with its default and its meaning."""
    found = [one for name, model in _TABLES.items() for one in _every_key(name, model)]
    if flags.json:
        print_json({"keys": found})
        return 0
    rows = [(f"{one.table}.{one.key}", one.default, one.meaning) for one in found]
    console().print(table(("Key", "Default", "Meaning"), rows))
    return 0


def _every_key(name: str, model: type[BaseModel]) -> Iterator[Key]:
    """Yield the keys of a table, and then those of the tables in it."""
    inner = {}
    for one in keys_of(model, name):
        default = model.model_fields[one.key].default
        if isinstance(default, BaseModel):
            inner[f"{name}.{one.key}"] = type(default)
        else:
            yield one
    for below, kind in inner.items():
        yield from _every_key(below, kind)


def keys_of(model: type[BaseModel], name: str = "") -> list[Key]:
    """Return the keys of one table."""
    meanings = _attribute_docstrings(model)
    keys = []
    for key, field in model.model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        shown = "" if isinstance(default, BaseModel) or default is None else _toml(default)
        keys.append(Key(name, key, shown, meanings.get(key, "")))
    return keys


def _attribute_docstrings(model: type) -> dict[str, str]:
    """Return the strings below a class's attributes.

    pydantic's ``use_attribute_docstrings`` would parse the settings' source whenever a command starts.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        node.target.id: " ".join(str(ast.literal_eval(following.value)).split())
        for node, following in pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(following, ast.Expr)
    }


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else "{}" if isinstance(value, dict) else f'"{value}"'

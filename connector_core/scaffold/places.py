"""Destination of a new connector: a folder of its own, or a checkout of this project, whose tables then name it."""

import keyword
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import Any

from connector_core.distributions import GROUP
from connector_core.errors import SettingsError
from connector_core.loading import NAMESPACE
from connector_core.plugins import OWN_DISTRIBUTION, Entry, Standing
from connector_core.scaffold.rendering import Files
from connector_core.settings import DEFAULT_FILE

PROJECT = "pyproject.toml"
TESTS = "tests"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


def check_name(name: str, found: Iterable[Entry]) -> None:
    """Raise SettingsError if the name is not a module's, or if one of the plugins found has it."""
    # In the tree, a folder tests/connectors would shadow the namespace.
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name == NAMESPACE:
        raise SettingsError(
            f"{name!r} is not a valid name for a connector.",
            hint="The name becomes a Python module: a letter, then letters, digits and underscores, all lower-case, at "
            "most 30 in all, such as acmehr.",
        )
    for entry in found:
        if entry.name == name and entry.distribution and entry.standing is not Standing.NOT_ALLOWED:
            raise SettingsError(f"The name {name} is taken: {entry.distribution} has a connector of that name.")


def free_folder(folder: Path) -> Path:
    """Return the folder if it is empty or does not exist. Raises SettingsError otherwise."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty.", hint="Choose another folder with --into.")
    return folder


def standalone(root: Path, files: Files) -> dict[Path, str]:
    """Return the files of a separate distribution, by path."""
    return {root / file: text for file, text in files.items()}


def checkout(start: Path) -> Path:
    """Return the checkout of this project that contains ``start``. Raises SettingsError if there is none."""
    for folder in (start, *start.parents):
        if _distribution(folder / PROJECT) == OWN_DISTRIBUTION and (folder / NAMESPACE).is_dir():
            return folder
    raise SettingsError(
        f"{start} is not in a checkout of {OWN_DISTRIBUTION}.",
        hint="Change to one, or omit --in-tree to write a distribution of its own.",
    )


def _distribution(project: Path) -> str:
    try:
        document = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(document.get("project", {}).get("name", ""))


def check_tree(root: Path, name: str) -> None:
    """Raise SettingsError if the checkout has files under this name."""
    for folder in (root / NAMESPACE / name, root / TESTS / name):
        if folder.exists():
            raise SettingsError(f"{folder} already exists.", hint="Choose another name, or delete the folder.")


def in_tree(root: Path, name: str, files: Files) -> dict[Path, str]:
    """Return the files of a checkout, by path, with the connector added to its two tables."""
    placed = {root / path: text for file, text in files.items() if (path := _path_in_tree(file, name))}
    placed[root / PROJECT] = with_entry_point((root / PROJECT).read_text(encoding="utf-8"), name)
    settings = root / DEFAULT_FILE
    if settings.is_file():  # Without the file, all connectors of the tree are allowed.
        placed[settings] = with_plugin(settings.read_text(encoding="utf-8"), name)
    return placed


def _path_in_tree(file: PurePath, name: str) -> PurePath | None:
    """Return the path in a checkout; None for a file such as pyproject.toml, of which the checkout has its own."""
    first, *rest = file.parts
    return {NAMESPACE: file, TESTS: PurePath(TESTS, name, *rest)}.get(first) if rest else None


def with_entry_point(text: str, name: str) -> str:
    """Add the connector's entry point to the text of pyproject.toml, and its module to the wheel."""
    import tomlkit  # In the extra for authors, like the template's engine, whose import has been checked.

    document: Any = tomlkit.parse(text)
    document["project"]["entry-points"][GROUP][name] = f"{NAMESPACE}.{name}"
    modules = document["tool"]["uv"]["build-backend"]["module-name"]
    if f"{NAMESPACE}.{name}" not in modules:
        modules.insert(sum(one < f"{NAMESPACE}.{name}" for one in modules), f"{NAMESPACE}.{name}")
    return tomlkit.dumps(document)


def with_plugin(text: str, name: str) -> str:
    """Add a table for the connector to the text of plugins.toml."""
    import tomlkit  # As above.

    document: Any = tomlkit.parse(text)
    plugins = document.setdefault("plugins", tomlkit.table(is_super_table=True))
    if name not in plugins:
        plugins.append(name, tomlkit.table())
    return tomlkit.dumps(document)


def write(files: Mapping[Path, str]) -> None:
    """Write all of these files, or none."""
    with ExitStack() as undo:
        for file, text in files.items():
            for folder in reversed([one for one in file.parents if not one.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            if file.exists():
                undo.callback(file.write_text, file.read_text(encoding="utf-8"), encoding="utf-8")
            else:
                undo.callback(file.unlink, missing_ok=True)
            file.write_text(text, encoding="utf-8")
        undo.pop_all()

"""Where a new connector goes: a folder of its own, or a checkout of this project, whose tables then name it."""

import keyword
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import Any

from connector_core.errors import SettingsError
from connector_core.plugins import GROUP, NAMESPACE, OWN_DISTRIBUTION, Entry, Standing
from connector_core.scaffold.rendering import Files
from connector_core.settings import DEFAULT_FILE

PROJECT = "pyproject.toml"
TESTS = "tests"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


def check_name(name: str, found: Iterable[Entry]) -> None:
    """SettingsError for a name that cannot be a module's, or that one of the plugins found has."""
    # In the tree, a folder tests/connectors would shadow the namespace.
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name == NAMESPACE:
        raise SettingsError(
            f"{name!r} is no name for a connector.",
            hint="It is a Python module too: at most 30 small letters, digits and underscores, such as acmehr.",
        )
    for entry in found:
        if entry.name == name and entry.distribution and entry.standing is not Standing.NOT_ALLOWED:
            raise SettingsError(f"The name {name} is taken: {entry.distribution} brings a connector of that name.")


def free_folder(folder: Path) -> Path:
    """This folder, which is empty or not there yet."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty.", hint="Name another folder with --into.")
    return folder


def apart(root: Path, files: Files) -> dict[Path, str]:
    """The files as they lie in a distribution of its own."""
    return {root / file: text for file, text in files.items()}


def checkout(start: Path) -> Path:
    """The checkout of this project that ``start`` lies in."""
    for folder in (start, *start.parents):
        if _distribution(folder / PROJECT) == OWN_DISTRIBUTION and (folder / NAMESPACE).is_dir():
            return folder
    raise SettingsError(
        f"{start} lies in no checkout of {OWN_DISTRIBUTION}.",
        hint="Go to one, or leave --in-tree out: the connector becomes a distribution of its own.",
    )


def _distribution(project: Path) -> str:
    try:
        told = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(told.get("project", {}).get("name", ""))


def check_tree(root: Path, name: str) -> None:
    """SettingsError if the checkout has something under this name."""
    for folder in (root / NAMESPACE / name, root / TESTS / name):
        if folder.exists():
            raise SettingsError(f"{folder} is there already.", hint="Choose another name, or remove it.")


def in_tree(root: Path, name: str, files: Files) -> dict[Path, str]:
    """The files as they lie in a checkout, and its tables with the connector in them."""
    placed = {root / place: text for file, text in files.items() if (place := _place(file, name))}
    placed[root / PROJECT] = declared((root / PROJECT).read_text(encoding="utf-8"), name)
    settings = root / DEFAULT_FILE
    if settings.is_file():  # Without one, all connectors of the tree are allowed.
        placed[settings] = allowed(settings.read_text(encoding="utf-8"), name)
    return placed


def _place(file: PurePath, name: str) -> PurePath | None:
    """A distribution's own files have no place in a tree that has such of its own."""
    first, *rest = file.parts
    return {NAMESPACE: file, TESTS: PurePath(TESTS, name, *rest)}.get(first) if rest else None


def declared(text: str, name: str) -> str:
    """pyproject.toml with the connector's entry point, and its module in the wheel."""
    import tomlkit  # Of the extra for authors; the template's engine was asked for before.

    document: Any = tomlkit.parse(text)
    document["project"]["entry-points"][GROUP][name] = f"{NAMESPACE}.{name}"
    modules = document["tool"]["uv"]["build-backend"]["module-name"]
    if f"{NAMESPACE}.{name}" not in modules:
        modules.insert(sum(one < f"{NAMESPACE}.{name}" for one in modules), f"{NAMESPACE}.{name}")
    return tomlkit.dumps(document)


def allowed(text: str, name: str) -> str:
    """plugins.toml with a table for the connector."""
    import tomlkit  # As above.

    document: Any = tomlkit.parse(text)
    plugins = document.setdefault("plugins", tomlkit.table(is_super_table=True))
    if name not in plugins:
        plugins.append(name, tomlkit.table())
    return tomlkit.dumps(document)


def write(files: Mapping[Path, str]) -> None:
    """Writes all of these files, or none."""
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

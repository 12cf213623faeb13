"""Installed distributions: the plugins that they name, and the files that are theirs."""

import base64
import csv
import hashlib
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from connector_core.errors import PluginConflictError

GROUP = "connector_core"
"""The group of the entry points that name plugins."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of this program."""
    return f'pip install "connector-core[{extra}]" (in a clone: pip install ".[{extra}]")'


def find_plugins() -> tuple[list[EntryPoint], list[Distribution]]:
    """Return the entry points of plugins, and the distributions whose entry points cannot be read."""
    points: list[EntryPoint] = []
    unreadable: list[Distribution] = []
    try:
        points += entry_points(group=GROUP)
    except Exception:  # noqa: BLE001 - one distribution is broken: each is read alone, to find it
        for distribution in _distributions():
            try:
                points += distribution.entry_points.select(group=GROUP)
            except Exception:  # noqa: BLE001 - reported as unreadable
                unreadable.append(distribution)
    return sorted(points, key=lambda point: (point.name, identity(point.dist))), unreadable


def _distributions() -> Iterable[Distribution]:
    """Return every distribution; of those with one name the first on the path, as Python does."""
    return {canonicalize_name(identity(one)[0]): one for one in reversed([*distributions()])}.values()


@lru_cache(64)
def identity(distribution: Distribution | None) -> tuple[str, str]:
    """Return its name and version. Cached: each access parses all of its metadata again."""
    try:
        return (distribution.name or "", distribution.version or "") if distribution else ("", "")
    except Exception:  # noqa: BLE001 - its metadata is broken, so it counts as nameless
        return "", ""


def verify_origin(point: EntryPoint) -> None:
    """Raise PluginConflictError if another distribution's file would be imported under this one's name.

    The packages around the module are verified before they are imported.
    """
    for name in accumulate(point.module.split("."), "{}.{}".format):
        spec = find_spec(name)
        if spec is None or point.dist is None:
            return  # Importing it says what is wrong.
        # A namespace has no file.
        if spec.origin and not _installed(point.dist, Path(spec.origin).resolve()):
            raise PluginConflictError(
                f"{spec.origin} would be imported as {name}, and is not the file that {point.dist.name} installed: "
                "remove it, or take its folder off Python's path."
            )


def _installed(distribution: Distribution, file: Path) -> bool:
    """Return True if the distribution installed this file, as it is."""
    site = Path(str(distribution.locate_file(""))).resolve()
    if project := _editable_project(distribution):
        # The environment may lie in the project's folder.
        return file.is_relative_to(project) and not file.is_relative_to(site)
    record = distribution.read_text("RECORD")
    if record is None:
        return file.is_relative_to(site)
    place = Path(os.path.relpath(file, site)).as_posix()
    digests = [row[1] for row in csv.reader(record.splitlines()) if row and row[0] == place]
    return bool(digests) and digests[0] in {"", _digest(file)}


def _editable_project(distribution: Distribution) -> Path | None:
    """Return the folder of a project that is installed in place."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    path = unquote(urlsplit(origin["url"]).path)
    return Path(path.removeprefix("/") if os.name == "nt" else path).resolve()


def _digest(file: Path) -> str:
    """Return the digest of a file as RECORD spells it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()

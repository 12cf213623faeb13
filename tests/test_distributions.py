"""Installed distributions: what runs under a distribution's name is what it installed; a broken one stops no other."""

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from connector_core.plugins import Entry, Standing, load
from connector_core.settings import PluginSettings, Settings
from installed import CONNECTOR, Folder
from world import DISCOVER, OURS

MARKED = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n" + CONNECTOR


def stranger() -> Entry:
    entries = load(Settings(plugins={"stranger": PluginSettings()})).entries
    return next(one for one in entries if one.name == "stranger")


def metadata(folder: Folder) -> Path:
    (found,) = folder.path.glob("*.dist-info")
    return found


def record(folder: Folder, module: str, content: str | None = None) -> None:
    """Record a module as installed, with the digest of this content."""
    digest = ""
    if content is not None:
        digest = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
    (metadata(folder) / "RECORD").write_text(f"../../bin/other,,\n{module}.py,{digest},\n")


@pytest.fixture
def elsewhere(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes before the others on the path."""
    place = folder.path.with_name("elsewhere")
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    return place


@pytest.mark.parametrize("digest", [CONNECTOR, None], ids=["with a digest", "without one"])
def test_what_a_distribution_recorded_is_loaded(folder: Folder, digest: str | None) -> None:
    module = folder.add(CONNECTOR)
    record(folder, module, digest)
    assert stranger().standing is Standing.READY


@pytest.mark.parametrize("recorded", [True, False])
def test_a_module_of_the_same_name_that_comes_first_is_not_imported(
    folder: Folder, elsewhere: Path, *, recorded: bool
) -> None:
    module = folder.add(CONNECTOR)
    if recorded:
        record(folder, module)
    (elsewhere / f"{module}.py").write_text(MARKED)
    found = stranger()
    assert found.standing is Standing.REFUSED
    assert found.reason.startswith(f"{elsewhere / module}.py would be imported as {module}, and is not the file that ")
    assert not (elsewhere / "imported").exists()


@pytest.mark.attack("A distribution overwrites another one's plugin", "It is refused, and not imported")
def test_a_file_that_was_overwritten_is_not_imported(folder: Folder) -> None:
    module = folder.add(MARKED)
    record(folder, module, CONNECTOR)
    assert stranger().standing is Standing.REFUSED
    assert not (folder.path / "imported").exists()


def test_a_module_that_was_not_recorded_is_not_imported(folder: Folder) -> None:
    folder.add(MARKED)
    record(folder, "another")
    assert stranger().standing is Standing.REFUSED
    assert not (folder.path / "imported").exists()


def test_a_package_around_the_module_is_not_imported_either(folder: Folder, elsewhere: Path) -> None:
    folder.add(CONNECTOR)
    (metadata(folder) / "entry_points.txt").write_text("[connector_core]\nstranger = around_stranger.module\n")
    package = elsewhere / "around_stranger"
    package.mkdir()
    (package / "__init__.py").write_text(MARKED)
    (package / "module.py").write_text(CONNECTOR)
    found = stranger()
    assert (found.standing, "would be imported as around_stranger," in found.reason) == (Standing.REFUSED, True)
    assert not (package / "imported").exists()


def test_a_project_that_is_installed_in_place_is_loaded_from_there_and_not_from_its_environment(
    folder: Folder, elsewhere: Path
) -> None:
    module = folder.add(MARKED)
    # The environment may lie within the project.
    project = {"url": elsewhere.parent.as_uri(), "dir_info": {"editable": True}}
    (metadata(folder) / "direct_url.json").write_text(json.dumps(project))
    (metadata(folder) / "RECORD").write_text("project.pth,,\n")
    (elsewhere / f"{module}.py").write_text(CONNECTOR)
    assert stranger().standing is Standing.READY


def test_a_module_in_the_environment_of_a_project_that_is_installed_in_place_is_not_its_own(folder: Folder) -> None:
    folder.add(MARKED)
    project = {"url": folder.path.parent.as_uri(), "dir_info": {"editable": True}}
    (metadata(folder) / "direct_url.json").write_text(json.dumps(project))
    assert stranger().standing is Standing.REFUSED
    assert not (folder.path / "imported").exists()


@pytest.mark.attack("A copy of a connector lies earlier on the path", "It is refused, and not imported")
def test_no_other_distribution_may_ship_namely_under_our_name(tmp_path: Path) -> None:
    module = tmp_path / "connectors" / "namely" / "__init__.py"
    module.parent.mkdir(parents=True)
    module.write_text(MARKED)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([DISCOVER, "list", "--json"], env=environment, capture_output=True, text=True, check=True)
    found = {one["name"]: one["standing"] for one in json.loads(done.stdout)["plugins"]}
    assert found == {**dict.fromkeys(OURS, "ready"), "namely": "refused"}
    assert not (module.parent / "imported").exists()


@pytest.mark.attack("A distribution whose entry points cannot be read", "It is named, and plugins are loaded")
@pytest.mark.parametrize("content", [b"[connector_core]\nno equals sign\n", b"\xff\xfe"])
def test_entry_points_that_cannot_be_read_stop_no_other_plugin(folder: Folder, content: bytes) -> None:
    folder.add(CONNECTOR, distribution="broken")
    (metadata(folder) / "entry_points.txt").write_bytes(content)
    entries = {one.name: one for one in load(Settings()).entries}
    assert {name: one.standing for name, one in entries.items()} == {
        **dict.fromkeys(OURS, Standing.READY),
        "broken": Standing.FAILED,
    }
    assert entries["broken"].reason == "Its entry points cannot be read: install it again, or remove it."


def test_a_distribution_without_a_name_stops_no_other_plugin(folder: Folder) -> None:
    folder.add(CONNECTOR)
    (metadata(folder) / "METADATA").unlink()
    assert stranger().standing is Standing.READY

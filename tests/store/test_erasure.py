"""Removed and replaced values are left in no file."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attacks import FULL

from connector_core import BusyError, UnknownIntegrationError
from connector_core.settings import RetentionSettings
from world import UNGUARDED, Discover, Place, Running, Start, copied_settings

pytestmark = pytest.mark.jumping


def kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("people.sqlite*") if file.is_file())


async def test_a_removed_integration_leaves_no_trace_in_the_files(namely: Start, tmp_path: Path) -> None:
    place = await namely(scanned=True)
    email = next(one.email for one in (await place.people()).values() if one.email)
    host = place.simulator.host
    assert email.encode() in kept(tmp_path)
    assert host.encode() in kept(tmp_path)
    await place.host.remove("acme")
    await place.host.aclose()
    assert email.encode() not in kept(tmp_path)
    assert host.encode() not in kept(tmp_path)
    assert not list(tmp_path.rglob("acme*"))


async def test_a_rotation_leaves_no_old_seal_in_the_files(
    namely: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The key of a file: one that is given in the environment is the operator's to change.
    monkeypatch.delenv("DISCOVER_SECRET_KEY")
    place = await namely()
    await place.connect()
    old = (await place.host.integrations())[0].sealed
    assert await place.host.rotate_secrets() == 1
    assert old not in kept(tmp_path)
    assert (await place.host.check("acme")).ok
    await place.host.remove("acme")
    assert b"gAAAA" not in kept(tmp_path)


@pytest.mark.attack(
    "A person is removed while the program goes on running", "The name is in no file, nor in the log", FULL
)
async def test_a_removed_person_is_in_no_file_of_a_host_that_stays_open(namely: Start, tmp_path: Path) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    gone = place.tenant.people[-1]
    email = next(one.email for one in (await place.people()).values() if one.source_id == gone.id)
    assert email
    assert email.encode() in kept(tmp_path)
    place.tenant.delete(gone)
    assert (await place.run())["Employee"].plan.removes == 1
    assert email.encode() not in kept(tmp_path)


def leave_remnant(path: Path, remnant: bytes) -> None:
    """Write into the unused part of a page, as SQLite leaves a row there that it has moved to another page."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        for start in range(4096, size, 4096):
            file.seek(start)
            page = file.read(4096)
            used, content = 8 + 2 * int.from_bytes(page[3:5]), int.from_bytes(page[5:7])
            # A leaf of a table.
            if page[0] == 13 and content - used > 2 * len(remnant):
                file.seek(start + used + 8)
                file.write(remnant)
                return
    raise AssertionError


@pytest.mark.parametrize("how", ["run", "apply", "remove"])
async def test_what_is_left_of_a_moved_row_goes_when_a_person_is_removed(
    namely: Start, tmp_path: Path, how: str
) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    leave_remnant(tmp_path / "people.sqlite", b"Keeper of the Keys")
    await place.run()
    assert b"Keeper of the Keys" in kept(tmp_path)
    place.tenant.delete(place.tenant.people[-1])
    if how == "remove":
        await place.host.remove("acme")
    else:
        await place.run(apply=how == "run")
    if how == "apply":
        assert b"Keeper of the Keys" in kept(tmp_path)
        await place.host.apply("acme")
    assert b"Keeper of the Keys" not in kept(tmp_path)


@pytest.mark.attack(
    "A person is removed, and the erasure is missed: the store is busy, or the program is killed",
    "The next run of any integration erases what is left",
    FULL,
)
@pytest.mark.parametrize("clock_was_ahead", [False, True])
async def test_what_could_not_be_erased_goes_with_a_later_run(
    namely: Start, tmp_path: Path, *, clock_was_ahead: bool
) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    leave_remnant(tmp_path / "people.sqlite", b"Keeper of the Keys")
    place.tenant.delete(place.tenant.people[-1])
    # A run applies the removal, and is ended before it has erased.
    with place.failing("DELETE ON erasures"):
        await place.run()
    leave_remnant(tmp_path / "people.sqlite", b"Chronicler")
    if clock_was_ahead:
        ahead = (datetime.now(UTC) + timedelta(days=3650)).isoformat(timespec="milliseconds")
        place.execute(f"UPDATE runs SET started_at = '{ahead}'")
    assert b"Chronicler" in kept(tmp_path)
    await place.run()
    assert b"Chronicler" not in kept(tmp_path)
    assert b"Keeper of the Keys" not in kept(tmp_path)
    assert place.query("SELECT count(*) FROM erasures") == [(0,)]


@pytest.mark.attack(
    "Another process reads the store while an integration is removed",
    "The error says that traces are left; removed again, or by the next run, they go",
    FULL,
)
async def test_a_removal_that_a_reader_has_hindered_is_finished_later(namely: Start, tmp_path: Path) -> None:
    place = await namely(scanned=True)
    host = place.simulator.host
    with closing(sqlite3.connect(place.settings.host.store)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM integrations").fetchall()
        with pytest.raises(BusyError, match="acme has been removed, but traces") as caught:
            await place.host.remove("acme")
    assert "discover remove acme" in caught.value.hint
    assert await place.host.integrations() == []
    assert host.encode() in kept(tmp_path)
    assert await place.host.is_removed("acme")
    await place.host.remove("acme")
    assert host.encode() not in kept(tmp_path)
    with pytest.raises(UnknownIntegrationError):
        await place.host.remove("acme")


async def test_an_old_value_is_in_no_file_of_a_host_that_stays_open(namely: Start, tmp_path: Path) -> None:
    place = await namely(scanned=True)
    one = place.tenant.people[3]
    for title in ("Keeper of the Keys", "Chronicler"):
        one.title = title
        place.tenant._touch(one)
        await place.run()
    assert b"Chronicler" in kept(tmp_path)
    assert b"Keeper of the Keys" not in kept(tmp_path)


@pytest.mark.parametrize("decide", ["apply", "discard", "replace"])
async def test_a_decided_plan_leaves_nothing_of_it_behind(namely: Start, tmp_path: Path, decide: str) -> None:
    place = await namely(scanned=True, losses=UNGUARDED)
    gone, changed = place.tenant.people[-1], place.tenant.people[3]
    email = (await place.people())[gone.id].email or ""
    changed.title = "Chronicler"
    place.tenant._touch(changed)
    await place.run()
    place.tenant.delete(gone)
    changed.title = "Keeper of the Keys"
    place.tenant._touch(changed)
    report = await place.run(apply=False)
    found = await place.changes(report)
    values = {one.field: (one.old, one.new) for one in found[changed.id].values}
    assert values["job_title"] == ("Chronicler", "Keeper of the Keys")
    assert b"Keeper of the Keys" in kept(tmp_path)
    if decide == "replace":
        changed.title = "Chronicler"
        place.tenant._touch(changed)
        await place.run()
    else:
        await (place.host.apply("acme") if decide == "apply" else place.host.discard("acme"))
    left = [b"Chronicler", email.encode()] if decide == "apply" else [b"Keeper of the Keys"]
    assert email
    assert [one for one in left if one in kept(tmp_path)] == []
    assert [one.values for one in (await place.changes(report)).values()] == [(), ()]


WINDOW = RetentionSettings(undo=7)


async def undoable(namely: Start) -> tuple[Place, bytes, bytes]:
    """A place where a plan was applied with the undo window on: a title was replaced, and a person removed."""
    place = await namely(scanned=True, losses=UNGUARDED)
    place.host.settings = copied_settings(place.settings, retention=WINDOW)
    gone, changed = place.tenant.people[-1], place.tenant.people[3]
    changed.title = "Chronicler"
    place.tenant._touch(changed)
    await place.run()
    email = (await place.people())[gone.id].email
    assert email
    place.tenant.delete(gone)
    changed.title = "Keeper of the Keys"
    place.tenant._touch(changed)
    await place.run()
    assert gone.id not in await place.people()
    return place, b"Chronicler", email.encode()


@pytest.mark.attack(
    "The undo window ends, or is switched off, or the integration is removed", "Old values are in no file", FULL
)
@pytest.mark.parametrize("how", ["its time is over", "switched off", "removed", "undone, and its time is over"])
async def test_old_values_are_kept_for_the_undo_window_and_no_longer(namely: Start, tmp_path: Path, how: str) -> None:
    place, title, email = await undoable(namely)
    await place.run()
    assert [one in kept(tmp_path) for one in (title, email)] == [True, True]
    if how == "removed":
        await place.host.remove("acme")
        assert [one in kept(tmp_path) for one in (title, email)] == [False, False]
        return
    if how == "switched off":
        place.host.settings = place.settings
    elif how == "undone, and its time is over":
        # They are what is stored again; what was undone is what is old then.
        await place.host.undo("acme")
        assert [one in kept(tmp_path) for one in (title, email)] == [True, True]
        assert b"Keeper of the Keys" not in kept(tmp_path)
        await place.run()
    if how != "switched off":
        assert place.query("SELECT count(*) FROM applications") == [(2,)]
        place.execute("UPDATE applications SET applied_at = '2020-01-01T00:00:00.000+00:00'")
    await place.run()
    # Of the person whose removal was undone it is the stored row: her removal waits for a decision.
    assert [one in kept(tmp_path) for one in (title, email)] == [False, how.startswith("undone")]
    assert place.query("SELECT (SELECT count(*) FROM applications), (SELECT count(*) FROM undoable)") == [(0, 0)]
    assert b"Keeper of the Keys" in kept(tmp_path)


def test_a_removal_is_repeated_on_the_command_line_until_nothing_is_left(
    acme: Running, discover: Discover, tmp_path: Path
) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    assert discover("remove", "acme", "--yes").code == 0
    assert discover("remove", "acme", "--yes").code == 2
    # As another process leaves it that is killed before it has erased.
    (store,) = tmp_path.rglob("*.sqlite")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("INSERT INTO erasures (integration) VALUES ('acme')")
    done = discover("remove", "acme", "--yes")
    assert (done.code, "acme has been removed" in done.out) == (0, True)
    assert discover("remove", "acme", "--yes").code == 2

"""Locks of integrations: one holder at a time, by whatever name the store is called, and looking does no harm."""

import stat
from pathlib import Path

import pytest

from connector_core import BusyError, StoreError
from connector_core.store import Store
from processes import beside


def holding(path: Path, integration: str) -> str:
    """Return code that holds a lock until it is killed."""
    return f"""
import asyncio
from pathlib import Path
from connector_core.store import Store
async def hold():
    async with Store(Path({str(path)!r})).locks.hold({integration!r}):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(hold())
"""


def asking(path: Path, integration: str) -> str:
    """Return code that asks about a lock, without a pause, until it is killed."""
    return f"""
import asyncio
from pathlib import Path
from connector_core.store import Store
async def ask():
    print("asking", flush=True)
    while True:
        await Store(Path({str(path)!r})).locks.is_held({integration!r})
asyncio.run(ask())
"""


async def test_the_lock_of_a_process_that_died_is_free(path: Path) -> None:
    locks = Store(path).locks
    with beside(holding(path, "acme")) as holder:
        with pytest.raises(BusyError, match="another process"):
            async with locks.hold("acme"):
                pass
        assert await locks.is_held("acme")
        async with locks.hold("beta"):
            assert await locks.is_held("beta")
        holder.kill()
        holder.wait()
        assert not await locks.is_held("acme")
        async with locks.hold("acme"):
            pass


@pytest.mark.attack("Another process asks without a pause if an integration is running", "No run is kept from starting")
async def test_asking_about_a_lock_keeps_no_run_from_starting(path: Path) -> None:
    locks = Store(path).locks
    async with locks.hold("acme"):
        pass
    with beside(asking(path, "acme")):
        for _ in range(50):
            async with locks.hold("acme"):
                assert await locks.is_held("acme")
            assert not await locks.is_held("acme")


async def test_asking_creates_nothing(path: Path) -> None:
    assert not await Store(path).locks.is_held("acme")
    assert list(path.parent.iterdir()) == []


@pytest.mark.attack("One store is used by its path and by a symbolic link at once", "One run at a time")
@pytest.mark.parametrize("link", ["file", "folder", "relative"])
async def test_a_store_has_one_lock_by_whatever_name_it_is_called(
    path: Path, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if link == "file":
        other = path.with_name("linked.sqlite")
        other.symlink_to(path)
    elif link == "folder":
        path.parent.joinpath("folder").symlink_to(path.parent)
        other = path.parent / "folder" / path.name
    else:
        monkeypatch.chdir(path.parent)
        other = Path(path.name)
    async with Store(path).locks.hold("acme"):
        assert await Store(other).locks.is_held("acme")
        with pytest.raises(BusyError):
            async with Store(other).locks.hold("acme"):
                pass


@pytest.mark.attack(
    "An integration is removed while one that is named like a copy is running", "The lock of the other stays"
)
async def test_a_lock_is_forgotten_with_its_integration_and_with_no_other(path: Path) -> None:
    locks = Store(path).locks
    async with locks.hold("v2-prod"), locks.hold("acme"):
        # One that is held stays: a file that is removed would be locked again by another name.
        await locks.forget("acme")
        assert await locks.is_held("acme")
    await locks.forget("acme")
    folder = path.with_name("people.sqlite.locks")
    assert sorted(file.name for file in folder.iterdir()) == [".gate", "v2-prod.lock"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    locks = Store(tmp_path / "nowhere" / "people.sqlite").locks
    with pytest.raises(StoreError, match=r"nowhere/people\.sqlite cannot be locked: No such file or directory"):
        async with locks.hold("acme"):
            pass

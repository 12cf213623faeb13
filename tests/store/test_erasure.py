"""Removed and replaced values are left in no file."""

from pathlib import Path

import pytest

from world import Start

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

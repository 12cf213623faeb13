"""Secrets at rest: sealed, opened, and sealed anew."""

import asyncio
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attacks import FULL
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_core import SettingsError
from connector_core.host import Host
from connector_core.vault import KEY_VARIABLE, Vault, default_key_file
from processes import killed_at_every_instant
from world import Start

SECRETS = {"token": SecretStr("canary-token")}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE)
    return tmp_path / "config" / "secret.key"


async def sealed(vault: Vault) -> bytes:
    async with vault.sealing() as seal:
        return seal(SECRETS)


async def test_a_sealed_secret_can_be_opened_and_cannot_be_read(file: Path) -> None:
    seal = await sealed(Vault(key_file=file))
    assert b"canary" not in seal
    assert Vault(key_file=file).open(seal)["token"].get_secret_value() == "canary-token"


async def test_the_key_is_created_once_for_its_owner_only(file: Path) -> None:
    await sealed(Vault(key_file=file))
    key = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    await sealed(Vault(key_file=file))
    assert file.read_bytes() == key
    assert {path.name for path in file.parent.iterdir()} == {"secret.key", ".secret.key.lock"}


async def test_a_key_that_other_users_can_read_is_refused(file: Path) -> None:
    await sealed(Vault(key_file=file))
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="mode 0644") as caught:
        await sealed(Vault(key_file=file))
    assert "chmod 600" in caught.value.hint


async def test_a_missing_key_is_an_error_and_no_new_one_is_made(file: Path) -> None:
    seal = await sealed(Vault(key_file=file))
    file.unlink()
    with pytest.raises(SettingsError, match="is missing"):
        Vault(key_file=file).open(seal)
    assert not file.exists()


async def test_another_key_opens_nothing(file: Path) -> None:
    seal = await sealed(Vault(key_file=file))
    with pytest.raises(SettingsError, match="sealed with another key"):
        Vault(SecretStr(Fernet.generate_key().decode())).open(seal)


@pytest.mark.parametrize("damage", [b"canary", "gAAAA\xe9", b"", 5])
def test_a_damaged_seal_is_not_opened(file: Path, damage: Any) -> None:
    asyncio.run(sealed(Vault(key_file=file)))
    with pytest.raises(SettingsError, match="or are damaged"):
        Vault(key_file=file).open(damage)


async def test_the_key_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    seal = await sealed(Vault())
    assert not default_key_file().exists()
    assert Vault().open(seal)["token"] == SECRETS["token"]
    monkeypatch.setenv(KEY_VARIABLE, "canary-not-a-key")
    with pytest.raises(SettingsError, match="not a Fernet key") as caught:
        await sealed(Vault())
    assert "canary" not in str(caught.value)


async def test_a_key_file_that_is_named_is_used_whatever_the_environment_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = await sealed(Vault(key_file=file))
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    assert Vault(key_file=file).open(seal) == SECRETS
    with pytest.raises(SettingsError, match="sealed with another key") as caught:
        Vault().open(seal)
    assert KEY_VARIABLE in caught.value.hint
    file.unlink()
    with pytest.raises(SettingsError, match="is missing") as caught:
        Vault(key_file=file).open(seal)
    assert KEY_VARIABLE not in caught.value.hint


async def test_a_key_file_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"secret\.key"):
        await sealed(Vault(key_file=tmp_path / "file" / "secret.key"))


async def rotated(vault: Vault, seal: bytes, *, forget: bool = False) -> bytes:
    async with vault.rotation(forget=forget) as renew:
        return renew(seal)


async def test_rotation_seals_with_a_new_key_and_drops_the_old_one_on_request(file: Path) -> None:
    old_seal = await sealed(Vault(key_file=file))
    old_key = file.read_bytes()
    seal = await rotated(Vault(key_file=file), old_seal)
    assert Vault(key_file=file).open(seal) == SECRETS
    # Another store of the same user may still be sealed with the old key.
    assert Vault(key_file=file).open(old_seal) == SECRETS
    seal = await rotated(Vault(key_file=file), seal, forget=True)
    assert Vault(key_file=file).open(seal) == SECRETS
    assert old_key not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="another key"):
        Vault(key_file=file).open(old_seal)
    assert {path.name for path in file.parent.iterdir()} == {"secret.key", ".secret.key.lock"}


@pytest.mark.parametrize("saved", [False, True])
async def test_an_interrupted_rotation_loses_no_secret_and_can_be_done_again(file: Path, *, saved: bool) -> None:
    stored = await sealed(Vault(key_file=file))
    with pytest.raises(KeyboardInterrupt):
        async with Vault(key_file=file).rotation(forget=True) as renew:
            # Before the new seals were saved, or right after it.
            stored = renew(stored) if saved else stored
            raise KeyboardInterrupt
    assert Vault(key_file=file).open(stored) == SECRETS
    stored = await rotated(Vault(key_file=file), stored, forget=True)
    assert Vault(key_file=file).open(stored) == SECRETS
    assert len(file.read_bytes().split()) == 1


async def test_a_seal_that_no_key_opens_stops_the_rotation_and_nothing_is_lost(file: Path) -> None:
    stored = await sealed(Vault(key_file=file))
    foreign = await sealed(Vault(SecretStr(Fernet.generate_key().decode())))
    with pytest.raises(SettingsError, match="another key"):
        await rotated(Vault(key_file=file), foreign, forget=True)
    assert Vault(key_file=file).open(stored) == SECRETS


def test_concurrent_rotations_lose_no_secret(file: Path) -> None:
    stored = asyncio.run(sealed(Vault(key_file=file)))
    with ThreadPoolExecutor(4) as threads:
        seals = list(threads.map(lambda _: asyncio.run(rotated(Vault(key_file=file), stored)), range(4)))
    assert [Vault(key_file=file).open(one) for one in seals] == [SECRETS] * 4


@pytest.mark.attack(
    "kill -9 at every step of a rotation of keys", "No secret is lost, and no old key is left in a file", FULL
)
def test_a_rotation_that_is_killed_at_any_instant_loses_no_secret_and_leaves_no_key_behind(file: Path) -> None:
    saved = file.with_name("saved")
    file.parent.mkdir(mode=0o700)
    saved.write_bytes(asyncio.run(sealed(Vault(key_file=file))))
    imports = f"""
import asyncio
from pathlib import Path
from typing import Any
from connector_core.vault import Vault
async def rotate():
    saved = Path({str(saved)!r})
    async with Vault(key_file=Path({str(file)!r})).rotation(forget=True) as renew:
        draft = saved.with_suffix(".draft")
        draft.write_bytes(renew(saved.read_bytes()))
        draft.replace(saved)
"""
    old, left = file.read_bytes(), set[str]()
    for _ in killed_at_every_instant(imports, "asyncio.run(rotate())"):
        left |= {one.name for one in file.parent.iterdir()}
        # Nothing is lost, and the next rotation ends what was begun: no old key is left in any file.
        assert Vault(key_file=file).open(saved.read_bytes()) == SECRETS
        saved.write_bytes(asyncio.run(rotated(Vault(key_file=file), saved.read_bytes(), forget=True)))
        assert Vault(key_file=file).open(saved.read_bytes()) == SECRETS
        saved.with_suffix(".draft").unlink(missing_ok=True)
        assert {one.name for one in file.parent.iterdir()} == {"secret.key", ".secret.key.lock", "saved"}
        assert old not in b"".join(one.read_bytes() for one in file.parent.iterdir())
        old = file.read_bytes()
    assert ".secret.key.draft" in left


async def test_a_key_from_the_environment_is_rotated_by_putting_the_new_one_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(KEY_VARIABLE, old)
    stored = await sealed(Vault())
    with pytest.raises(SettingsError, match=KEY_VARIABLE):
        await rotated(Vault(), stored)
    monkeypatch.setenv(KEY_VARIABLE, f"{new},{old}")
    stored = await rotated(Vault(), stored)
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert Vault().open(stored) == SECRETS


async def test_a_key_in_a_folder_that_cannot_be_written_seals_without_a_lock(file: Path) -> None:
    seal = await sealed(Vault(key_file=file))
    file.with_name(".secret.key.lock").unlink()
    file.parent.chmod(0o500)
    if os.access(file.parent, os.W_OK):
        pytest.skip("root may write everywhere")
    assert Vault(key_file=file).open(await sealed(Vault(key_file=file))) == SECRETS
    with pytest.raises(SettingsError, match="cannot be written"):
        await rotated(Vault(key_file=file), seal)


# ---- beside other work


@pytest.mark.attack(
    "Keys are rotated, and old ones forgotten, while an integration is connected", "No secret is lost", FULL
)
async def test_a_rotation_forgets_no_key_of_secrets_that_are_being_saved(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    place = await namely()
    await place.connect()
    place.tenant.token = "canary-again"
    place.simulator.latency = 0.05
    thread, earlier = place.host.store._database._thread, len(place.simulator.requests)
    connecting = asyncio.create_task(place.connect(personal_access_token="canary-again"))
    while len(place.simulator.requests) == earlier:  # noqa: ASYNC110 - the server tells nothing
        await asyncio.sleep(0.01)

    async def rotate_until_connected() -> None:
        async with Host(place.settings) as other:
            while not connecting.done():
                await other.rotate_secrets(forget=True)
                await asyncio.sleep(0.01)

    # After the check the store is asked, secrets are sealed, and saved: the store is slow at both.
    steps = [threading.Event(), threading.Event()]
    thread.submit(steps[0].wait, 10)
    rotating = asyncio.create_task(rotate_until_connected())
    await asyncio.sleep(0.2)
    thread.submit(steps[1].wait, 10)
    for step in steps:
        step.set()
        await asyncio.sleep(0.1)
    await asyncio.gather(connecting, rotating)
    assert len(default_key_file().read_bytes().split()) == 1
    assert (await place.host.check("acme")).ok


async def test_secrets_that_are_renewed_while_they_are_read_are_read_again(
    namely: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    place = await namely()
    await place.connect()
    vault, opened = Vault(), list[bytes]()
    integrations = place.host.store.integrations

    def unseal(seal: bytes) -> dict[str, SecretStr]:
        if not opened:
            # Between the reading and the opening.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, rotate()).result()
        opened.append(seal)
        return vault.open(seal)

    async def rotate() -> None:
        async with Host(place.settings) as other:
            await other.rotate_secrets(forget=True)

    _, secrets = await integrations.unsealed("acme", unseal)
    assert secrets["personal_access_token"].get_secret_value() == place.tenant.token
    assert len(opened) == 2

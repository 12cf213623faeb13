"""Secrets at rest: sealed, opened, and sealed anew."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_core import SettingsError
from connector_core.vault import KEY_VARIABLE, Vault

SECRETS = {"token": SecretStr("canary-token")}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE)
    return tmp_path / "config" / "secret.key"


def test_a_sealed_secret_can_be_opened_and_cannot_be_read(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    assert b"canary" not in sealed
    assert Vault(key_file=file).open(sealed)["token"].get_secret_value() == "canary-token"


def test_the_key_is_created_once_for_its_owner_only(file: Path) -> None:
    Vault(key_file=file).seal(SECRETS)
    key = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    Vault(key_file=file).seal(SECRETS)
    assert file.read_bytes() == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_a_key_that_other_users_can_read_is_refused(file: Path) -> None:
    Vault(key_file=file).seal(SECRETS)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="mode 0644") as caught:
        Vault(key_file=file).seal(SECRETS)
    assert "chmod 600" in caught.value.hint


def test_a_missing_key_is_an_error_and_no_new_one_is_made(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    file.unlink()
    with pytest.raises(SettingsError, match="is missing"):
        Vault(key_file=file).open(sealed)
    assert not file.exists()


def test_another_key_opens_nothing(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    with pytest.raises(SettingsError, match="sealed with another key"):
        Vault(SecretStr(Fernet.generate_key().decode())).open(sealed)


def test_the_key_can_come_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    sealed = Vault(key_file=file).seal(SECRETS)
    assert not file.exists()
    assert Vault().open(sealed)["token"] == SECRETS["token"]
    monkeypatch.setenv(KEY_VARIABLE, "canary-not-a-key")
    with pytest.raises(SettingsError, match="not a Fernet key") as caught:
        Vault().seal(SECRETS)
    assert "canary" not in str(caught.value)


def test_a_key_file_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"secret\.key"):
        Vault(key_file=tmp_path / "file" / "secret.key").seal(SECRETS)


def rotated(vault: Vault, seal: bytes, *, forget: bool = False) -> bytes:
    with vault.rotation(forget=forget) as renew:
        return renew(seal)


def test_rotation_seals_with_a_new_key_and_drops_the_old_one_on_request(file: Path) -> None:
    old_seal = Vault(key_file=file).seal(SECRETS)
    old_key = file.read_bytes()
    seal = rotated(Vault(key_file=file), old_seal)
    assert Vault(key_file=file).open(seal) == SECRETS
    # Another store of the same user may still be sealed with the old key.
    assert Vault(key_file=file).open(old_seal) == SECRETS
    seal = rotated(Vault(key_file=file), seal, forget=True)
    assert Vault(key_file=file).open(seal) == SECRETS
    assert old_key not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="another key"):
        Vault(key_file=file).open(old_seal)
    assert {path.name for path in file.parent.iterdir()} <= {"secret.key", ".secret.key.lock"}


@pytest.mark.parametrize("saved", [False, True])
def test_an_interrupted_rotation_loses_no_secret_and_can_be_done_again(file: Path, *, saved: bool) -> None:
    stored = Vault(key_file=file).seal(SECRETS)
    with pytest.raises(KeyboardInterrupt), Vault(key_file=file).rotation(forget=True) as renew:
        # Before the new seals were saved, or right after it.
        stored = renew(stored) if saved else stored
        raise KeyboardInterrupt
    assert Vault(key_file=file).open(stored) == SECRETS
    stored = rotated(Vault(key_file=file), stored, forget=True)
    assert Vault(key_file=file).open(stored) == SECRETS
    assert len(file.read_bytes().split()) == 1


def test_a_seal_that_no_key_opens_stops_the_rotation_and_nothing_is_lost(file: Path) -> None:
    stored = Vault(key_file=file).seal(SECRETS)
    foreign = Vault(SecretStr(Fernet.generate_key().decode())).seal(SECRETS)
    with pytest.raises(SettingsError, match="another key"):
        rotated(Vault(key_file=file), foreign, forget=True)
    assert Vault(key_file=file).open(stored) == SECRETS


def test_concurrent_rotations_lose_no_secret(file: Path) -> None:
    stored = Vault(key_file=file).seal(SECRETS)
    with ThreadPoolExecutor(4) as threads:
        seals = list(threads.map(lambda _: rotated(Vault(key_file=file), stored), range(4)))
    assert [Vault(key_file=file).open(one) for one in seals] == [SECRETS] * 4


def test_a_key_from_the_environment_is_rotated_by_putting_the_new_one_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(KEY_VARIABLE, old)
    stored = Vault(key_file=file).seal(SECRETS)
    with pytest.raises(SettingsError, match=KEY_VARIABLE):
        rotated(Vault(), stored)
    monkeypatch.setenv(KEY_VARIABLE, f"{new},{old}")
    stored = rotated(Vault(), stored)
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert Vault().open(stored) == SECRETS

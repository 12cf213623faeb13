"""Secrets at rest."""

import stat
from collections.abc import Callable
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


def test_what_is_sealed_is_opened_and_does_not_show(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    assert b"canary" not in sealed
    assert Vault(key_file=file).open(sealed)["token"].get_secret_value() == "canary-token"


def test_the_key_is_made_once_for_its_owner_only(file: Path) -> None:
    Vault(key_file=file).seal(SECRETS)
    key = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    Vault(key_file=file).seal(SECRETS)
    assert file.read_bytes() == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_a_key_that_others_may_read_is_refused(file: Path) -> None:
    Vault(key_file=file).seal(SECRETS)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="mode 0644") as caught:
        Vault(key_file=file).seal(SECRETS)
    assert "chmod 600" in caught.value.hint


def test_a_missing_key_is_said_and_no_new_one_is_made(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    file.unlink()
    with pytest.raises(SettingsError, match="is missing"):
        Vault(key_file=file).open(sealed)
    assert not file.exists()


def test_another_key_opens_nothing(file: Path) -> None:
    sealed = Vault(key_file=file).seal(SECRETS)
    with pytest.raises(SettingsError, match="sealed with another key"):
        Vault(SecretStr(Fernet.generate_key().decode())).open(sealed)


def test_the_environment_may_give_the_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, Fernet.generate_key().decode())
    sealed = Vault(key_file=file).seal(SECRETS)
    assert not file.exists()
    assert Vault().open(sealed)["token"] == SECRETS["token"]
    monkeypatch.setenv(KEY_VARIABLE, "canary-not-a-key")
    with pytest.raises(SettingsError, match="not a Fernet key") as caught:
        Vault().seal(SECRETS)
    assert "canary" not in str(caught.value)


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"secret\.key"):
        Vault(key_file=tmp_path / "file" / "secret.key").seal(SECRETS)


class Sealed:
    """A store of one seal, which can be cut off."""

    def __init__(self, seal: bytes) -> None:
        self.seal = seal
        self.cut = False

    def reseal(self, renew: Callable[[bytes], bytes]) -> int:
        if self.cut:
            raise KeyboardInterrupt
        self.seal = renew(self.seal)
        return 1


def test_rotation_seals_with_a_new_key_and_forgets_the_old_one(file: Path) -> None:
    stored = Sealed(Vault(key_file=file).seal(SECRETS))
    old_key, old_seal = file.read_bytes(), stored.seal
    assert Vault(key_file=file).rotate(stored.reseal) == 1
    assert Vault(key_file=file).open(stored.seal) == SECRETS
    # Another store of the same user may still be sealed with the old key.
    assert Vault(key_file=file).open(old_seal) == SECRETS
    assert Vault(key_file=file).rotate(stored.reseal, forget=True) == 1
    assert Vault(key_file=file).open(stored.seal) == SECRETS
    assert old_key not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="another key"):
        Vault(key_file=file).open(old_seal)
    assert {path.name for path in file.parent.iterdir()} <= {"secret.key", ".secret.key.lock"}


def test_rotation_that_is_cut_off_loses_no_secret_and_can_be_done_again(file: Path) -> None:
    stored = Sealed(Vault(key_file=file).seal(SECRETS))
    stored.cut = True
    with pytest.raises(KeyboardInterrupt):
        Vault(key_file=file).rotate(stored.reseal)
    assert Vault(key_file=file).open(stored.seal) == SECRETS
    stored.cut = False
    Vault(key_file=file).rotate(stored.reseal, forget=True)
    assert Vault(key_file=file).open(stored.seal) == SECRETS
    assert len(file.read_bytes().split()) == 1


def test_a_seal_that_no_key_opens_is_said_and_nothing_is_lost(file: Path) -> None:
    stored = Sealed(Vault(key_file=file).seal(SECRETS))
    stranger = Sealed(Vault(SecretStr(Fernet.generate_key().decode())).seal(SECRETS))
    with pytest.raises(SettingsError, match="another key"):
        Vault(key_file=file).rotate(stranger.reseal)
    assert Vault(key_file=file).open(stored.seal) == SECRETS


def test_a_key_of_the_environment_is_rotated_by_putting_the_new_one_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(KEY_VARIABLE, old)
    stored = Sealed(Vault(key_file=file).seal(SECRETS))
    with pytest.raises(SettingsError, match="yours to change"):
        Vault().rotate(stored.reseal)
    monkeypatch.setenv(KEY_VARIABLE, f"{new},{old}")
    Vault().rotate(stored.reseal)
    monkeypatch.setenv(KEY_VARIABLE, new)
    assert Vault().open(stored.seal) == SECRETS

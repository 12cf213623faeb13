"""Secrets at rest: sealed with one key, which is kept away from the store."""

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from filelock import FileLock
from platformdirs import user_config_path
from pydantic import SecretStr

from connector_core.errors import SettingsError

KEY_VARIABLE = "DISCOVER_SECRET_KEY"


def default_key_file() -> Path:
    return user_config_path("connector-core") / "secret.key"


class Vault:
    """Seals and opens secrets.

    The key is ``key``, or ``DISCOVER_SECRET_KEY`` from the environment, or the content of ``key_file``, which is
    created with mode 0600 when something is first sealed. Where there are several keys, separated by commas or lines,
    every one opens and the first one seals.
    """

    def __init__(self, key: SecretStr | None = None, *, key_file: Path | None = None) -> None:
        given = os.environ.get(KEY_VARIABLE)
        self._key = key or (SecretStr(given) if given else None)
        self._file = key_file or default_key_file()

    def seal(self, secrets: Mapping[str, SecretStr]) -> bytes:
        plain = {name: secret.get_secret_value() for name, secret in secrets.items()}
        return self._fernet(make=True).encrypt(json.dumps(plain).encode())

    def open(self, sealed: bytes) -> dict[str, SecretStr]:
        try:
            plain = json.loads(self._fernet(make=False).decrypt(sealed))
        except InvalidToken:
            raise SettingsError(
                "The stored secrets were sealed with another key.",
                hint=f"Give the key they were sealed with in {KEY_VARIABLE} or {self._file}, or connect again.",
            ) from None
        return {name: SecretStr(value) for name, value in plain.items()}

    @contextmanager
    def rotation(self, *, forget: bool = False) -> Iterator[Callable[[bytes], bytes]]:
        """Within this context there is a new key. Yields the function that turns an old seal into a new one.

        The caller saves all new seals as one. The new key is written first, and the old ones are kept, since other
        stores of this user may be sealed with them; with ``forget`` they are dropped at the end. So all seals can be
        opened after an interruption at any moment.
        """
        if self._key:
            if len(self._keys(make=False)) < 2:
                raise SettingsError(
                    f"The key comes from {KEY_VARIABLE}, so it cannot be replaced here.",
                    hint="Put a new key before the old one, with a comma between; rotate; then remove the old one.",
                )
            yield self._renew
            return
        # Two concurrent rotations would each drop the other's new key.
        with FileLock(self._file.with_name(f".{self._file.name}.lock"), mode=0o600, timeout=10):
            new, old = Fernet.generate_key(), self._keys(make=True)
            self._write(b"\n".join([new, *old]))
            yield self._renew
            if forget:
                self._write(new)

    def _renew(self, sealed: bytes) -> bytes:
        self.open(sealed)
        return self._fernet(make=False).rotate(sealed)

    def _fernet(self, *, make: bool) -> MultiFernet:
        try:
            return MultiFernet([Fernet(key) for key in self._keys(make=make)])
        except ValueError:
            where = KEY_VARIABLE if self._key else str(self._file)
            raise SettingsError(
                f"The key in {where} is not a Fernet key.",
                hint="It is 32 bytes in URL-safe base64, as `openssl rand -base64 32 | tr +/ -_` prints.",
            ) from None

    def _keys(self, *, make: bool) -> list[bytes]:
        text = self._key.get_secret_value().encode(errors="replace") if self._key else self._read(make=make)
        return text.replace(b",", b" ").split()

    def _read(self, *, make: bool) -> bytes:
        try:
            mode = stat.S_IMODE(self._file.stat().st_mode)
            if os.name == "posix" and mode & 0o077:
                raise SettingsError(
                    f"Other users can read the key in {self._file} (mode {mode:04o}).",
                    hint=f"Run: chmod 600 {self._file}",
                )
            return self._file.read_bytes().strip()
        except FileNotFoundError:
            if make:
                return self._make()
            raise SettingsError(
                f"The key {self._file} is missing, so the stored secrets cannot be opened.",
                hint=f"Restore it, give it in {KEY_VARIABLE}, or connect again.",
            ) from None
        except OSError as error:
            raise SettingsError(f"The key {self._file} cannot be read: {error.strerror}.") from None

    def _make(self) -> bytes:
        key = Fernet.generate_key()
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._draft(key)
            try:
                # link, not rename: two processes that create a key at the same time must end up with the same one.
                os.link(draft, self._file)
            except FileExistsError:
                return self._file.read_bytes().strip()
            finally:
                draft.unlink()
        except OSError as error:
            raise SettingsError(f"The key {self._file} cannot be created: {error.strerror}.") from None
        return key

    def _write(self, keys: bytes) -> None:
        try:
            self._draft(keys).replace(self._file)
        except OSError as error:
            raise SettingsError(f"The key {self._file} cannot be written: {error.strerror}.") from None

    def _draft(self, keys: bytes) -> Path:
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(keys)
            file.flush()
            os.fsync(file.fileno())
        return draft

"""Secrets at rest: sealed with one key, which is kept away from the store."""

import json
import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from platformdirs import user_config_path
from pydantic import SecretStr

from connector_core.errors import BusyError, SettingsError
from connector_core.files import draft_of, locked, write_privately

KEY_VARIABLE = "DISCOVER_SECRET_KEY"
_PATIENCE = 60.0
"""Seconds to wait while another process seals secrets: it may itself be waiting for a busy store."""


def default_key_file() -> Path:
    return user_config_path("connector-core") / "secret.key"


class Vault:
    """Seals and opens secrets.

    The key is ``key``, or the content of ``key_file``. Without both it is ``DISCOVER_SECRET_KEY`` from the environment,
    or else in a file in the user's configuration directory. A file is created with mode 0600 when something is first
    sealed. Where there are several keys, separated by commas or lines, every one opens and the first one seals.
    """

    def __init__(self, key: SecretStr | None = None, *, key_file: Path | None = None) -> None:
        given = None if key_file else os.environ.get(KEY_VARIABLE)
        self._key = key or (SecretStr(given) if given else None)
        self._file = Path(os.path.realpath(key_file or default_key_file()))
        place = str(self._file) if key_file else f"{KEY_VARIABLE} or {self._file}"
        self._remedy = f"Give the key they were sealed with in {place}, or connect again."

    @property
    def place(self) -> str:
        """The place of the key: the name of the variable, or the file."""
        return KEY_VARIABLE if self._key else str(self._file)

    def has_key(self) -> bool:
        """Return False as long as nothing was sealed, and no key was given."""
        return bool(self._key) or self._exists()

    def verify(self) -> None:
        """Raise SettingsError if there is no key, or one that cannot be used."""
        self._fernet()

    @asynccontextmanager
    async def sealing(self) -> AsyncIterator[Callable[[Mapping[str, SecretStr]], bytes]]:
        """Within this context the key stays. Yields the function that seals secrets.

        The caller saves them within the context: a rotation renews the seals that it finds, and may forget the key of
        one that is saved later.
        """
        if self._is_fixed():
            yield self._seal
            return
        async with self._locked():
            if not self._exists():
                self._write(Fernet.generate_key())
            yield self._seal

    def open(self, sealed: bytes) -> dict[str, SecretStr]:
        try:
            plain = json.loads(self._fernet().decrypt(sealed))
        except (InvalidToken, ValueError, TypeError):
            raise SettingsError(
                "The stored secrets were sealed with another key, or are damaged.",
                hint=self._remedy,
            ) from None
        return {name: SecretStr(value) for name, value in plain.items()}

    @asynccontextmanager
    async def rotation(self, *, forget: bool = False) -> AsyncIterator[Callable[[bytes], bytes]]:
        """Within this context there is a new key. Yields the function that turns an old seal into a new one.

        The caller saves all new seals as one. The new key is written first, and the old ones are kept, since other
        stores of this user may be sealed with them; with ``forget`` they are dropped at the end. So all seals can be
        opened after an interruption at any moment.
        """
        if self._key:
            if len(self._keys()) < 2:
                raise SettingsError(
                    f"The key comes from {KEY_VARIABLE}, so it cannot be replaced here.",
                    hint="Put a new key before the old one, with a comma between; rotate; then remove the old one.",
                )
            yield self._renew
            return
        # Two concurrent rotations would each drop the other's new key.
        async with self._locked():
            new, old = Fernet.generate_key(), self._keys() if self._exists() else []
            self._write(b"\n".join([new, *old]))
            yield self._renew
            if forget:
                self._write(new)

    def _seal(self, secrets: Mapping[str, SecretStr]) -> bytes:
        # Before any secret is plain: an error of the key has this frame, and a log may show its locals.
        fernet = self._fernet()
        plain = {name: secret.get_secret_value() for name, secret in secrets.items()}
        return fernet.encrypt(json.dumps(plain).encode())

    def _renew(self, sealed: bytes) -> bytes:
        self.open(sealed)
        return self._fernet().rotate(sealed)

    def _fernet(self) -> MultiFernet:
        try:
            return MultiFernet([Fernet(key) for key in self._keys()])
        except ValueError:
            raise SettingsError(
                f"The key in {self.place} is not a Fernet key.",
                hint="It is 32 bytes in URL-safe base64, as `openssl rand -base64 32 | tr +/ -_` prints.",
            ) from None

    def _keys(self) -> list[bytes]:
        text = self._key.get_secret_value().encode(errors="replace") if self._key else self._read()
        return text.replace(b",", b" ").split()

    # ---- the file

    def _is_fixed(self) -> bool:
        """Return True if no rotation can replace the key: it was given, or its folder cannot be written."""
        return bool(self._key) or (self._exists() and not os.access(self._file.parent, os.W_OK))

    def _exists(self) -> bool:
        return os.access(self._file, os.F_OK)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Within this context no other caller writes the file, or seals with what is in it."""
        async with AsyncExitStack() as stack:
            try:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = locked(self._file.with_name(f".{self._file.name}.lock"), patience=_PATIENCE)
                await stack.enter_async_context(lock)
                # A process that was killed left it, with keys in it.
                draft_of(self._file).unlink(missing_ok=True)
            except TimeoutError:
                raise BusyError(f"The key {self._file} is in use by another process.", hint="Try again.") from None
            except OSError as error:
                raise SettingsError(f"The key {self._file} cannot be written: {error.strerror}.") from None
            yield

    def _read(self) -> bytes:
        try:
            mode = stat.S_IMODE(self._file.stat().st_mode)
            if os.name == "posix" and mode & 0o077:
                raise SettingsError(
                    f"Other users can read the key in {self._file} (mode {mode:04o}).",
                    hint=f"Run: chmod 600 {self._file}",
                )
            return self._file.read_bytes().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"The key {self._file} is missing, so the stored secrets cannot be opened.",
                hint=self._remedy,
            ) from None
        except OSError as error:
            raise SettingsError(f"The key {self._file} cannot be read: {error.strerror}.") from None

    def _write(self, keys: bytes) -> None:
        """Replace the keys, all of them or none."""
        try:
            write_privately(self._file, keys)
        except OSError as error:
            raise SettingsError(f"The key {self._file} cannot be written: {error.strerror}.") from None

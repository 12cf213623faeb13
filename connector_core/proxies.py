"""The proxy that leads to a host: the one in the settings, or the one that the environment names for all programs."""

import os
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import SecretStr

from connector_core.errors import SettingsError
from connector_core.secrecy import hide

OFF = "none"
"""The setting that switches off the proxy of the environment."""
SETTING = "[host.http] proxy"
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""Every provider is reached over https. A variable in lower case comes first."""
_PORTS = {"http": 80, "https": 443}
_NOT_AN_ADDRESS = (
    "is not the address of a proxy, such as http://proxy.example:3128. In a user or password, special characters are "
    "percent-encoded"
)
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, reached over http or https. As text it is its address, without credentials."""

    scheme: str
    host: str
    port: int
    authorization: SecretStr | None = None
    """The value of the header with its credentials."""
    secrets: tuple[SecretStr, ...] = ()
    """Its credentials, in every form in which they were written."""
    source: str = SETTING
    """The setting or the variable that names it."""

    @classmethod
    def parse(cls, address: SecretStr) -> "Proxy":
        """Read an address such as ``http://user:password@proxy.example:3128``. Raises ValueError, which quotes nothing.

        Without a scheme it is http. What is not allowed in an URL, such as a slash in a password, is percent-encoded.
        """
        text = address.get_secret_value().strip()
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise ValueError(_NOT_AN_ADDRESS) from None
        if parts.scheme not in _PORTS:
            raise ValueError("must begin with http:// or https://: no other proxy is supported")
        if not _HOST.fullmatch(host) or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(_NOT_AN_ADDRESS)
        authorization, secrets = _credentials(parts)
        return cls(parts.scheme, host, port, authorization, secrets)

    def __str__(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def _credentials(parts: SplitResult) -> tuple[SecretStr | None, tuple[SecretStr, ...]]:
    if parts.username is None:
        return None, ()
    user, password = parts.username, parts.password or ""
    pair = b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode()
    # A user without a password is a token.
    secret = password or user
    forms = (pair, secret, unquote_to_bytes(secret).decode(errors="replace"))
    return SecretStr(f"Basic {pair}"), tuple(SecretStr(form) for form in forms)


class Proxies:
    """The proxies that lead to the hosts of one provider.

    Args:
        setting: The address of one for all hosts, ``none`` for no proxy, or nothing: then the environment decides, by
            HTTPS_PROXY, ALL_PROXY and NO_PROXY, as for other programs.
        direct: Hosts that are reached without one, whatever the settings and the environment say.
    """

    def __init__(self, setting: str = "", direct: Collection[str] = ()) -> None:
        self._setting = setting
        self._direct = direct
        self._found: dict[tuple[str, int], Proxy | None] = {}

    def to(self, host: str, port: int) -> Proxy | None:
        """Return the proxy that leads to a host, and hide its credentials. Raises SettingsError if it is not valid."""
        if (host, port) not in self._found:
            self._found[host, port] = self._find(host, port)
        return self._found[host, port]

    def passes_by(self, host: str) -> bool:
        """Return True for a host that is reached without one, whatever the settings and the environment say."""
        return host in self._direct

    def _find(self, host: str, port: int) -> Proxy | None:
        if self.passes_by(host) or self._setting == OFF:
            return None
        address, source = (SecretStr(self._setting), SETTING) if self._setting else _of_environment(host, port)
        if not address.get_secret_value():
            return None
        try:
            proxy = Proxy.parse(address)
        except ValueError as error:
            hint = f"Correct it, or set {SETTING} in plugins.toml, which comes first."
            raise SettingsError(f"{source} {error}.", hint=hint) from None
        for secret in proxy.secrets:
            hide(secret)
        return replace(proxy, source=source)


def _of_environment(host: str, port: int) -> tuple[SecretStr, str]:
    """Return the address of the proxy to this host, empty for none, and the variable that names it."""
    if proxy_bypass(f"{host}:{port}"):
        return SecretStr(""), ""
    known = getproxies()
    source = next((name for name in _VARIABLES if os.environ.get(name)), "The proxy of this system")
    return SecretStr(known.get("https") or known.get("all") or ""), source

"""The secrets in use, and texts without them."""

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

HIDDEN = "[secret]"
JOINERS = "\u200c\u200d"
"""Invisible, harmless, and part of Persian and Indic names and of emoji."""
_SHORTEST = 6
"""Characters of an encoded form that is looked for: shorter ones are found in many words."""
_SHORTEST_LINE = 16
"""Characters of a line of a secret that is looked for by itself."""


class SecretsInUse:
    """Secrets, and a pattern of all forms in which they are written. None in it is ever shown."""

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        self.values = tuple(secrets)
        forms = {form for secret in self.values for form in _forms(secret.get_secret_value())}
        # The longest first: a form may begin with another one.
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if forms else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def hidden_in(self, text: str) -> str:
        """Return the text without the secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


class _Scope:
    """The secrets of one context, which its tasks share: a token may be issued in any of them."""

    def __init__(self, secrets: SecretsInUse) -> None:
        self.secrets = secrets


_SCOPE: ContextVar[_Scope] = ContextVar("connector_core_secrets")


def secrets_in_use() -> SecretsInUse:
    """Return the secrets of this context."""
    scope = _SCOPE.get(None)
    return scope.secrets if scope else SecretsInUse()


@contextmanager
def hiding(secrets: Iterable[SecretStr]) -> Iterator[None]:
    """Within this context, and the tasks and threads it starts, these values are hidden in logs and in shown texts."""
    token = _SCOPE.set(_Scope(SecretsInUse([*secrets_in_use().values, *secrets])))
    try:
        yield
    finally:
        _SCOPE.reset(token)


def hide(secret: SecretStr) -> None:
    """Hide one more value until this context ends, such as a token that was issued in it."""
    if scope := _SCOPE.get(None):
        scope.secrets = SecretsInUse([*scope.secrets.values, secret])


def presentable(text: str, longest: int) -> str:
    """Return a text that is not ours as it may be shown: on one line, without secrets, and cut."""
    secrets = secrets_in_use()
    # Looked for without what cannot be seen, which could be anywhere in a secret.
    visible = "".join([one for one in text if one.isprintable()])
    shown = secrets.hidden_in(visible)
    if shown == visible:
        shown = " ".join("".join([one for one in text if _is_kept(one)]).split())
    # Cut last: a part of a secret would not be found.
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _is_kept(char: str) -> bool:
    return char.isprintable() or char.isspace() or char in JOINERS


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret, and what becomes of it in JSON, in Python's repr, in URLs, in HTML and in Base64."""
    if not secret:
        return
    yield secret
    # A log may show one line of a key.
    lines = secret.splitlines()
    yield from (line for line in lines if len(lines) > 1 and len(line) >= _SHORTEST_LINE and "-----" not in line)
    raw = secret.encode(errors="surrogatepass")
    base64 = [encode(raw).decode() for encode in (b64encode, urlsafe_b64encode)]
    encoded = (
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        html.escape(secret),
        *base64,
        *(form.rstrip("=") for form in base64),
    )
    yield from (form for form in encoded if len(form) >= _SHORTEST)

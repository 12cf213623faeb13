"""Questions on a terminal.

They are asked while no event loop runs: in one, Ctrl-C would cancel a task that waits for the keyboard, and nothing
would end.
"""

import sys
from getpass import getpass

from pydantic import SecretStr

from connector_core.cli.encoding import plain
from connector_core.cli.ending import DeclinedError
from connector_core.cli.output import error_console
from connector_core.errors import SettingsError

_MEANINGS = {"y": True, "yes": True, "n": False, "no": False, "": False}


def is_interactive() -> bool:
    """Return True if questions can be answered."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str, *, default: str = "", secret: bool = False) -> str:
    """Return the answer, without the space around it. Enter alone answers with the default, which is shown."""
    from rich.prompt import Prompt  # Needed only where a question is asked.
    from rich.text import Text

    text = Text(plain(question))
    out, shown = error_console(), bool(default)
    return Prompt.ask(text, console=out, password=secret, default=default, show_default=shown).strip()


def ask_lines(question: str, *, secret: bool) -> str | SecretStr:
    """Return a text of several lines, such as a key in PEM, which ends with the line -----END. Enter alone is none."""
    end = "; paste it up to the line -----END"
    lines = [SecretStr(ask(f"{question}{end}", secret=secret))]
    while lines[0] and not lines[-1].get_secret_value().startswith("-----END"):
        lines.append(SecretStr(_line(secret=secret)))
    text = SecretStr("\n".join(line.get_secret_value() for line in lines))
    return text if secret else text.get_secret_value()


def _line(*, secret: bool) -> str:
    """Return the next line, which needs no question."""
    return getpass("").strip() if secret else input().strip()


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone. Without a terminal, ``--yes`` is required."""
    if yes:
        return
    if not is_interactive():
        raise SettingsError(f"{question} There is no terminal to ask on: add --yes.")
    while (agreed := _MEANINGS.get(ask(f"{question} [y/N]").lower())) is None:
        error_console().print("Answer yes or no.")
    if not agreed:
        raise DeclinedError

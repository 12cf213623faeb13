"""Questions on a terminal.

They are asked while no event loop runs: in one, Ctrl-C would cancel a task that waits for the keyboard, and nothing
would end.
"""

import sys

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

"""Questions on a terminal.

They are asked while no event loop runs: in one, Ctrl-C would cancel a task that waits for the keyboard, and nothing
would end.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

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
    """Return a text of several lines, such as a key in PEM, which ends with the line -----END or an empty one.

    Enter alone is none.
    """
    error_console().print(plain(f"{question}; paste it up to the line -----END:"))
    with _unseen() if secret else nullcontext():
        lines = [_line()]
        while lines[-1] and not lines[-1].get_secret_value().startswith("-----END"):
            lines.append(_line())
    text = SecretStr("\n".join(line.get_secret_value() for line in lines))
    return text if secret else text.get_secret_value()


def _line() -> SecretStr:
    """Return the next line that is typed. EOFError if there is none."""
    if line := SecretStr(sys.stdin.readline()):
        return SecretStr(line.get_secret_value().strip())
    raise EOFError


@contextmanager
def _unseen() -> Iterator[None]:
    """Within this context, what is typed is not shown. What was pasted before is kept, which getpass would discard."""
    try:
        import termios  # Not on Windows.
    except ImportError:
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        silent = [*before]
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, silent)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


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

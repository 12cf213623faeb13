"""How a command ends that does not end well: one sentence, what to do, and the exit code."""

import asyncio
import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from cyclopts import CycloptsError, UnusedCliTokensError

from connector_core.errors import ConnectorCoreError

INTERRUPTED = 130


class DeclinedError(Exception):
    """Somebody said no."""


@dataclass(frozen=True)
class Ending:
    """How a command ended that did not end well."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 4

    def say(self, *, as_json: bool) -> None:
        if as_json:
            sys.stderr.write(
                json.dumps({"error": {"code": self.code, "message": self.message, "hint": self.hint}}) + "\n"
            )
            return
        from connector_core.cli.output import error_console, plain  # rich is needed only where something is printed.

        out = error_console()
        heading = "" if self.exit_code == INTERRUPTED else "Error: "
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        out.print(plain(f"{heading}{self.message}{stop}"), style="bold red")
        if self.hint:
            out.print(plain(self.hint))


def ending_of(error: BaseException) -> Ending:
    if isinstance(error, ConnectorCoreError):
        return Ending(error.code, error.message, error.hint, error.exit_code)
    if isinstance(error, UnusedCliTokensError):
        # Not named: a secret may be among them.
        return Ending("usage", "There are more arguments than the command takes.", "See its --help.", 2)
    if isinstance(error, CycloptsError):
        return Ending("usage", " ".join(str(error).split()), "discover --help lists the commands.", 2)
    if isinstance(error, DeclinedError):
        return Ending("declined", "Nothing was done.", exit_code=INTERRUPTED)
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError, EOFError)):
        return Ending("interrupted", "Interrupted.", exit_code=INTERRUPTED)
    if isinstance(error, OSError):
        return Ending("system", f"{error.filename or 'The system'}: {error.strerror}.")
    # A sentence, never a traceback with data in it.
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {last.name}, line {last.lineno} of {Path(last.filename).name}"
    return Ending("bug", f"A bug: {where}.", "Please report it, with the command.")

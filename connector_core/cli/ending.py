"""The ways in which a command fails: what happened, what to do, and the exit code."""

import asyncio
import re
import sys
from dataclasses import dataclass

from cyclopts import (
    CoercionError,
    CycloptsError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)
from cyclopts.exceptions import ArgumentOrderError

from connector_core.cli.streams import silence
from connector_core.errors import ConnectorCoreError, ProviderError, place_of

INTERRUPTED = 130
_NAME = re.compile(r"--?[a-z]{1,12}(-[a-z]{1,12}){0,3}", re.ASCII)
"""The form of an option's name: a few words. Anything else behind the hyphens may be a secret."""
_CHOICE = re.compile(r'Invalid value "…" for (\S+)\. Choose from')
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_TYPES: dict[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}


class DeclinedError(Exception):
    """The operator answered no."""


class RunInterruptedError(Exception):
    """A run was cancelled by Ctrl-C or SIGTERM."""


@dataclass(frozen=True)
class Ending:
    """The end of a command that failed."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 4
    said: str = ""
    """The provider's own words. Not in JSON, which programs keep."""

    def as_json(self) -> dict[str, dict[str, str]]:
        """Return the error as programs read it, wherever it is printed."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}

    def show(self, *, as_json: bool) -> None:
        """Print it to standard error."""
        # Both need packages that a command which succeeds may never import.
        if as_json:
            from connector_core.cli.encoding import print_json

            try:
                print_json(self.as_json(), stream=sys.stderr)
            except BrokenPipeError:
                silence(sys.stderr)
            return
        from connector_core.cli.encoding import plain
        from connector_core.cli.output import error_console

        out = error_console()
        heading = "" if self.exit_code == INTERRUPTED else "Error: "
        out.print(plain(f"{heading}{with_stop(self.message)}"), style="bold red")
        if self.said:
            out.print(plain(f"The provider says: {self.said}"))
        if self.hint:
            out.print(plain(self.hint))


def with_stop(sentence: str) -> str:
    """Return a sentence with a full stop, unless it ends with a mark of its own."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def ending_of(error: BaseException) -> Ending:
    """Return the ending that an exception stands for."""
    if isinstance(error, ConnectorCoreError):
        said = error.said if isinstance(error, ProviderError) else ""
        return Ending(error.code, error.message, error.hint, error.exit_code, said)
    if isinstance(error, UnusedCliTokensError):
        return Ending("usage", "There are more arguments than the command takes.", _help_for(error), 2)
    if isinstance(error, CycloptsError):
        return Ending("usage", _without_values(error), _help_for(error), 2)
    if isinstance(error, DeclinedError):
        return Ending("declined", "Nothing was changed.", exit_code=INTERRUPTED)
    if isinstance(error, RunInterruptedError):
        return Ending("interrupted", "Interrupted. The next run resumes or starts over.", exit_code=INTERRUPTED)
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError, EOFError)):
        return Ending("interrupted", "Interrupted.", exit_code=INTERRUPTED)
    if isinstance(error, OSError):
        return Ending("system", f"{error.filename or 'The system'}: {error.strerror}.")
    return Ending(
        "bug",
        f"This is a bug: {place_of(error)}.",
        "Report it with the command that you ran, and with what `discover doctor` prints.",
    )


def _help_for(error: CycloptsError) -> str:
    if not error.command_chain:
        return "Run discover --help to list the commands."
    return f"Run discover {' '.join(error.command_chain)} --help."


def _without_values(error: CycloptsError) -> str:
    """Return the message of an error about what was typed, without the values: one may be a secret."""
    unnamed = ""
    if isinstance(error, UnknownOptionError):
        typed = error.token.keyword or error.token.value
        # As in --token=VALUE, or -tVALUE.
        name = typed.partition("=")[0] if typed.startswith("--") else typed[:2]
        error.token = error.token.evolve(keyword=name, value="")
        if name != typed[:2] and not _NAME.fullmatch(name):
            unnamed = f": {name}"
    elif isinstance(error, UnknownCommandError) and error.unused_tokens:
        unnamed = f' "{error.unused_tokens[0]}"'
    elif isinstance(error, CoercionError) and error.token:
        if error.token.keyword and error.target_type in _TYPES:
            return f"{error.token.keyword} must be {_TYPES[error.target_type]}."
        error.token = error.token.evolve(value="…")
    elif isinstance(error, ValidationError) and error.argument:
        must, be, sign, *bound = error.exception_message.split()
        return " ".join((error.argument.name, must.lower(), be, _BOUNDS.get(sign, sign), *bound))
    elif isinstance(error, ArgumentOrderError):
        error.token = "…"  # noqa: S105 - the argument that was typed, no password
    # The nearest name that is known is still suggested.
    said = " ".join(str(error).replace(f"{unnamed}.", ".", 1).split())
    return _CHOICE.sub(r"\1 must be one of", said)

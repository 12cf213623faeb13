"""The app: its commands, and every way it can end."""

import asyncio
import inspect
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from cyclopts import App, CycloptsError, UnusedCliTokensError

from connector_core.cli import catalogue, entities, integrations, kit, runs, secrets, simulation
from connector_core.cli.form import DeclinedError
from connector_core.cli.output import error_console, error_json, plain
from connector_core.errors import ConnectorCoreError

INTERRUPTED = 130

app = App(
    name="discover",
    help="Discovers who is who in an organisation, through connectors.",
    version=lambda: version("connector-core"),
    help_format="plaintext",
)
app.command(catalogue.list_, name="list")
app.command(catalogue.show)
app.command(integrations.connect)
app.command(integrations.integrations)
app.command(integrations.check)
app.command(runs.run)
app.command(runs.apply)
app.command(runs.discard)
app.command(entities.entities)
app.command(runs.history)
app.command(integrations.remove)
app.command(secrets.app)
app.command(simulation.simulate)
app.command(simulation.demo)
app.command(kit.test)


def main() -> NoReturn:
    _mend_streams()
    try:
        code = invoke(sys.argv[1:])
    except KeyboardInterrupt:
        # A second Ctrl-C, while the first was being answered.
        code = INTERRUPTED
    # And a third has nothing left to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def invoke(arguments: Sequence[str]) -> int:
    """Runs one command line; its exit code. Raises nothing."""
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        result = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(result):
            result = asyncio.run(_until_told(result))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - an ending for each
        ending = _ending(error)
        ending.say(as_json="--json" in arguments)
        return ending.exit_code
    return result if isinstance(result, int) else 0


@dataclass(frozen=True)
class Ending:
    """How a command ended that did not end well."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 4

    def say(self, *, as_json: bool) -> None:
        if as_json:
            sys.stderr.write(json.dumps({"error": error_json(self.code, self.message, self.hint)}) + "\n")
            return
        out = error_console()
        heading = "" if self.exit_code == INTERRUPTED else "Error: "
        stop = "" if self.message.endswith((".", "!", "?")) else "."
        out.print(plain(f"{heading}{self.message}{stop}"), style="bold red")
        if self.hint:
            out.print(plain(self.hint))


def _ending(error: BaseException) -> Ending:
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


def _mend_streams() -> None:
    """Streams that are closed, or whose encoding lacks somebody's letters, are no reason to fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


async def _until_told(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """SIGTERM cancels, as Ctrl-C does, so that everything is closed on the way out."""
    task = asyncio.ensure_future(coroutine)
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows has no such handlers.
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    return await task

"""The app: its commands, and every way it can end."""

import asyncio
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from cyclopts import App, CycloptsError

from connector_core.cli import catalogue, entities, integrations, runs, simulation
from connector_core.cli.output import error_console
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
app.command(simulation.simulate)
app.command(simulation.demo)


def main() -> NoReturn:
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Runs one command line; its exit code. Raises nothing."""
    as_json = "--json" in arguments
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        result = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(result):
            result = asyncio.run(_until_told(result))
        sys.stdout.flush()
    except CycloptsError as error:
        return _say("usage", f"{_sentence(error)}", "discover --help lists the commands.", 2, as_json=as_json)
    except ConnectorCoreError as error:
        return _say(error.code, error.message, error.hint, error.exit_code, as_json=as_json)
    except (KeyboardInterrupt, asyncio.CancelledError, EOFError):
        return _say("interrupted", "Interrupted.", "", INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:
        return _say("system", f"{error.filename or 'The system'}: {error.strerror}.", "", 4, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the operator gets a sentence, never a traceback with data in it
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {last.name}, line {last.lineno} of {Path(last.filename).name}"
        return _say("bug", f"A bug: {where}.", "Please report it, with the command.", 4, as_json=as_json)
    return result if isinstance(result, int) else 0


async def _until_told(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """SIGTERM cancels, as Ctrl-C does, so that everything is closed on the way out."""
    task = asyncio.ensure_future(coroutine)
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows has no such handlers.
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _sentence(error: CycloptsError) -> str:
    return " ".join(str(error).split())


def _say(code: str, message: str, hint: str, exit_code: int, *, as_json: bool) -> int:
    if as_json:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message, "hint": hint}}) + "\n")
    else:
        console = error_console()
        console.print(f"Error: {message}" if exit_code != INTERRUPTED else message, style="bold red")
        if hint:
            console.print(hint)
    return exit_code

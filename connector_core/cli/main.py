"""The app: its commands, and every way it can end."""

import asyncio
import gc
import inspect
import io
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from typing import Any, NoReturn

from cyclopts import App

from connector_core.cli.ending import INTERRUPTED, ending_of

COMMANDS = (
    ("list", "catalogue:list_", "The catalogue: every plugin found, and why one cannot be used."),
    ("show", "catalogue:show", "An integration's page: what it discovers, what it asks for, and how to set it up."),
    (
        "connect",
        "integrations:connect",
        "Adds an integration: asks for its fields, checks them at the provider, then saves them.",
    ),
    (
        "integrations",
        "integrations:integrations",
        "What is configured: connector, last run and its verdict, counts, age of the token.",
    ),
    (
        "check",
        "integrations:check",
        "The connection and each kind's permission, with what to grant where when one is missing.",
    ),
    ("run", "runs:run", "Checks, reads, certifies, plans, and applies what is safe."),
    ("apply", "runs:apply", "Applies a held plan, after showing it."),
    ("discard", "runs:discard", "Drops a held plan, after showing it. The next run plans again from what it reads."),
    ("entities", "entities:entities", "What is stored of one kind: a table, --json, or --csv."),
    ("history", "runs:history", "The runs of an integration, their certificates and their changes."),
    ("remove", "integrations:remove", "Removes an integration, its secrets, its data and its history."),
    ("secrets", "secrets:app", "The key that seals the secrets in the store."),
    ("simulate", "simulation:simulate", "Serves the connector's simulator over TLS on this machine, until Ctrl-C."),
    ("demo", "simulation:demo", "Discovers a simulated organisation twice, and shows what changed in between."),
    (
        "test",
        "kit:prove_connector",
        "Proves a connector offline, against its own simulator: every rule, and the tier that it reaches.",
    ),
    (
        "new",
        "scaffold:new",
        "Writes a connector that keeps every rule of the kit at once, against an invented provider.",
    ),
)
"""Each with where it lies, and the first sentence of its help: nothing is imported before it is called."""

app = App(
    name="discover",
    help="Discovers who is who in an organisation, through connectors.",
    version=lambda: version("connector-core"),
    help_format="plaintext",
)
for _name, _place, _help in COMMANDS:
    app.command(f"connector_core.cli.{_place}", name=_name, help=_help)


def main() -> NoReturn:
    _mend_streams()
    gc.disable()
    try:
        code = invoke(sys.argv[1:], ready=_collect_garbage)
    except KeyboardInterrupt:
        # A second Ctrl-C, while the first was being answered.
        code = INTERRUPTED
    # And a third has nothing left to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def invoke(arguments: Sequence[str], *, ready: Callable[[], None] | None = None) -> int:
    """Runs one command line; its exit code. Raises nothing. ``ready`` is called when the command is about to begin."""
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        if ready:
            ready()
        result = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(result):
            result = asyncio.run(_until_told(result))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - an ending for each
        ending = ending_of(error)
        ending.say(as_json="--json" in arguments)
        return ending.exit_code
    return result if isinstance(result, int) else 0


def _collect_garbage() -> None:
    """From here on. What a command needs is imported by now, and stays.

    To search that for cycles meanwhile, and once more at the end, would take longer than many a command. Plugins come
    later, so what they leave open is still flushed.
    """
    gc.freeze()
    gc.enable()


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
    # One thread writes and one looks up names; every further one would keep memory of its own.
    loop.set_default_executor(ThreadPoolExecutor(2))
    with suppress(NotImplementedError):  # Windows has no such handlers.
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    return await task

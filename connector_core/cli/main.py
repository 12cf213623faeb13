"""The app: its commands, and how each of them ends."""

import asyncio
import gc
import inspect
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import NoReturn

from cyclopts import App

from connector_core.audit import acting
from connector_core.cli import streams
from connector_core.cli.ending import INTERRUPTED, ending_of
from connector_core.cli.loop import run_async
from connector_core.cli.user import user_name

COMMANDS = (
    ("list", "catalogue:list_", "List the installed plugins, and why one cannot be used."),
    ("show", "catalogue:show", "Show a connector's page: what it discovers, what it needs, and how to set it up."),
    (
        "connect",
        "integrations:connect",
        "Add an integration: ask for its fields, check them at the provider, then save them.",
    ),
    (
        "integrations",
        "integrations:integrations",
        "List the integrations: connector, last run, its verdict, waiting plan, stored rows, age of the credentials.",
    ),
    (
        "status",
        "status:status",
        "Show how integrations stand, kind by kind: last reading, age of the last complete one, what to do.",
    ),
    (
        "check",
        "integrations:check",
        "Check the connection and the permission to read each kind, and say what to grant where one is missing.",
    ),
    ("run", "runs:run", "Run a discovery: check, read, verify, plan, and apply what is safe."),
    ("apply", "held:apply", "Apply a held plan, or a part of it, after showing it. The rest stays held."),
    (
        "discard",
        "held:discard",
        "Discard a held plan, or a part of it, after showing it. The next run plans again from what it reads.",
    ),
    (
        "undo",
        "held:undo",
        "Put back what the last applied plan has changed, after showing it, if old values are kept.",
    ),
    (
        "entities",
        "entities:entities",
        "List the stored entities of one kind, or show one: as a table, --json or --csv.",
    ),
    (
        "preview",
        "explanations:preview",
        "Ask the provider for one row, and show what a run would make of it. Nothing is stored.",
    ),
    (
        "explain",
        "explanations:explain",
        "Explain one row: the run, page and place that each stored value came from, or why it is stored no more.",
    ),
    ("history", "history:history", "List the runs of an integration, with their certificates and changes."),
    ("audit", "audit:audit", "List who did what, and when: connections, runs, decisions on plans, removals."),
    (
        "schedule",
        "schedule:schedule",
        "Show when an integration runs by itself, or set it: by a cron expression, in the time zone of [schedule].",
    ),
    (
        "pause",
        "schedule:pause",
        "Start no further run of an integration by its schedule. A run under way goes on, and `run` may still be used.",
    ),
    (
        "resume",
        "schedule:resume",
        "Start runs of a paused integration again, from the next time of its schedule on.",
    ),
    (
        "notices",
        "notices:notices",
        "List the notices of runs that need an operator, and how their delivery went.",
    ),
    ("remove", "integrations:remove", "Remove an integration with its secrets, its data and its history."),
    ("settings", "settings:settings", "List every key of plugins.toml, with its default and its meaning."),
    (
        "doctor",
        "doctor:doctor",
        "Examine this installation: Python, settings, store, key, plugins, integrations, and the providers' clocks.",
    ),
    ("serve", "serve:serve", "Serve the web host, run schedules and deliver notices, until Ctrl-C."),
    ("secrets", "secrets:app", "Manage the key that seals the secrets in the store."),
    ("simulate", "simulation:simulate", "Serve a connector's simulator over TLS on this machine, until Ctrl-C."),
    ("demo", "demo:demo", "Discover a simulated organisation twice, and show what changed in between."),
    (
        "test",
        "kit:prove_connector",
        "Test a connector offline against its simulator: every rule of the kit, and the tier it reaches.",
    ),
    (
        "new",
        "scaffold:new",
        "Create a connector for an invented provider, which passes every rule of the kit as it is.",
    ),
    ("--install-completion", "completion:install", "Let bash, zsh or fish complete commands and flags."),
)
"""Name, place and the first sentence of the help: a command's module is imported when it is called."""

app = App(
    name="discover",
    help="Discover the people and departments of an organisation, through connectors.",
    version=lambda: version("connector-core"),
    help_format="plaintext",
)
for _name, _place, _help in COMMANDS:
    app.command(f"connector_core.cli.{_place}", name=_name, help=_help)


def main() -> NoReturn:
    """Run the command line of this process."""
    streams.repair()
    gc.disable()
    try:
        code = invoke(sys.argv[1:], ready=_start_collecting)
    except KeyboardInterrupt:
        # A second Ctrl-C, while the first one was handled.
        code = INTERRUPTED
    # A third one has nothing left to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def invoke(arguments: Sequence[str], *, ready: Callable[[], None] | None = None) -> int:
    """Run one command line and return its exit code. Raises nothing. ``ready`` is called before the command begins."""
    flags = None
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        flags = bound.arguments.get("flags")
        if ready:
            ready()
        with acting(user_name()):
            result = command(*bound.args, **bound.kwargs)
            if inspect.iscoroutine(result):
                result = run_async(result)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # rich, which prints the help, turns the first into the second.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        streams.silence(sys.stdout)
        return streams.READER_GONE
    except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - an ending for each
        ending = ending_of(error)
        if flags:
            ending = replace(ending, hint=flags.hint(ending.hint))
        ending.show(as_json="--json" in arguments)
        return ending.exit_code
    return result if isinstance(result, int) else 0


def _start_collecting() -> None:
    """Collect garbage from here on. What a command needs is imported by now, and stays.

    To search that for cycles, during the command and once more at exit, would take longer than many a command.
    Plugins are imported later, so what they leave open is still flushed.
    """
    gc.freeze()
    gc.enable()

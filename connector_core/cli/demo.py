"""A guided tour: ``demo``."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from connector_core.cli import entities, integrations, runs
from connector_core.cli.flags import DEFAULT, Flags, typed_program
from connector_core.cli.output import console, error_console
from connector_core.cli.simulated_settings import SimulatedSettings
from connector_core.cli.simulation import save_settings, simulator_of
from connector_core.errors import SettingsError
from connector_core.testing import Simulator, SimulatorOptions, environment, serve

FOLDER = Path(".demo")
SETTINGS = "plugins.toml"
_NAMES = re.compile(r"plugins\.key|plugins\.sqlite(-\w+|\.locks|\.v\d.*)?|\.plugins\..+")
"""The names of the other files of a demo: its key, its store, and what lies beside them."""


async def demo(
    *,
    people: Annotated[int, Parameter(validator=Number(gte=50, lte=1_000_000))] = 1200,
    web: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Discover a simulated organisation twice, and show what changed in between.

    Everything is kept in the folder .demo, so that you can go on: with the plan that waits, and with the simulator.
    The next demo empties the folder, unless there are files of yours in it.

    Args:
        people: Size of the organisation.
        web: Discover two organisations, and serve the web host with them until Ctrl-C.
    """
    if flags.settings or flags.store:
        raise SettingsError("The demo has settings and a store of its own: leave out --settings and --store.")
    if web:
        from connector_core.cli.serve import web_extra

        with web_extra():
            from connector_core.cli.demo_web import demo_web
        return await demo_web(empty_folder() / SETTINGS, people, flags)
    registry = flags.host().registry
    simulator = simulator_of(registry.connector("namely"), SimulatorOptions(people))
    async with serve(simulator) as served:
        settings = empty_folder() / SETTINGS
        await save_settings(settings, registry, served)
        variables = {
            "SSL_CERT_FILE": str(served.ca_file),
            "DISCOVER_PERSONAL_ACCESS_TOKEN": simulator.credentials["personal_access_token"],
        }
        with environment(variables):
            await _demonstrate(simulator, people, replace(flags, settings=settings))
    return 0


def empty_folder() -> Path:
    """Make the folder anew, if it holds nothing but what a demo has left there."""
    if FOLDER.is_symlink() or (FOLDER.exists() and not FOLDER.is_dir()):
        raise SettingsError(f"{FOLDER} is not a folder; move it away.")
    if FOLDER.exists():
        if not all(map(_is_ours, FOLDER.iterdir())):
            raise SettingsError(f"There are files of yours in {FOLDER}; move them away.")
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(mode=0o700)
    return FOLDER


def _is_ours(file: Path) -> bool:
    if file == FOLDER / SETTINGS:
        return SimulatedSettings.of(file) is not None
    return _NAMES.fullmatch(file.name) is not None


async def _demonstrate(simulator: Simulator, people: int, flags: Flags) -> None:
    # With --json, standard output is for what the commands print.
    out = error_console() if flags.json else console()
    domain = simulator.credentials["domain"]
    _announce(out, f"discover connect namely --name acme --domain {domain}")
    await integrations.connect("namely", name="acme", flags=flags, domain=domain)
    _announce(out, "discover run acme")
    await runs.run("acme", flags=flags)
    _announce(out, "discover entities acme departments")
    await entities.entities("acme", "departments", flags=flags)
    _announce(out, "discover entities acme employees --limit 8")
    await entities.entities("acme", "employees", limit=8, flags=flags)
    out.print("\nTime passes at Acme Widgets:", style="bold")
    for sentence in simulator.evolve():
        out.print(f"  {sentence}")
    _announce(out, "discover run acme --plan")
    await runs.run("acme", plan=True, flags=flags)
    out.print("\nNothing of this has been applied yet. Go on with these:", style="bold")
    for command in ("apply acme", "history acme", f"simulate namely --people {people} --every 30s"):
        out.print(f"  {flags.command(command, program=typed_program())}", soft_wrap=True)


def _announce(out: Console, command: str) -> None:
    out.print(f"\n$ {command}", style="bold cyan")

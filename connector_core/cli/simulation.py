"""A simulated provider on this machine: ``simulate``, and the ``demo`` that uses it."""

import asyncio
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cryptography.fernet import Fernet
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from connector_core.cli import entities, integrations, runs
from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, error_console
from connector_core.errors import SettingsError
from connector_core.testing import Served, Simulator, SimulatorOptions, environment, load, serve
from connector_core.vault import KEY_VARIABLE

FOLDER = Path(".demo")


async def simulate(
    connector: str,
    /,
    *,
    people: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))] = 1200,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 0,
    seed: int = 1,
    faults: str = "",
    recorded: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    flags: Flags = DEFAULT,
) -> int:
    """Serve a connector's simulator over TLS on this machine, until Ctrl-C.

    Args:
        connector: Its name in `discover list`.
        people: Size of the organisation.
        port: Port to listen on; 0 picks a free one.
        seed: The same seed makes the same organisation.
        faults: Such as 502@3x2:/profiles,stall@9 (fault, first request, times, path).
        recorded: Serve the recorded responses in this folder.
        set_: A switch of the simulator, as NAME=VALUE. May be given more than once.
    """
    behaviour = dict(_pair(text) for text in set_)
    simulator = _simulator(flags, connector, SimulatorOptions(people, seed, recorded, behaviour))
    simulator.script(faults)
    async with serve(simulator, port) as served:
        _print_served(connector, served, flags)
        await asyncio.Event().wait()
    return 0


async def demo(
    *, people: Annotated[int, Parameter(validator=Number(gte=50, lte=1_000_000))] = 1200, flags: Flags = DEFAULT
) -> int:
    """Discover a simulated organisation twice, and show what changed in between.

    Args:
        people: Size of the organisation.
    """
    simulator = _simulator(flags, "namely", SimulatorOptions(people))
    async with serve(simulator) as served:
        settings = _make_folder(_toml("namely", served))
        variables = {
            "SSL_CERT_FILE": str(served.ca_file),
            KEY_VARIABLE: Fernet.generate_key().decode(),
            "DISCOVER_PERSONAL_ACCESS_TOKEN": simulator.credentials["personal_access_token"],
        }
        with environment(variables):
            await _demonstrate(simulator, replace(flags, settings=settings))
    return 0


def _make_folder(toml: str) -> Path:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    settings = FOLDER / "plugins.toml"
    settings.write_text(toml, encoding="utf-8")
    return settings


async def _demonstrate(simulator: Simulator, flags: Flags) -> None:
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
    out.print("\nNothing of this has been applied yet. The next command to type:", style="bold")
    out.print(f"  {sys.argv[0]} apply acme --settings {flags.settings}")


def _announce(out: Console, command: str) -> None:
    out.print(f"\n$ {command}", style="bold cyan")


def _simulator(flags: Flags, connector: str, options: SimulatorOptions) -> Simulator:
    manifest = flags.host().registry.connector(connector).manifest
    if manifest.simulator is None:
        raise SettingsError(f"The connector {connector!r} has no simulator.")
    return load(manifest.simulator, options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--set {text} is not of the form NAME=VALUE.")
    return name, value


def _toml(connector: str, served: Served) -> str:
    lines = [f'"{host}" = "{place}"' for host, place in served.resolve.items()]
    return "\n".join([f"[plugins.{connector}]", "", "[host.resolve]", *lines, ""])


def _print_served(connector: str, served: Served, flags: Flags) -> None:
    simulator = served.simulator
    if flags.json:
        print_json(
            {
                "host": simulator.host,
                "port": served.port,
                "ca_file": str(served.ca_file),
                "resolve": served.resolve,
                "credentials": dict(simulator.credentials),
                "notes": list(simulator.notes),
            }
        )
        sys.stdout.flush()
        return
    out = console()
    out.print(f"A simulated {connector} answers as {simulator.host} on 127.0.0.1:{served.port}.", style="bold")
    for note in simulator.notes:
        out.print(note)
    out.print("\nPut this into plugins.toml:\n")
    out.print(_toml(connector, served))
    out.print("Then run this in another terminal:\n")
    out.print(f"export SSL_CERT_FILE={served.ca_file}")
    typed = ""
    for field in flags.host().registry.connector(connector).credentials_type.form():
        value = shlex.quote(simulator.credentials[field.name])
        if field.secret:
            out.print(f"export DISCOVER_{field.name.upper()}={value}")
        else:
            typed += f" --{field.name.replace('_', '-')} {value}"
    out.print(f"discover connect {connector} --name acme{typed}", soft_wrap=True)
    out.print("\nPress Ctrl-C to stop.")
    sys.stdout.flush()

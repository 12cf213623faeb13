"""The guided tour in a browser: ``demo --web``."""

import shlex
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from connector_core.cli.flags import Flags, typed_program
from connector_core.cli.output import console, error_console
from connector_core.cli.serve import print_served
from connector_core.cli.simulation import save_settings, simulator_of
from connector_core.host import Host
from connector_core.testing import Simulator, SimulatorOptions, environment, serve
from connector_core.testing.authority import cache_folder
from connector_core.web.server import serving, until_cancelled

_INTEGRATIONS = {"acme": "namely", "globex": "bamboohr"}


async def demo_web(settings: Path, people: int, flags: Flags) -> int:
    """Connect two simulated organisations, run both, let time pass at the first, and serve the web host."""
    # With --json, standard output is for the address and the token.
    out = error_console() if flags.json else console()
    registry = flags.host().registry
    async with AsyncExitStack() as stack:
        simulators: dict[str, Simulator] = {}
        for name, connector in _INTEGRATIONS.items():
            simulator = simulator_of(registry.connector(connector), SimulatorOptions(people))
            # One authority signs the certificates of all.
            served = await stack.enter_async_context(serve(simulator, keep=cache_folder()))
            await save_settings(settings, registry, served)
            stack.enter_context(environment({"SSL_CERT_FILE": str(served.ca_file)}))
            simulators[name] = simulator
        flags = replace(flags, settings=settings)
        host = await stack.enter_async_context(flags.host())
        await _prepare(host, simulators, out)
        web = await stack.enter_async_context(serving(host))
        for line in (*_to_try(simulators["acme"]), *_in_a_terminal(served.ca_file, flags)):
            out.print(line, soft_wrap=True)
        print_served(web, host, flags)
        await until_cancelled()
    return 0


async def _prepare(host: Host, simulators: dict[str, Simulator], out: Console) -> None:
    for name, connector in _INTEGRATIONS.items():
        await host.connect(connector, name, simulators[name].credentials)
        report = await host.run(name)
        out.print(f"{name}: a simulated {connector} is connected, and its first run is {report.verdict}.")
    simulators["acme"].evolve()
    await host.run("acme", apply=False)
    out.print("acme: time has passed there, and a plan waits for your decision.")


def _to_try(simulator: Simulator) -> list[str]:
    fields = [f"  {name}: {value}" for name, value in simulator.credentials.items()]
    return ["\nTo add another integration of Namely in the browser, type these:", "  name: acme-2", *fields, ""]


def _in_a_terminal(ca_file: Path, flags: Flags) -> list[str]:
    """Return the commands that reach the simulators from another terminal."""
    trust = f"export SSL_CERT_FILE={shlex.quote(str(ca_file))}"
    run = flags.command("run acme", program=typed_program())
    return ["To use the command line beside it, in another terminal, in this folder:", f"  {trust}", f"  {run}", ""]

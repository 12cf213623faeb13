"""A simulated provider on this machine: ``simulate``."""

import asyncio
import re
import shlex
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import Flags, typed_program
from connector_core.cli.output import console
from connector_core.cli.simulated_settings import SimulatedSettings, quoted
from connector_core.errors import SettingsError
from connector_core.plugins import Registry
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import DEFAULT_FILE, Settings
from connector_core.testing import Served, Simulator, SimulatorOptions, load, serve
from connector_core.testing.authority import cache_folder
from connector_core.testing.serving import port_of

_INTERVAL = re.compile(r"(\d{1,5})([smh])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@Parameter(name="*")
@dataclass(frozen=True)
class SimulateFlags(Flags):
    settings: Path | None = None
    """Settings file, instead of ./plugins.toml. One that does not exist is written, to be used as it is."""


_DEFAULT = SimulateFlags()


async def simulate(  # noqa: PLR0913 - each is a flag
    connector: str,
    /,
    *,
    people: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))] = 1200,
    port: Annotated[int | None, Parameter(validator=Number(gte=0, lte=65535))] = None,
    every: str = "",
    seed: int = 1,
    faults: str = "",
    recorded: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    flags: SimulateFlags = _DEFAULT,
) -> int:
    """Serve a connector's simulator over TLS on this machine, until Ctrl-C.

    A restart needs nothing new: the port, the credentials and the certificate to trust stay the same.

    Args:
        connector: Its name in `discover list`.
        people: Size of the organisation.
        port: Port to listen on, instead of the connector's own; 0 takes a free one.
        every: Let time pass at this interval, such as 30s, 5m or 1h: people are hired, move and leave.
        seed: The same seed makes the same organisation.
        faults: Such as 502@3x2:/profiles,stall@9 (fault, first request, times, path).
        recorded: Serve the recorded responses in this folder.
        set_: A switch of the simulator, as NAME=VALUE. May be given more than once.
    """
    interval = _interval(every)
    if recorded and interval:
        raise SettingsError("--every and --recorded exclude each other: a recording does not change.")
    written = flags.settings if flags.settings and _is_ours(flags.settings) else None
    registry = (replace(flags, settings=None) if written and not written.exists() else flags).registry()
    found = registry.connector(connector)
    simulator = simulator_of(found, SimulatorOptions(people, seed, recorded, dict(map(_pair, set_))))
    simulator.script(faults)
    simulator.live = bool(interval)
    async with serve(simulator, port_of(connector) if port is None else port, keep=cache_folder()) as served:
        settings = await save_settings(written, registry, served) if written else None
        _print_served(found, served, settings, flags)
        while interval:
            await asyncio.sleep(interval)
            _print_events(simulator, flags)
        await asyncio.Event().wait()
    return 0


def simulator_of(connector: type[AnyConnector], options: SimulatorOptions) -> Simulator:
    """Return the simulator of a connector."""
    manifest = connector.manifest
    if manifest.simulator is None:
        raise SettingsError(f"The connector {manifest.name!r} has no simulator.")
    return load(manifest.simulator, options)


async def save_settings(file: Path, registry: Registry, served: Served) -> SimulatedSettings:
    """Write settings that allow the same plugins, and lead to a simulator."""
    return await SimulatedSettings(file, tuple(registry.connectors), served.resolve).save()


def _is_ours(file: Path) -> bool:
    return not file.exists() or SimulatedSettings.of(file) is not None


def _interval(text: str) -> int:
    """Return an interval in seconds; 0 where none is given."""
    found = _INTERVAL.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if text and not 1 <= seconds <= 86_400:
        raise SettingsError("--every takes an interval between 1s and 24h, such as 30s, 5m or 1h.")
    return seconds


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--set {text} is not of the form NAME=VALUE.")
    return name, value


def _print_served(
    connector: type[AnyConnector], served: Served, written: SimulatedSettings | None, flags: SimulateFlags
) -> None:
    simulator = served.simulator
    if flags.json:
        print_json(
            {
                "host": simulator.host,
                "port": served.port,
                "ca_file": str(served.ca_file),
                "resolve": served.resolve,
                "settings": str(written.file) if written else None,
                "credentials": dict(simulator.credentials),
                "notes": list(simulator.notes),
            }
        )
        sys.stdout.flush()
        return
    out = console()
    name = connector.manifest.name
    out.print(f"A simulated {name} answers as {simulator.host} on 127.0.0.1:{served.port}.", style="bold")
    for note in (*simulator.notes, *_about_settings(served, written, flags)):
        out.print(note, soft_wrap=True)
    out.print("\nRun this in another terminal (bash, zsh or fish), in this folder:\n")
    for line in _commands(connector, served, written, flags):
        out.print(line, soft_wrap=True)
    if (oauth := simulator.oauth) and connector.credentials_type.obtained():
        out.print("\nNo browser finds the address at which `connect` asks to sign in. Open it in a third terminal:\n")
        out.print(_sign_in(str(urlsplit(oauth.issuer).hostname), served), soft_wrap=True)
    out.print("\nPress Ctrl-C to stop.")
    sys.stdout.flush()


def _about_settings(served: Served, written: SimulatedSettings | None, flags: SimulateFlags) -> list[str]:
    """Return the lines about the settings that lead to the simulator: they were written, or are to be."""
    if written:
        return [f"The settings in {written.file} lead to it."]
    resolve = Settings.load(flags.settings).host.resolve
    missing = {host: place for host, place in served.resolve.items() if resolve.get(host) != place}
    file = flags.settings or DEFAULT_FILE
    if not missing:
        return [f"The settings in {file} lead to it."]
    lines = [f"{quoted(host)} = {quoted(place)}" for host, place in missing.items()]
    if resolve:
        return [f"\nPut this below [host.resolve] in {file}:\n", *lines]
    return [f"\nPut this into {file}, or let --settings FILE write a new file:\n", "[host.resolve]", *lines]


def _commands(
    connector: type[AnyConnector], served: Served, written: SimulatedSettings | None, flags: SimulateFlags
) -> list[str]:
    """Return the commands that connect to the simulator."""
    name, credentials = connector.manifest.name, served.simulator.credentials
    # The first simulator of a file keeps its name when others join it.
    first = not written or next(iter(written.resolve)) in served.resolve
    integration = "acme" if first else f"acme-{name}"
    exports, typed = [f"export SSL_CERT_FILE={shlex.quote(str(served.ca_file))}"], ""
    for field in connector.credentials_type.form():
        if field.name not in credentials:
            continue
        value = shlex.quote(credentials[field.name])
        if field.secret:
            exports.append(f"export DISCOVER_{field.name.upper()}={value}")
        else:
            typed += f" --{field.name.replace('_', '-')} {value}"
    if connector.credentials_type.obtained():
        typed += " --no-browser"
    return [
        *exports,
        flags.command(f"connect {name} --name {integration}{typed}", program=typed_program()),
        flags.command(f"run {integration}", program=typed_program()),
    ]


def _sign_in(host: str, served: Served) -> str:
    """Return the command that signs in as a user's browser would."""
    return (
        f"curl -L --cacert {shlex.quote(str(served.ca_file))} --connect-to {host}:443:127.0.0.1:{served.port} 'ADDRESS'"
    )


def _print_events(simulator: Simulator, flags: SimulateFlags) -> None:
    """Let time pass, and print what happens."""
    out = console()
    for event in simulator.evolve():
        if flags.json:
            print_json({"at": datetime.now(UTC), "event": event})
        else:
            out.print(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {event}", soft_wrap=True)
    sys.stdout.flush()

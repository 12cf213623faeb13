"""The examination of this installation: ``doctor``."""

from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from connector_core import logs
from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.doctor import Health, examine, read_settings

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.PROBLEM: "red"}


async def doctor(*, offline: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT) -> int:
    """Examine this installation: Python, settings, store, key, plugins, integrations, and the providers' clocks.

    Nothing is created or changed. The exit code is 2 if something is yours to fix.

    Args:
        offline: Send no request to a provider.
    """
    logs.configure(verbose=flags.verbose)
    settings, read = read_settings(flags.settings, store=flags.store)
    found = [read, *await examine(settings, offline=offline)]
    findings = [replace(one, remedy=flags.hint(one.remedy)) for one in found]
    well = all(one.state is not Health.PROBLEM for one in findings)
    if flags.json:
        print_json({"well": well, "findings": findings})
    else:
        rows = [
            (one.subject, Text(one.state, style=_COLOURS[one.state]), (one.message, *filter(None, [one.remedy])))
            for one in findings
        ]
        console().print(table(("Subject", "State", "Finding"), rows))
    return 0 if well else 2

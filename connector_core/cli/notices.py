"""Notices: what they told of, and how their delivery went."""

import json
from typing import Annotated

from cyclopts import Parameter

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.phrases import ago


async def notices(
    *,
    limit: int = 20,
    test: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """List the notices of runs that need an operator, and how their delivery went.

    Args:
        limit: How many, the newest first.
        test: Send a test notice by each channel in the settings instead, and say what happened.
    """
    async with flags.host() as host:
        return await (_test(host, flags) if test else _list(host, limit, flags))


async def _list(host: Host, limit: int, flags: Flags) -> int:
    found = await host.notices.recent(limit)
    if flags.json:
        print_json(
            {
                "notices": [
                    {
                        "id": one.id,
                        "at": one.at,
                        "integration": one.integration,
                        "event": one.event,
                        "channel": one.channel or None,
                        "state": one.state,
                        "tries": one.tries,
                        "next_at": one.next_at,
                        "problem": one.problem or None,
                        "payload": json.loads(one.payload),
                    }
                    for one in found
                ]
            }
        )
        return 0
    rows = [
        (ago(one.at), json.loads(one.payload)["data"]["message"], one.channel, one.state, one.tries, one.problem)
        for one in found
    ]
    headings = ("When", "Notice", "Channel", "State", "Tries", "Problem")
    out = console()
    shown = table(headings, rows, optional=("Channel", "Problem"))
    out.print(shown if rows else f"There is no notice in {host.store.described}.", soft_wrap=not rows)
    return 0


async def _test(host: Host, flags: Flags) -> int:
    from connector_core.scheduling.notices import Notifier  # Only this needs the network.

    sent = await Notifier(host).test()
    if not sent:
        raise SettingsError(
            "The settings name no channel for notices.",
            hint="Set [notices] webhook, or [notices.email] server, in plugins.toml.",
        )
    if flags.json:
        print_json({"sent": {name: {"ok": one.ok, "problem": one.problem or None} for name, one in sent.items()}})
    else:
        for name, one in sent.items():
            console().print(f"{name}: {one.problem or 'delivered'}", style="green" if one.ok else "red")
    return 0 if all(one.ok for one in sent.values()) else 1

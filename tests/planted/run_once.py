"""Run the connector ``Cursors`` once, in a process of its own that a test may kill."""

import asyncio
import json
import sys
from pathlib import Path

from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, Settings
from planted.chained import Cursors


async def main(store: str, resolve: str) -> None:
    settings = Settings(host=HostSettings(store=Path(store), resolve=json.loads(resolve)))
    async with Host(settings, registry=registry_of(Cursors)) as host:
        await host.run("acme")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

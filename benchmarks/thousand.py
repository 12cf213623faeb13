"""Connect so many integrations, with the host that a program embeds: ``python thousand.py 1000``."""

import asyncio
import os
import sys

from connector_core.host import Host, Settings

AT_ONCE = 20


async def connect(integrations: int) -> None:
    token = os.environ["DISCOVER_PERSONAL_ACCESS_TOKEN"]
    numbers = iter(range(integrations))
    async with Host(Settings.load()) as host:

        async def work() -> None:
            for number in numbers:
                fields = {"domain": f"c{number}.namely.com", "personal_access_token": token}
                await host.connect("namely", f"c{number}", fields)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(connect(int(sys.argv[1])))

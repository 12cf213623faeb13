"""aiohttp reads every page, eight at once, and drops the bytes."""

import argparse
import asyncio
import ssl
import sys

import aiohttp

AT_ONCE = 8


async def fetch(base_url: str, token: str, ca_file: str, pages: int) -> int:
    """The number of pages that came."""
    numbers = iter(range(1, pages + 1))
    tls = ssl.create_default_context(cafile=ca_file)
    headers = {"Authorization": f"Bearer {token}"}
    came = 0

    async def read(session: aiohttp.ClientSession) -> None:
        nonlocal came
        for number in numbers:
            url = f"{base_url}/profiles?page={number}&per_page=50&sort=created_at"
            async with session.get(url, ssl=tls, raise_for_status=True) as response:
                await response.read()
            came += 1

    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*(read(session) for _ in range(AT_ONCE)))
    return came


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base_url", "token", "ca_file"):
        parser.add_argument(name)
    parser.add_argument("pages", type=int)
    given = parser.parse_args()
    sys.stdout.write(f"{asyncio.run(fetch(given.base_url, given.token, given.ca_file, given.pages))}\n")


if __name__ == "__main__":
    main()

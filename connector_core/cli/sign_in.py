"""The sign-in of a user at a provider, from the command line: with a browser of this machine, or of another one."""

import asyncio
import os
import sys
import webbrowser
from functools import partial

from pydantic import SecretStr

from connector_core.cli.form import Fields
from connector_core.cli.output import error_console
from connector_core.cli.questions import is_interactive
from connector_core.errors import InvalidCredentialsError, RejectedCredentialsError
from connector_core.host import Host
from connector_core.http import TokensInMemory
from connector_core.sdk.authentication import AuthorizationCode
from connector_core.sign_in import SignIn
from connector_core.threads import in_thread

_PATIENCE = 600.0
"""Seconds to wait for the user."""
_LONGEST_LINE = 65_536


async def sign_in(
    host: Host, connector: str, name: str, fields: Fields, *, browser: bool, port: int
) -> TokensInMemory | None:
    """Let a user sign in; None where the connector needs no user.

    The answer comes to a port of this machine, or is pasted on the terminal: what comes first is taken.
    """
    ways = host.registry.connector(connector).manifest.ways
    if not any(isinstance(one, AuthorizationCode) for one in ways):
        return None
    from connector_core.cli.loopback import listening  # A server, which few connectors need.

    async with listening(port) as loopback:
        loopback.sign_in = begun = await host.sign_in(connector, name, fields, redirect_uri=loopback.redirect_uri)
        if begun is None:
            return None
        title = host.registry.connector(connector).manifest.title
        _show(begun, title)
        if browser and _has_browser():
            in_thread("browser", partial(webbrowser.open, begun.address))
        ways_back = [_came(begun, loopback.answer), *([_pasted(begun)] if is_interactive() else [])]
        awaited = [asyncio.ensure_future(one) for one in ways_back]
        try:
            done, _ = await asyncio.wait(awaited, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise RejectedCredentialsError(
                    f"The sign-in at {title} was not finished within {_PATIENCE / 60:.0f} minutes.",
                    hint="Connect again, and sign in.",
                )
            return done.pop().result()
        finally:
            for one in awaited:
                one.cancel()


def _show(begun: SignIn, title: str) -> None:
    out = error_console()
    out.print(f"Open this address, and sign in at {title} as a user who may read what is wanted:\n")
    out.print(f"{begun.address}\n", soft_wrap=True)
    out.print(f"{title} then sends the browser back to {begun.redirect_uri}.", soft_wrap=True)
    if is_interactive():
        out.print("If that page does not open (the browser may be on another machine), paste its address here:")


async def _came(begun: SignIn, answer: "asyncio.Future[SecretStr]") -> TokensInMemory:
    return begun.tokens(await answer)


async def _pasted(begun: SignIn) -> TokensInMemory:
    while True:
        try:
            return begun.tokens(await _line())
        except InvalidCredentialsError as error:
            error_console().print(f"{error.message} {error.hint}", style="red")


async def _line() -> SecretStr:
    """Return one line from the terminal, while the loop goes on."""
    loop, typed = asyncio.get_running_loop(), bytearray()
    line: asyncio.Future[SecretStr] = loop.create_future()

    def read() -> None:
        part = os.read(stdin, _LONGEST_LINE)
        typed.extend(part)
        if not part:
            # Ctrl-D: nothing will be pasted any more.
            loop.remove_reader(stdin)
        elif part.endswith(b"\n") and not line.done():
            line.set_result(SecretStr(typed.decode(errors="replace").strip()))

    stdin = sys.stdin.fileno()
    try:
        loop.add_reader(stdin, read)
    except NotImplementedError:  # Windows cannot: there the answer only comes to the port.
        return await line
    try:
        return await line
    finally:
        loop.remove_reader(stdin)


def _has_browser() -> bool:
    """Return True if a browser with a window can be opened: one in the terminal would take it."""
    return sys.platform in {"darwin", "win32"} or bool(
        {"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"} & {name for name, value in os.environ.items() if value}
    )

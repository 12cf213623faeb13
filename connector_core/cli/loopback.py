"""The address of this machine that a user's browser is sent back to after a sign-in (RFC 8252, section 7.3)."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from pydantic import SecretStr

from connector_core.errors import SettingsError
from connector_core.sign_in import SignIn

_PATH = "/callback"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Loopback:
    """Listens on one port of this machine, and takes one answer: that with the state of the sign-in."""

    def __init__(self) -> None:
        self.redirect_uri = ""
        self.sign_in: SignIn | None = None
        """The sign-in whose answer is awaited."""
        self.answer: asyncio.Future[SecretStr] = asyncio.get_running_loop().create_future()
        """The query of the address that the user was sent back to."""

    async def handle(self, request: web.Request) -> web.Response:
        awaited = self.sign_in is not None and self.sign_in.awaits(request.query.get("state", ""))
        if request.path != _PATH or request.method != "GET" or not awaited or self.answer.done():
            return _page("Nothing is awaited here. Go back to the terminal.", 404)
        self.answer.set_result(SecretStr(f"?{request.query_string}"))
        return _page("The sign-in is back at the command line. You can close this page.", 200)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Loopback]:
    """Listen on the loopback address within this context. Port 0 takes a free one."""
    loopback = Loopback()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", loopback.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, port)
        ((_, taken),) = runner.addresses
        loopback.redirect_uri = f"http://127.0.0.1:{taken}{_PATH}"
        yield loopback
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except (OSError, OverflowError) as error:
        reason = "it is in use" if getattr(error, "errno", 0) == errno.EADDRINUSE else "it cannot be used"
        raise SettingsError(
            f"Cannot listen on port {port} for the end of the sign-in: {reason}.",
            hint="Choose another port that the provider knows: --redirect-port N; 0 takes a free one.",
        ) from None


def _page(text: str, status: int) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers=_HEADERS)

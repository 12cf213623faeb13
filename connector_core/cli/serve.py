"""The web host: ``serve``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console
from connector_core.distributions import how_to_install
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.problems import problems
from connector_core.settings import Settings, WebSettings

if TYPE_CHECKING:  # An extra brings what it needs.
    from connector_core.web.server import Serving


async def serve(
    *, listen: str | None = None, certificate: Path | None = None, key: Path | None = None, flags: Flags = DEFAULT
) -> int:
    """Serve the web host, run schedules and deliver notices, until Ctrl-C.

    Args:
        listen: Address and port, instead of [web] listen.
        certificate: File of the TLS certificate.
        key: File of the certificate's key.
    """
    with web_extra():
        from connector_core.web.server import serving, until_cancelled
    given = {"listen": listen, "certificate": certificate, "key": key}
    async with flags.host() as found:
        settings = _with(found.settings, {name: value for name, value in given.items() if value is not None})
        async with Host(settings, registry=found.registry) as host, serving(host) as served:
            print_served(served, host, flags)
            await until_cancelled()
    return 0


@contextmanager
def web_extra() -> Iterator[None]:
    """Raise SettingsError if an import in this context needs the extra of the web host, and it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The web host needs {error.name}, which is not installed.", hint=f"Install it: {how_to_install('web')}"
        ) from None


def print_served(served: "Serving", host: Host, flags: Flags) -> None:
    """Print the address and, unless it was given, the token."""
    if flags.json:
        print_json({"address": served.address, "token": None if served.token_given else _token(served)})
    else:
        out = console()
        out.print(f"The web host answers at {served.address}", style="bold", soft_wrap=True)
        if host.settings.web.user_header:
            out.print("Users are those whom the proxy names.")
        elif not served.token_given:
            out.print(f"Sign in with this token: {_token(served)}", soft_wrap=True)
        out.print("\nPress Ctrl-C to stop.")
    sys.stdout.flush()


def _token(served: "Serving") -> str:
    return served.token.get_secret_value()


def _with(settings: Settings, given: dict[str, object]) -> Settings:
    """Return the settings with what flags say of the web host."""
    try:
        web = WebSettings.model_validate({**settings.web.model_dump(), **given})
    except ValidationError as error:
        said = "; ".join(f"--{one.place[0]} {one.said}" for one in problems(error, WebSettings))
        raise SettingsError(f"{said}.") from None
    return settings.model_copy(update={"web": web})

"""The key that seals secrets: ``secrets rotate``."""

from typing import Annotated

from cyclopts import App, Parameter

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console
from connector_core.messages import counted

app = App(name="secrets", help="Manage the key that seals the secrets in the store.")


@app.command
async def rotate(*, forget_old: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT) -> int:
    """Seal all secrets of this store with a new key.

    The old key is kept, since other stores of yours may be sealed with it.
    Where the key is given in DISCOVER_SECRET_KEY, put the new one before the
    old one, with a comma between, then rotate.

    Args:
        forget_old: Drop the old keys: no other store is sealed with them.
    """
    async with flags.host() as host:
        renewed = await host.rotate_secrets(forget=forget_old)
    if flags.json:
        print_json({"resealed": renewed})
    else:
        console().print(f"{counted(renewed, 'integration')} sealed with the new key.")
    return 0

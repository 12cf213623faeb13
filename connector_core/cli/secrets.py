"""The key that seals secrets: ``secrets rotate``."""

from contextlib import closing
from typing import Annotated

from cyclopts import App, Parameter

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, count, print_json

app = App(name="secrets", help="The key that seals the secrets in the store.")


@app.command
def rotate(*, forget_old: Annotated[bool, Parameter(negative="")] = False, flags: Flags = DEFAULT) -> int:
    """Seals all secrets of this store with a new key.

    The old key is kept, since other stores of yours may be sealed with it. With the
    key in DISCOVER_SECRET_KEY, put the new one before the old, with a comma between, and rotate.

    Args:
        forget_old: Forget the old keys: no other store is sealed with them.
    """
    with closing(flags.host()) as host:
        renewed = host.rotate_secrets(forget=forget_old)
    if flags.json:
        print_json({"resealed": renewed})
    else:
        console().print(f"{count(renewed, 'integration')} sealed with the new key.")
    return 0

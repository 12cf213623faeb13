"""The key that seals secrets: ``secrets rotate``."""

from contextlib import closing

from cyclopts import App

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, count, print_json

app = App(name="secrets", help="The key that seals the secrets in the store.")


@app.command
def rotate(*, flags: Flags = DEFAULT) -> int:
    """Seals all secrets with a new key, and forgets the old one.

    With the key in DISCOVER_SECRET_KEY, put the new one before the old, with a comma between, and rotate.
    """
    with closing(flags.host()) as host:
        renewed = host.rotate_secrets()
    if flags.json:
        print_json({"resealed": renewed})
    else:
        console().print(f"{count(renewed, 'integration')} sealed with the new key.")
    return 0

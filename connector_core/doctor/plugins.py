"""The plugins: each is ready, or the reason says why not."""

import asyncio
from functools import partial

from connector_core.doctor.finding import SECONDS, Finding, Health
from connector_core.plugins import Entry, Registry, Standing, load
from connector_core.settings import Settings
from connector_core.threads import in_thread


async def load_plugins(settings: Settings) -> Registry:
    """Return the installed plugins. Each is given up after a time; none makes this fail."""
    loading = in_thread("doctor plugins", partial(load, settings, timeout=SECONDS, on_slow=lambda _: None))
    found = await asyncio.wrap_future(loading)
    if isinstance(found, BaseException):
        raise found
    return found


def of_plugin(entry: Entry) -> Finding:
    """Return the finding about one plugin. One that is not allowed is installed, and left alone on purpose."""
    wrong = entry.standing in {Standing.FAILED, Standing.REFUSED}
    origin = f" ({entry.distribution} {entry.version})" if entry.distribution else ""
    said = f"{entry.standing.capitalize()}{origin}{f': {entry.reason}' if entry.reason else ''}"
    remedy = "Fix it, or disable it in plugins.toml: enabled = false." if wrong else ""
    return Finding(f"plugin {entry.name}", Health.PROBLEM if wrong else Health.OK, said, remedy)

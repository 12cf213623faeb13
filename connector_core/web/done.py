"""What was just done, said on the page that follows: a code and numbers in the address, words here."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from aiohttp import web

from connector_core.messages import counted

_SAID: Mapping[str, str] = MappingProxyType(
    {
        "connected": "The integration is connected. Its first run can begin.",
        "reconnected": "The new credentials are saved. Data, history and schedule are as they were.",
        "already": "This is saved already. Nothing was saved again.",
        "started": "The run has started.",
        "cancelled": "The run is being cancelled. The next run resumes or starts over.",
        "paused": "The schedule is paused. A run that is under way goes on.",
        "resumed": "The schedule is on again.",
        "scheduled": "The schedule is saved.",
        "unscheduled": "The integration no longer runs by itself.",
        "removed": "The integration is removed, with its secrets, its data and its history.",
        "removed_traces": "The integration is removed. Traces of it may be left in the store's files, which another "
        "process uses: they go with the next run.",
        "applied": "{number} applied.",
        "applied_some": "{number} applied. Changes of rows that have changed since were left out.",
        "discarded": "{number} discarded. The next run plans again from what it reads.",
    }
)


def done(path: str, code: str, number: int | None = None) -> web.HTTPSeeOther:
    """Return the way to a page that says what was done."""
    query = {"done": code} | ({} if number is None else {"number": str(number)})
    return web.HTTPSeeOther(f"{path}?{urlencode(query)}")


def said(request: web.Request) -> str:
    """Return what was done before this page, in words; empty for a code that is not ours."""
    text, number = _SAID.get(request.query.get("done", ""), ""), request.query.get("number", "")
    return text.format(number=counted(int(number), "change") if number.isdecimal() and len(number) < 10 else "")

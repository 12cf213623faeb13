"""How a connector behaves towards the provider and the machine that it runs on."""

from connector_core.settings import limits_of
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Round, Stage

TRIED = ("", "500@4", "502@3x99", "throttle@4x2", "reset@5")


async def examine(stage: Stage, notes: Notes) -> None:
    for script in TRIED:
        stage.begin()
        store = await stage.connected()
        found = await stage.run(store, script)
        for rule, what in found.watch.trespasses:
            notes.fail(rule, what)
        _client(script, found, notes)
        if not script:
            _page_size(found, notes)
            notes.measures["longest turn"] = f"{found.watch.turn * 1000:.1f} ms"
    await _retry_after(stage, notes)


def _client(script: str, found: Round, notes: Notes) -> None:
    if found.report and not script and len(found.requests) != found.report.traffic.requests:
        past = len(found.requests) - found.report.traffic.requests
        notes.fail("manners.client", f"{past} requests went past the client that it is given")


def _page_size(found: Round, notes: Notes) -> None:
    # Two kinds may be read from one path, one after the other.
    by_path: dict[str, list[list[int]]] = {}
    for page in found.watch.pages:
        by_path.setdefault(page.path, [[]])[-1].append(page.rows)
        if page.last:
            by_path[page.path].append([])
        if page.asked and page.rows > page.asked:
            notes.fail("manners.page_size", f"{page.path}: {page.rows} rows came where {page.asked} were asked for")
    asked = {page.path: page.asked for page in found.watch.pages if page.asked}
    for path, size in asked.items():
        # The last page with rows may be short; it is followed by an empty one, or ends the listing.
        full = [rows for listing in by_path[path] for rows in list(filter(None, listing))[:-1]]
        if any(rows < size for rows in full):
            notes.fail("manners.page_size", f"{path}: {size} rows a page are asked for, and {min(full)} come")


async def _retry_after(stage: Stage, notes: Notes) -> None:
    """A Retry-After is waited out by everybody who asks for that path."""
    for kind, least in (("wait", 6.9), ("until", 6.5)):
        stage.begin()
        store = await stage.connected()
        quiet = await stage.run(store)
        number = len(quiet.requests)
        found = await stage.run(store, f"{kind}@{number}")
        struck = found.requests[number - 1]
        later = [one for one in found.requests[number:] if one.path == struck.path]
        if not later:
            notes.fail("manners.quota", f"{struck.path} was throttled and never asked for again")
        elif later[0].at - struck.at < least:
            waited = later[0].at - struck.at
            notes.fail("manners.quota", f"{kind}: asked again after {waited:.2f} s")


def judge_quota(stage: Stage, found: Round, notes: Notes) -> None:
    """No window of a long run holds more requests than a limit allows."""
    for limit in limits_of(stage.connector.manifest):
        at = [one.at for one in found.requests if one.path == limit.path or one.path.startswith(f"{limit.path}/")]
        most = max((sum(one <= other < one + limit.per for other in at) for one in at), default=0)
        notes.measures[f"most requests of {limit.path} in {limit.per:g} s"] = f"{most} of {limit.requests}"
        if most > limit.requests:
            notes.fail(
                "manners.quota", f"{most} requests of {limit.path} in {limit.per:g} s; {limit.requests} are allowed"
            )
    if found.report and found.report.traffic.throttled:
        notes.fail("manners.quota", f"the provider throttled {found.report.traffic.throttled} requests")

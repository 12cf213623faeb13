"""Suite ``manners``: how a connector treats the provider and the machine that it runs on."""

from connector_core.http.quotas import covers
from connector_core.sdk.manifest import ConcurrencyLimit, RateLimit
from connector_core.settings import limits_of
from connector_core.testing.answers import Request
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import PEOPLE, Harness, RunResult

SCRIPTS = ("", "500@4", "502@3x99", "throttle@4x2", "reset@5")
THROTTLED_FOR = {"wait": 6.9, "until": 6.5, "behind": 6.5, "ahead": 6.5, "now": 0.9, "past": 0.9}
"""Seconds that must pass before a throttled path is requested again, by the throttle. Dates have whole seconds."""
LATENCY = 0.3
"""Seconds that a response takes where requests are to be under way together."""
TIME_LIMIT = 20
"""Seconds for the check, and for the run: fewer than the client waits for a response."""


async def examine(harness: Harness, findings: Findings) -> None:
    for script in SCRIPTS:
        harness.reset()
        store = await harness.connected_store()
        result = await harness.run(store, script)
        for rule, problem in result.monitor.violations:
            findings.fail(rule, problem)
        if not script:
            _check_request_count(result, findings)
            _check_page_size(result, findings)
            findings.measures["longest step"] = f"{result.monitor.longest_step * 1000:.1f} ms"
    await _check_concurrency(harness, findings)
    await _check_throttles(harness, findings)
    await _check_deadlines(harness, findings)


async def _check_deadlines(harness: Harness, findings: Findings) -> None:
    """Let every request stall: first those of the check, then those behind it."""
    undisturbed = len((await harness.run(await harness.connected_store())).requests)
    for first in {1, max(2, undisturbed // 2)}:
        harness.reset()
        result = await harness.run(
            await harness.connected_store(), f"stall@{first}x9999", check_timeout=TIME_LIMIT, run_timeout=TIME_LIMIT
        )
        if result.seconds > TIME_LIMIT + 1:
            findings.fail("manners.deadline", f"a run with {TIME_LIMIT} s to go ends after {result.seconds:.0f} s")


def _check_request_count(result: RunResult, findings: Findings) -> None:
    if result.report and len(result.requests) != result.report.traffic.requests:
        bypassing = len(result.requests) - result.report.traffic.requests
        findings.fail("manners.client", f"requests that bypassed the host's client: {bypassing}")


def _check_page_size(result: RunResult, findings: Findings) -> None:
    # Lists of page lengths by path. Two kinds may be read from one path, one after the other.
    by_path: dict[str, list[list[int]]] = {}
    for page in result.monitor.pages:
        by_path.setdefault(page.path, [[]])[-1].append(page.rows)
        if page.last:
            by_path[page.path].append([])
        if page.size and page.rows > page.size:
            problem = f"{page.path}: {page.rows} rows came though {page.size} were requested"
            findings.fail("manners.page_size", problem)
    sizes = {page.path: page.size for page in result.monitor.pages if page.size}
    for path, size in sizes.items():
        # The last page with rows may be short. It ends the listing, or an empty page follows.
        lengths = [rows for listing in by_path[path] for rows in list(filter(None, listing))[:-1]]
        if any(rows < size for rows in lengths):
            problem = f"{path}: {size} rows a page are requested, but only {min(lengths)} come"
            findings.fail("manners.page_size", problem)


async def _check_concurrency(harness: Harness, findings: Findings) -> None:
    """Let each response take a while, so that requests are under way together."""
    harness.reset(5 * PEOPLE).latency = LATENCY
    judge_quota(harness, await harness.run(await harness.connected_store()), findings)


async def _check_throttles(harness: Harness, findings: Findings) -> None:
    """Throttle the last request of a run in several ways. The run must wait, and end complete."""
    harness.reset()
    store = await harness.connected_store()
    with harness.copy_of(store) as copy:
        number = len((await harness.run(copy)).requests)
    for kind, seconds in THROTTLED_FOR.items():
        with harness.copy_of(store) as copy:
            result = await harness.run(copy, f"{kind}@{number}")
        throttled = result.requests[number - 1]
        later = [one for one in result.requests[number:] if one.path == throttled.path]
        if not (later and result.complete):
            findings.fail("manners.throttled", f"{kind} at {throttled.path}: {result.outcome.strip()}")
        elif later[0].at - throttled.at < seconds:
            waited = later[0].at - throttled.at
            findings.fail("manners.quota", f"{kind}: requested again after {waited:.2f} s")


def judge_quota(harness: Harness, result: RunResult, findings: Findings) -> None:
    """Check that no window of a long run, and no moment, has more requests than a limit allows."""
    for limit in limits_of(harness.connector.manifest):
        found = [one for one in result.requests if covers(limit.path, one.path)]
        match limit:
            case RateLimit(path=path, requests=allowed, per=per):
                most = max((sum(one.at <= other.at < one.at + per for other in found) for one in found), default=0)
                what = f"requests of {path or 'all paths'} in {per:g} s"
            case ConcurrencyLimit(path=path, at_once=allowed):
                most = max((sum(_under_way(other, one.at) for other in found) for one in found), default=0)
                what = f"requests of {path or 'all paths'} at once"
        findings.measures[f"most {what}"] = f"{most} of {allowed}"
        if most > allowed:
            findings.fail("manners.quota", f"{most} {what}; the limit is {allowed}")
    if result.report and result.report.traffic.throttled:
        findings.fail("manners.quota", f"requests throttled by the provider: {result.report.traffic.throttled}")


def _under_way(request: Request, moment: float) -> bool:
    return request.at <= moment and (request.until is None or moment < request.until)

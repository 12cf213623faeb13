"""One run, from the check to the report."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from connector_core.discovery.delta import catchup, extent
from connector_core.discovery.faults import mapped
from connector_core.discovery.kind import Found, Planned, plan_kind
from connector_core.discovery.reader import Reader
from connector_core.discovery.work import Work
from connector_core.errors import ConnectorCoreError
from connector_core.outcomes import Extent, Report, Verdict
from connector_core.sdk.connector import Account
from connector_core.store import Scan


async def discover(work: Work) -> Report:
    """Check → read → certify → plan → guard → apply → report.

    Raises CredentialsError or ProviderError when the check fails; a kind that fails later makes the
    report incomplete.
    """
    log = structlog.get_logger()
    await asyncio.to_thread(work.store.runs.start, work.run)
    log.info("run_started", product=work.run.product, kinds=work.run.kinds)
    try:
        report = await _discover(work)
    except BaseException as error:
        # Not in a thread: a cancelled task could not wait for it.
        work.store.runs.fail(work.run, _code(error))
        raise
    log.info("run_finished", verdict=report.verdict, requests=report.traffic.requests)
    await work.registry.run_finished(report)
    return report


async def _discover(work: Work) -> Report:
    store, run = work.store, work.run
    checking = asyncio.create_task(_check(work))
    reader = _reader(work, checking)
    reading = asyncio.create_task(_read(work, reader, checking))
    try:
        # The first pages are asked for while the check is made; nothing is kept before it has passed.
        await asyncio.wait({checking, reading}, return_when=asyncio.FIRST_EXCEPTION)
        # The error of the check says more than what follows from it.
        for task in (checking, reading):
            if task.done():
                task.result()
        account, (how_much, found) = checking.result(), reading.result()
    finally:
        for task in (reading, checking):
            task.cancel()
        await asyncio.gather(reading, checking, return_exceptions=True)
    for one in found:
        await asyncio.to_thread(store.staging.settle, run, one.reading.kind)
    kinds = [await plan_kind(work, reader, one, account, removes=not how_much.delta) for one in found]
    missed = {one.plan.kind: one.unconfirmed for one in kinds if one.unconfirmed}
    plans = tuple(one.plan for one in kinds)
    await work.registry.plan_made(run, plans)
    removed = await asyncio.to_thread(store.plans.removed, run.id)
    if work.apply:
        applied = await asyncio.to_thread(store.plans.apply, run, work.new, tuple(missed))
        structlog.get_logger().info("applied", changes=applied)
    unfinished = [one.reading.kind for one in kinds if not (one.reading.ended or one.certificate.caught_up)]
    await asyncio.to_thread(store.staging.drop, run, unfinished if not how_much.delta else ())
    report = Report(
        run=run,
        verdict=_verdict(kinds, applied=work.apply),
        certificates=tuple(one.certificate for one in kinds),
        plans=plans,
        applied=work.apply,
        removed=removed,
        traffic=work.api.traffic(),
        finished_at=datetime.now(UTC),
        extent=how_much,
    )
    await asyncio.to_thread(_finish, work, report, kinds, account, missed)
    return report


async def _check(work: Work) -> Account:
    with mapped(work.connector):
        account = await work.connector.check()
    structlog.get_logger().info("checked")
    await work.registry.run_started(work.run)
    return account


async def _read(work: Work, reader: Reader, checking: "asyncio.Task[Account]") -> tuple[Extent, list[Found]]:
    """Every kind, one after the other; what has changed of it only, where that was asked for and will do."""
    how_much, scans = Extent(), dict[str, Scan]()
    if work.delta:
        how_much, scans = await _delta(work, checking)
    found = []
    for declaration in work.declarations:
        scan = scans.get(declaration.kind.__name__)
        if scan:
            follower = catchup(scan, work.settings.delta)
            found.append(Found(await reader.read_changes(declaration, follower), follower, scan))
        else:
            found.append(Found(await reader.read(declaration)))
    return how_much, found


async def _delta(work: Work, checking: "asyncio.Task[Account]") -> tuple[Extent, dict[str, Scan]]:
    """What to start from, where a delta will do."""
    store, name = work.store, work.run.integration
    how_much = await asyncio.to_thread(extent, store, name, work.declarations, work.settings.delta)
    if not how_much.delta:
        return how_much, {}
    kinds = [one.kind.__name__ for one in work.declarations if one.changes]
    scans = {kind: scan for kind in kinds if (scan := await asyncio.to_thread(store.scans.find, name, kind))}
    read_with = work.scope(await asyncio.shield(checking))
    if any(scan.read_with != read_with for scan in scans.values()):
        return Extent(why="the token, the account, the options or the version has changed"), {}
    return how_much, scans


def _reader(work: Work, checking: "asyncio.Task[Account]") -> Reader:
    digest = ""

    async def scope() -> str:
        # Every page asks for it.
        nonlocal digest
        digest = digest or work.scope(await asyncio.shield(checking))
        return digest

    return Reader(
        connector=work.connector,
        run=work.run,
        store=work.store,
        progress=work.progress,
        api=work.api,
        renew=work.renew,
        scope=scope,
        since=datetime.now(UTC) - timedelta(seconds=work.settings.resume_within),
        deadline=asyncio.get_running_loop().time() + work.settings.run_timeout,
    )


def _finish(
    work: Work, report: Report, kinds: list[Planned], account: Account, missed: dict[str, tuple[str, ...]]
) -> None:
    for one in kinds if work.apply else ():
        one.record(work, account)
    work.store.runs.finish(report, missed)


def _code(error: BaseException) -> str:
    if isinstance(error, ConnectorCoreError):
        return error.code
    return "bug" if isinstance(error, Exception) else "interrupted"


def _verdict(kinds: list[Planned], *, applied: bool) -> Verdict:
    certificates = [one.certificate for one in kinds]
    if any(one.deferred for one in certificates):
        return Verdict.DEFERRED
    if not all(one.complete or one.caught_up for one in certificates):
        return Verdict.INCOMPLETE
    if any(one.drifted for one in certificates) or (applied and any(one.plan.held for one in kinds)):
        return Verdict.HELD
    return Verdict.CAUGHT_UP if any(one.caught_up for one in certificates) else Verdict.COMPLETE

"""Every fault at every request: the same rows, or not complete; never a removal, never a field emptied."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connector_core.errors import DiscoveryError, ProtocolError
from connector_core.sdk.entities import Entity
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Round, Stage, Stored
from connector_core.testing.listing_faults import Listed
from connector_core.testing.network_faults import THROTTLES
from connector_core.testing.server import Request, Simulator

WIRE = (
    *("500", "502", "401", "403", "404", *THROTTLES),
    *("reset", "stall", "truncate", "cutzip", "html", "garbage", "empty"),
)
HARM = ("false certificates", "false removals", "fields emptied", "people lost")
TRIED = 16
"""Requests of a run at which faults are tried: the first ones, where there are more."""
RESHAPED = ("null", "renamed")


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one request of a run, once or from there on."""

    kind: str
    number: int
    path: str
    lasting: bool

    @property
    def script(self) -> str:
        return f"{self.kind}@{self.number}{'x99999' if self.lasting else ''}"

    def __str__(self) -> str:
        return f"{self.kind} at request {self.number} ({self.path}){' and after' if self.lasting else ''}"


def cases(requests: tuple[Request, ...], listings: tuple[Listed, ...]) -> Iterator[Case]:
    """What may happen to these requests. A fault that lasts is tried at the first two requests of each path.

    A row that is left out of every answer, where none tells a total, is left out for everybody: nobody could tell.
    """
    listed = {one.path: one for one in listings}
    met: dict[str, int] = {}
    for number, request in enumerate(requests[:TRIED], 1):
        path = request.path
        met[path] = met.get(path, 0) + 1
        kinds = (*WIRE, *(listed[path].damages if path in listed else ()))
        for kind in kinds:
            yield Case(kind, number, path, lasting=False)
            if met[path] <= 2 and not (kind == "drop_row" and not listed[path].total):
                yield Case(kind, number, path, lasting=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """A store from before, an organisation that has moved on, and what an undisturbed run makes of the two."""

    store: Path
    before: Stored
    quiet: Round
    settled: Round
    """The run after that: whom nobody could be asked about is removed by the second scan."""

    def restage(self, stage: Stage) -> Simulator:
        simulator = stage.begin()
        simulator.evolve()
        return simulator


async def scene_of(stage: Stage) -> Scene:
    stage.begin()
    store = await stage.connected()
    before = (await stage.run(store)).stored
    stage.begin().evolve()
    with stage.copy_of(store) as copy:
        quiet = await stage.run(copy)
        settled = await stage.run(copy)
    return Scene(store, before, quiet, settled)


async def examine(stage: Stage, notes: Notes, part: int = 0, parts: int = 1) -> None:
    """``part`` of ``parts``: every so-manieth case, for those who share the work."""
    scene = await scene_of(stage)
    notes.counts.update(dict.fromkeys(HARM, 0))
    for place, case in enumerate(cases(scene.quiet.requests, stage.simulator.listings)):
        if place % parts == part:
            await _try(stage, scene, case, notes)
            notes.counts["faults tried"] += 1
    if part == 0:
        await _clamped(stage, notes)


async def _try(stage: Stage, scene: Scene, case: Case, notes: Notes) -> None:
    scene.restage(stage)
    there = stage.there()
    with stage.copy_of(scene.store) as store:
        found = await stage.run(store, case.script)
        notes.counts["faults that struck"] += bool(found.struck)
        # Who joined or left while it ran may belong to the next run.
        stayed = {kind: ids & stage.there()[kind] for kind, ids in there.items()}
        _judge_safety(scene, case, found, stayed, notes)
        _judge_honesty(stage, case, found, notes)
        if not found.complete:
            after = await stage.run(store)
            lost = sum(len(ids - after.stored[kind].keys()) for kind, ids in stage.there().items())
            notes.counts["people lost"] += lost
            if lost:
                notes.fail("faults.lost", f"{case}: {lost} are missing after a quiet run")


def _judge_safety(scene: Scene, case: Case, found: Round, stayed: dict[str, set[str]], notes: Notes) -> None:
    for kind, ids in stayed.items():
        stored = found.stored[kind]
        removed = (ids & scene.before[kind].keys()) - stored.keys()
        notes.counts["false removals"] += len(removed)
        if removed:
            notes.fail("faults.removal", f"{case}: {len(removed)} of {kind} removed")
        reference = scene.quiet.stored[kind]
        emptied = [
            name
            for one in ids & stored.keys() & scene.before[kind].keys() & reference.keys()
            for name in _emptied(scene.before[kind][one], reference[one], stored[one])
        ]
        notes.counts["fields emptied"] += len(emptied)
        if emptied:
            notes.fail("faults.emptied", f"{case}: {len(emptied)} fields of {kind}, {emptied[0]} among them")
    for certificate in found.report.certificates if found.report else ():
        ids = stayed[certificate.kind]
        unread = len(ids) - certificate.found or len(ids - found.stored[certificate.kind].keys())
        if certificate.complete and unread > 0:
            notes.counts["false certificates"] += 1
            notes.fail("faults.certificate", f"{case}: {certificate.kind} is complete, and {unread} were not read")


def _emptied(before: Entity, quiet: Entity, after: Entity) -> list[str]:
    return [
        name
        for name in type(before).model_fields
        if getattr(before, name) and getattr(quiet, name) and not getattr(after, name)
    ]


def _judge_honesty(stage: Stage, case: Case, found: Round, notes: Notes) -> None:
    if (
        isinstance(found.error, DiscoveryError)
        or f"The connector {stage.connector.manifest.name} failed" in found.outcome
    ):
        notes.fail("faults.bug", f"{case}: {found.outcome.strip()}")
    refused = any(isinstance(error, ProtocolError) for error in found.watch.errors)
    # Requests that are made at once arrive in any order, so the fault may have begun behind this one.
    if case.lasting and case.kind in RESHAPED and case.path in found.struck and not refused:
        notes.fail("faults.shape", f"{case}: it was read as if nothing were wrong")
    for error in found.watch.errors if found.error is None else ():
        # A 401 is explained in words of its own. What is borne may be logged, by its code.
        logged = any(error.code in (event.get("error"), event.get("code")) for event in found.watch.said)
        if not (logged or error.message in found.outcome or error.code == "credentials_rejected"):
            notes.fail("faults.said", f"{case}: nobody is told that «{error.message}»")


async def _clamped(stage: Stage, notes: Notes) -> None:
    stage.begin().largest_page = 7
    found = await stage.run(await stage.connected())
    if not found.complete or any(found.stored[kind].keys() != ids for kind, ids in stage.there().items()):
        notes.fail("faults.clamped", f"with seven rows a page: {found.outcome.strip() or 'some were not read'}")

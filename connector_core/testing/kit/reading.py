"""Quiet runs: everything that is there, under its own id, followed as it changes."""

from connector_core.errors import ConnectorCoreError, RejectedCredentialsError
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.entities import Entity
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import NAME, Round, Stage
from connector_core.testing.kit.watch import Watch


async def examine(stage: Stage, notes: Notes) -> None:
    stage.begin()
    store = await stage.connected()
    first = await stage.run(store)
    _whole(stage, first, notes)
    again = await stage.run(store)
    _keys(first, again, notes)
    _links(stage, first, notes)
    _fill(stage.connector, first, notes)
    await _refusals(stage, notes)
    happened = "; ".join(stage.simulator.evolve())
    changed = await stage.run(store)
    if changed.report and not sum(plan.updates for plan in changed.report.plans):
        notes.fail("reading.follows", f"nothing is updated, though time has passed: {happened}")
    # Whom nobody can be asked about is removed by the second scan that lacks them.
    followed = await stage.run(store)
    fresh = await stage.run(await stage.connected())
    for difference in differences(followed, fresh):
        notes.fail("reading.follows", difference)


def _whole(stage: Stage, found: Round, notes: Notes) -> None:
    if not found.complete:
        notes.fail("reading.whole", f"a quiet run is not complete: {found.outcome.strip()}")
    for kind, ids in stage.there().items():
        stored = found.stored[kind].keys()
        if not ids:
            notes.fail("reading.whole", f"the simulator has nothing of {kind}, so nothing is proven")
        if ids - stored:
            notes.fail("reading.whole", f"{len(ids - stored)} of {len(ids)} of {kind} did not come")
        if stored - ids:
            notes.fail("reading.whole", f"{len(stored - ids)} of {kind} came that are not there")


def _keys(first: Round, again: Round, notes: Notes) -> None:
    for kind, stored in first.stored.items():
        if stored.keys() != again.stored[kind].keys():
            notes.fail("reading.keys", f"the ids of {kind} are others in the second run")
    for one in first.report.certificates if first.report else ():
        if one.rejected:
            notes.fail("reading.keys", f"{len(one.rejected)} rows of {one.kind} were rejected: {one.rejected[0]}")
    for reason in (
        reason for of in (first, again) if of.report for one in of.report.certificates for reason in one.reasons
    ):
        if "the id of another" in reason or "came twice" in reason:
            notes.fail("reading.keys", reason)
    for plan in again.report.plans if again.report else ():
        changed = plan.creates + plan.updates + plan.removes
        if changed:
            notes.fail("reading.keys", f"nothing happened, and the second run changes {changed} of {plan.kind}")


def _links(stage: Stage, found: Round, notes: Notes) -> None:
    reported = {one.kind: one.dangling for one in found.report.certificates} if found.report else {}
    for kind, entities in found.stored.items():
        for name, target in stage.connector.declarations[kind].kind.links.items():
            if target not in found.stored:
                continue
            lost = {one for entity in entities.values() for one in _linked(entity, name)} - found.stored[target].keys()
            if len(lost) != reported.get(kind, {}).get(name, 0):
                notes.fail("reading.links", f"{len(lost)} of {kind}.{name} lead nowhere, and are not reported")


def _linked(entity: Entity, name: str) -> tuple[str, ...]:
    value = getattr(entity, name)
    return (value,) if isinstance(value, str) else value or ()


def _fill(connector: type[AnyConnector], found: Round, notes: Notes) -> None:
    for one in found.report.certificates if found.report else ():
        for name in connector.declarations[one.kind].provides:
            if not one.fill.get(name):
                notes.fail("reading.fill", f"{one.kind}.{name} is said to be provided, and never came")
        filled = {name: share for name, share in one.fill.items() if name != "source_id"}
        notes.measures[f"filled of {one.kind}"] = ", ".join(
            f"{name} {share:.0%}" for name, share in sorted(filled.items())
        )


async def _refusals(stage: Stage, notes: Notes) -> None:
    """Every secret mistyped in turn."""
    connector = stage.connector
    for field in connector.credentials_type.form():
        if not field.secret or field.name not in stage.simulator.credentials:
            continue
        wrong = {**stage.simulator.credentials, field.name: "mistyped-0123456789"}
        async with stage.host(stage.store(), Watch(connector)) as host:
            try:
                await host.connect(connector.manifest.name, NAME, wrong)
            except RejectedCredentialsError as error:
                if not error.hint:
                    notes.fail("reading.refusal", f"a mistyped {field.name} is refused without a hint")
            except ConnectorCoreError as error:
                notes.fail("reading.refusal", f"a mistyped {field.name} is told as {type(error).__name__}")
            else:
                notes.fail("reading.refusal", f"a mistyped {field.name} is accepted")


def differences(found: Round, wanted: Round) -> list[str]:
    """How what is stored differs, kind by kind."""
    said = []
    for kind, entities in wanted.stored.items():
        other = found.stored[kind]
        if missing := entities.keys() - other.keys():
            said.append(f"{len(missing)} of {kind} are missing")
        if stray := other.keys() - entities.keys():
            said.append(f"{len(stray)} of {kind} are still stored")
        fields = {
            name
            for one in entities.keys() & other.keys()
            for name in type(entities[one]).model_fields
            if getattr(entities[one], name) != getattr(other[one], name)
        }
        if fields:
            said.append(f"{kind} differ in {', '.join(sorted(fields))}")
    return said

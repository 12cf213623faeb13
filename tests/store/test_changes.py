"""The values of waiting changes: old and new ones with the names of what they name, and none once it is decided."""

from builders import department, person
from connector_core import Entity, Status
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, Run, State
from connector_core.store.planned import Hold
from run_steps import RunSteps, turned


async def changes(steps: RunSteps, run: Run) -> dict[str, Change]:
    return {one.source_id: one async for one in steps.store.plans.changes(run.id)}


async def held(steps: RunSteps, *rows: Entity, removed: tuple[str, ...] = ()) -> Run:
    """Do a run that reads these rows and holds its whole plan."""
    run, reading = await steps.read(*rows)
    await steps.plan(run, reading, *removed, hold=Hold.EVERYTHING)
    await steps.finish(run)
    return run


async def test_a_waiting_change_has_its_old_and_new_values(steps: RunSteps) -> None:
    ada = person("a", display_name="Ada", job_title="Lead", status=Status.ACTIVE)
    await steps.applied(ada, person("b", display_name="Bea"))
    leaver = turned(ada, Status.INACTIVE).model_copy(update={"job_title": None, "email": "a@acme.example"})
    run = await held(steps, leaver, person("c", display_name="Cleo", email=None), removed=("b",))
    found = await changes(steps, run)
    assert {one.field: (one.old, one.new) for one in found["a"].values} == {
        "email": (None, "a@acme.example"),
        "job_title": ("Lead", None),
        "status": ("active", "inactive"),
    }
    assert tuple(one.field for one in found["a"].values) == found["a"].fields
    # A new row has no old values, and of what is null nothing is said; of a row that goes the name is enough.
    assert found["c"].values == (FieldChange("display_name", None, "Cleo"),)
    assert (found["b"].operation, found["b"].label, found["b"].values) == (Operation.REMOVE, "Bea", ())


async def test_a_field_that_did_not_come_is_no_part_of_a_change(steps: RunSteps) -> None:
    await steps.applied(person("a", display_name="Ada", job_title="Lead"))
    found = await changes(steps, await held(steps, person("a", job_title="Head")))
    assert found["a"].values == (FieldChange("job_title", "Lead", "Head"),)


async def test_values_are_gone_once_the_change_is_decided(steps: RunSteps) -> None:
    await steps.applied(person("a", job_title="Lead"))
    states: list[set[tuple[State, tuple[str, ...]]]] = []
    for decide in (steps.store.plans.apply_held, steps.store.plans.discard, None):
        run = await held(steps, person("a", job_title=f"Head {len(states)}"), person(f"new {len(states)}"))
        assert all(one.values for one in (await changes(steps, run)).values() if one.operation is Operation.UPDATE)
        if decide:
            waiting = await steps.store.plans.held("acme")
            assert waiting
            await decide("acme", waiting)
        else:
            await held(steps, person("a", job_title="Lead"))
        decided = (await changes(steps, run)).values()
        assert [one.values for one in decided] == [()] * len(decided)
        states.append({(one.state, one.fields) for one in decided if one.operation is Operation.UPDATE})
    fields = ("job_title",)
    assert states == [{(State.APPLIED, fields)}, {(State.DISCARDED, fields)}, {(State.REPLACED, fields)}]


async def test_what_values_name_by_id_has_its_name_if_it_is_stored_or_in_the_plan(steps: RunSteps) -> None:
    await steps.applied(department("d1"), department("d2"))
    bea = person("b", display_name="Bea")
    await steps.applied(person("a", manager_source_id="b", department_source_ids=("d1",), employee_number="b"), bea)
    run = await held(
        steps,
        person("a", manager_source_id="c", department_source_ids=("d2", "d3"), employee_number="c"),
        bea,
        person("c", display_name="Cleo"),
    )
    values = {one.field: one for one in (await changes(steps, run))["a"].values}
    assert values["manager_source_id"] == FieldChange("manager_source_id", "b", "c", {"b": "Bea", "c": "Cleo"})
    # One of the departments is not known here.
    assert values["department_source_ids"].new == ["d2", "d3"]
    assert values["department_source_ids"].names == {"d1": "d1", "d2": "d2"}
    # A number that looks like an id is none.
    assert values["employee_number"].names == {}


async def test_values_are_read_page_by_page(steps: RunSteps) -> None:
    people = [person(f"p{number:04}", job_title="Engineer", manager_source_id="p0000") for number in range(2_500)]
    await steps.applied(*people)
    run = await held(steps, *[one.model_copy(update={"job_title": f"Lead {one.source_id}"}) for one in people])
    listed = [one async for one in steps.store.plans.changes(run.id)]
    assert [one.values for one in listed] == [
        (FieldChange("job_title", "Engineer", f"Lead {one.source_id}"),) for one in people
    ]


async def test_a_department_that_the_plan_renames_has_its_new_name_where_people_move_to_it(steps: RunSteps) -> None:
    ada = person("a", primary_department_source_id="legal")
    bea = person("b", primary_department_source_id="ops")
    await steps.applied(department("legal", name="Legal"), department("ops", name="Operations"))
    await steps.applied(ada, bea)
    run = Run.begin("acme", "example", "", ["Department", "Employee"])
    readings = await steps.store.runs.start(run)
    renamed = department("ops", name="Operations & Partners")
    moved = [ada.model_copy(update={"primary_department_source_id": "ops"})]
    moved.append(bea.model_copy(update={"primary_department_source_id": "legal"}))
    for kind, rows in (("Department", (department("legal", name="Legal"), renamed)), ("Employee", moved)):
        await steps.stage(readings[kind], *rows)
        await steps.store.staging.index_latest_rows(readings[kind])
        await steps.plan(run, readings[kind], hold=Hold.EVERYTHING)
    await steps.finish(run)
    found = await changes(steps, run)
    names = {one: [dict(value.names) for value in found[one].values] for one in "ab"}
    assert names == {
        "a": [{"legal": "Legal", "ops": "Operations & Partners"}],
        # In the old value it still has the old one.
        "b": [{"legal": "Legal", "ops": "Operations"}],
    }

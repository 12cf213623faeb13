"""Plans on the command line: what waits is shown with its old and new values, and counts until it is decided."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_core import BusyError, SettingsError
from connector_core.cli.plan import print_changes
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Code, Reason
from connector_core.settings import RetentionSettings
from connectors.namely.simulator import Tenant
from world import Discover, Start, copied_settings, tenant_of_its_own

CHANGED = Reason(Code.CHANGED, provider="Namely")


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover) -> Iterator[Tenant]:
    """A simulated tenant of this test's own, whose people are stored as the integration acme."""
    with tenant_of_its_own(tmp_path, monkeypatch, discover, extra="[host.losses]\nvanished_share = 1") as tenant:
        yield tenant


def change_some(tenant: Tenant) -> None:
    """Give one person another title, delete another one, and hire a third."""
    tenant.people[3].title = "Keeper of the Keys"
    tenant._touch(tenant.people[3])
    tenant.delete(tenant.people[-1])
    tenant.hire()


def words(text: str) -> str:
    return " ".join(text.split())


# ---- a plan that waits


def test_a_run_whose_plan_waits_says_so_until_it_is_decided(tenant: Tenant, discover: Discover) -> None:
    def standing() -> tuple[object, object]:
        (one,) = discover("integrations", "--json").json()["integrations"]
        return one["verdict"], one["waiting"] and one["waiting"]["changes"]

    assert discover("run", "acme", "--plan").code == 0, "nothing has changed, so nothing waits"
    assert standing() == ("complete", None)
    change_some(tenant)
    done = discover("run", "acme", "--plan")
    assert done.code == 1
    assert done.out.startswith("acme: plan waiting ")
    assert "Next: discover apply acme   (or: discover discard acme)" in done.out
    planned = discover("run", "acme", "--plan", "--json")
    assert (planned.code, planned.json()["verdict"]) == (1, "plan waiting")
    everything = discover("run", "--all", "--plan", "--json")
    assert (everything.code, [one["verdict"] for one in everything.json()["runs"]]) == (1, ["plan waiting"])
    assert standing() == ("plan waiting", 3)
    said = discover("integrations").out
    assert "plan waiting (3 changes)" in said
    assert said.endswith("\nNext: discover apply acme   (or: discover discard acme)\n")
    assert discover("discard", "acme", "--yes").code == 0
    assert standing() == ("plan decided", None)
    assert "Next:" not in discover("integrations").out
    assert "plan decided" in discover("history", "acme", "--limit", "1").out
    assert discover("run", "acme").code == 0
    assert standing() == ("complete", None)


def test_a_plan_waits_also_where_a_guard_objects(tenant: Tenant, discover: Discover) -> None:
    for one in tenant.people[-3:]:
        tenant.delete(one)
    done = discover("run", "acme", "--plan", "--json")
    assert (done.code, done.json()["verdict"]) == (1, "plan waiting")
    plan = done.json()["kinds"][0]["plan"]
    assert (plan["held"], [one["code"] for one in plan["held_because"]]) == (3, ["too_many_vanished"])
    assert "Held: " in discover("run", "acme", "--plan").out


@pytest.mark.parametrize("decision", ["apply", "discard", "undo"])
def test_a_held_plan_that_is_decided_is_held_no_more(
    tenant: Tenant, discover: Discover, tmp_path: Path, decision: str
) -> None:
    def standings() -> list[bool]:
        commands = (("integrations", "--json"), ("history", "acme", "--limit", "1"), ("doctor", "--offline"))
        return ["plan decided" in words(discover(*command).out) for command in commands]

    switch_on(tmp_path)
    for one in tenant.people[-3:]:
        tenant.delete(one)
    assert discover("run", "acme", "--json").json()["verdict"] == "held"
    assert standings() == [False, False, False]
    for command in {"undo": ("apply", "undo")}.get(decision, (decision,)):
        assert discover(command, "acme", "--yes").code == 0
    assert standings() == [True, True, True]


def test_a_plan_of_an_earlier_run_is_shown_beside_the_verdict_of_the_last_one(
    tenant: Tenant, discover: Discover
) -> None:
    change_some(tenant)
    assert discover("run", "acme", "--plan", "--kind", "employees").code == 1
    assert discover("run", "acme", "--kind", "departments").code == 0
    lines = discover("integrations").out.splitlines()
    assert "complete " in lines[2]
    assert "plan waiting (3 changes)" in lines[3]
    (first, second) = discover("history", "acme", "--limit", "2", "--json").json()["runs"]
    assert (first["verdict"], second["verdict"]) == ("complete", "plan waiting")


# ---- old and new values


def test_a_waiting_plan_shows_old_and_new_values_and_names(
    tenant: Tenant, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, gone = tenant.people[3].title, tenant.people[-1]
    name = f"{gone.first_name} {gone.last_name}"
    change_some(tenant)
    planned = discover("run", "acme", "--plan", "--json").json()
    by_operation = {one["operation"]: one for one in planned["changes"]}
    values = {one["field"]: one for one in by_operation["update"]["values"]}
    expected = {"field": "job_title", "old": old, "new": "Keeper of the Keys", "names": {}}
    assert values["job_title"] == expected
    assert (by_operation["remove"]["label"], by_operation["remove"]["values"]) == (name, [])
    listed = discover("history", "acme", "--run", planned["run"], "--json").json()["changes"]
    (new,) = [one for one in listed if one["operation"] == "create"]
    created = {one["field"]: one["new"] for one in new["values"]}
    assert created["display_name"] == new["label"]
    assert created["status"] == "active"
    for columns in ("60", "100"):
        monkeypatch.setenv("COLUMNS", columns)
        for command in (("run", "acme", "--plan"), ("apply", "acme"), ("history", "acme", "--run", planned["run"])):
            if command[0] == "history":
                # Replaced by the plans after it: nothing but the names of fields is left.
                assert "Keeper" not in discover(*command).out
                continue
            shown = discover(*command).out
            assert f"job_title: {old} → Keeper of the Keys" in words(shown)
            assert name in shown
            assert max(len(line) for line in shown.splitlines() if "→" in line or line.startswith("-")) <= int(columns)


def test_values_are_not_shown_once_they_are_applied(tenant: Tenant, discover: Discover) -> None:
    name = f"{tenant.people[-1].first_name} {tenant.people[-1].last_name}"
    change_some(tenant)
    done = discover("run", "acme", "--json").json()
    assert {(one["state"], len(one["values"])) for one in done["changes"]} == {("applied", 0)}
    assert [one["fields"] for one in done["changes"] if one["operation"] == "update"] == [["job_title", "updated_at"]]
    # The one who was removed is named, though stored no more.
    assert [one["label"] for one in done["changes"] if one["operation"] == "remove"] == [name]


def test_what_a_value_names_is_shown_by_its_name_and_by_its_id_where_two_have_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def shown(*values: FieldChange) -> str:
        change = Change("Employee", "1", Operation.UPDATE, CHANGED, label="Ada", state=State.HELD, values=values)
        print_changes([change], {}, with_state=False)
        return capsys.readouterr().out

    manager, departments = "manager_source_id", "department_source_ids"
    assert "manager: Bea → Cleo" in shown(FieldChange(manager, "2", "3", {"2": "Bea", "3": "Cleo"}))
    assert "manager: Bea (2) → Bea (3)" in shown(FieldChange(manager, "2", "3", {"2": "Bea", "3": "Bea"}))
    assert "manager: none → 3" in shown(FieldChange(manager, None, "3"))
    assert "department: Sales, d2 → none" in shown(FieldChange(departments, ["d1", "d2"], [], {"d1": "Sales"}))
    assert "id_is_synthetic: no → yes" in shown(FieldChange("id_is_synthetic", old=False, new=True))
    assert "\x1b" not in shown(FieldChange("job_title", "\x1b[2J", "Lead"))


def test_removals_are_named_before_they_are_decided_on(
    tenant: Tenant, discover: Discover, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [Change("Employee", f"{one}", Operation.CREATE, CHANGED, label="Ada") for one in range(3)]
    print_changes(changes, {("Employee", Operation.CREATE): 10}, with_state=False)
    assert "… and 7 more Employee creates" in capsys.readouterr().out
    for _ in range(70):
        tenant.hire()
    assert discover("run", "acme").code == 0
    for one in tenant.people[-60:]:
        tenant.delete(one)
    planned = discover("run", "acme", "--plan", "--json").json()["changes"]
    gone = [one["label"] for one in planned if one["operation"] == "remove"]
    assert len(gone) > 50
    done = discover("run", "acme", "--plan")
    assert done.out.count("\n-  ") == 50
    assert f"… and {len(gone) - 50} more Employee removals" in done.out
    for command in ("apply", "discard"):
        done = discover(command, "acme")
        assert done.out.count("\n-  ") == len(gone)
        assert "more Employee removals" not in done.out
        assert all(name in done.out for name in gone)


def test_the_changes_of_several_runs_are_one_line_of_json(tenant: Tenant, discover: Discover) -> None:
    change_some(tenant)
    assert discover("connect", "namely", "--name", "beta", "--domain", "acme.namely.com").code == 0
    done = discover("run", "--all", "--plan", "--json")
    assert done.out.count("\n") == 1
    runs = {one["integration"]: one for one in json.loads(done.out)["runs"]}
    assert [len(runs[name]["changes"]) for name in ("acme", "beta")] == [2, 0]
    assert [one["plan"]["creates"] for one in runs["beta"]["kinds"]] == [30, 12]


# ---- put back


def switch_on(folder: Path) -> None:
    """Switch the undo window on."""
    settings = folder / "plugins.toml"
    settings.write_text(f"[host.retention]\nundo = 7\n{settings.read_text()}")


def test_without_the_undo_window_the_command_says_how_to_switch_it_on(tenant: Tenant, discover: Discover) -> None:
    change_some(tenant)
    assert discover("run", "acme").code == 0
    done = discover("undo", "acme", "--yes")
    assert done.code == 2
    assert "no old values are kept, since the undo window is off" in done.err
    assert "undo = 7 below [host.retention]" in done.err


def test_the_last_plan_is_shown_and_put_back(
    tenant: Tenant, discover: Discover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def people() -> list[dict[str, object]]:
        return list(discover("entities", "acme", "employees", "--json").json()["entities"])

    before, old = people(), tenant.people[3].title
    switch_on(tmp_path)
    done = discover("undo", "acme")
    assert (done.code, "acme has no applied plan that can be put back" in done.err) == (2, True)
    removed = f"{tenant.people[-1].first_name} {tenant.people[-1].last_name}"
    change_some(tenant)
    hired = f"{tenant.people[-1].first_name} {tenant.people[-1].last_name}"
    assert discover("run", "acme", "--plan").code == 1
    done = discover("apply", "acme", "--yes")
    assert "3 changes applied.\nIt can be put back for 7 days: discover undo acme\n" in done.out
    monkeypatch.setenv("COLUMNS", "60")
    done = discover("undo", "acme")
    run = discover("history", "acme", "--limit", "1", "--json").json()["runs"][0]["id"]
    assert done.code == 2
    assert f"Put back 3 rows of run {run[:8]}, applied {datetime.now(UTC):%Y-}" in words(done.err)
    assert "UTC? There is no terminal" in words(done.err)
    shown = words(done.out)
    assert f"job_title: Keeper of the Keys → {old}" in shown
    assert f"+ {removed} as it was before run" in shown
    assert f"- {hired} as it was before run" in shown
    done = discover("undo", "acme", "--yes")
    assert done.code == 0
    assert "3 rows put back.\n" in done.out
    assert "The next run reads the same values again" in done.out
    assert people() == before
    (undone, *_) = discover("history", "acme", "--json").json()["runs"]
    assert undone["changes"] == {"create undone": 1, "update undone": 1, "remove undone": 1}
    # The provider's values have not changed, so the next run has the same plan; the loss waits for a decision.
    done = discover("run", "acme", "--json")
    assert (done.code, done.json()["verdict"]) == (1, "held")
    plan = done.json()["kinds"][0]["plan"]
    assert (plan["creates"], plan["updates"], plan["removes"], plan["held"]) == (1, 1, 1, 1)
    assert [one["code"] for one in plan["held_because"]] == ["acceptance_changed"]
    assert discover("undo", "acme", "--yes", "--json").json()["put_back"] == 2
    assert discover("undo", "acme", "--yes").code == 2
    assert people() == before


def test_undo_given_again_does_not_go_on_to_the_plan_before(tenant: Tenant, discover: Discover, tmp_path: Path) -> None:
    def title() -> object:
        (entity,) = discover(
            "entities", "acme", "employees", "--where", f"source_id={tenant.people[3].id}", "--json"
        ).json()["entities"]
        return entity["job_title"]

    switch_on(tmp_path)
    runs = []
    for changed in ("Chronicler", "Keeper of the Keys"):
        tenant.people[3].title = changed
        tenant._touch(tenant.people[3])
        runs.append(discover("run", "acme", "--json").json()["run"])
    assert discover("undo", "acme", "--yes").code == 0
    for command in (("--yes",), ("--yes", "--json"), ()):
        done = discover("undo", "acme", *command)
        assert done.code == 2
        assert f"that of run {runs[0][:8]}, but acme has run since, or another plan was put back" in words(done.err)
        assert f"discover undo acme --run {runs[0][:8]} --yes" in words(done.err)
        assert title() == "Chronicler"
    # The id of the one that was put back is no answer either, given again; nor is none, as of an empty variable.
    for given, why in ((runs[1], "not of " + runs[1][:8]), ("", "No run of acme has an id"), ("zz", "No run of acme")):
        done = discover("undo", "acme", "--run", given, "--yes")
        assert (done.code, why in words(done.err)) == (2, True)
    assert title() == "Chronicler"
    assert discover("undo", "acme", "--run", runs[0][:8], "--yes").code == 0
    assert title() not in {"Chronicler", "Keeper of the Keys"}


def test_a_plan_is_not_put_back_unasked_once_there_is_a_later_run(
    tenant: Tenant, discover: Discover, tmp_path: Path
) -> None:
    switch_on(tmp_path)
    change_some(tenant)
    run = discover("run", "acme", "--json").json()["run"]
    assert discover("run", "acme").code == 0
    done = discover("undo", "acme", "--yes")
    assert (done.code, f"--run {run[:8]} --yes" in words(done.err)) == (2, True)
    assert discover("undo", "acme", "--run", run[:8], "--yes").code == 0


@pytest.mark.usefixtures("tenant")
def test_a_first_run_is_not_put_back_unasked(discover: Discover, tmp_path: Path) -> None:
    switch_on(tmp_path)
    assert discover("connect", "namely", "--name", "beta", "--domain", "acme.namely.com").code == 0
    run = discover("run", "beta", "--json").json()["run"]
    done = discover("undo", "beta", "--yes")
    assert done.code == 2
    assert f"run {run[:8]} would remove more rows than [host.losses] lets a run remove unasked" in words(done.err)
    assert len(discover("entities", "beta", "employees", "--json").json()["entities"]) == 30
    assert "42 rows put back" in discover("undo", "beta", "--run", run, "--yes").out
    assert discover("entities", "beta", "employees", "--json").json()["entities"] == []


def test_the_rest_of_a_run_is_not_put_back_by_a_command_that_is_given_again(
    tenant: Tenant, discover: Discover, tmp_path: Path
) -> None:
    switch_on(tmp_path)
    for one in tenant.people[-3:]:
        tenant.delete(one)
    change_some(tenant)
    done = discover("run", "acme", "--json").json()
    assert done["verdict"] == "held"
    assert discover("apply", "acme", "--yes").code == 0
    again = ("undo", "acme", "--run", done["run"], "--yes")
    assert "4 rows put back" in discover(*again).out
    before = discover("entities", "acme", "employees", "--json").out
    refused = discover(*again)
    assert (refused.code, "is put back only when you are asked" in words(refused.err)) == (2, True)
    assert discover("entities", "acme", "employees", "--json").out == before


def test_json_shows_what_would_be_put_back(tenant: Tenant, discover: Discover, tmp_path: Path) -> None:
    switch_on(tmp_path)
    old = tenant.people[3].title
    change_some(tenant)
    run = discover("run", "acme", "--json").json()["run"]
    done = discover("undo", "acme", "--json")
    assert (done.code, done.json()["run"], done.json()["stale"]) == (2, run, 0)
    changes = {one["operation"]: one for one in done.json()["changes"]}
    assert {"field": "job_title", "old": "Keeper of the Keys", "new": old, "names": {}} in changes["update"]["values"]
    assert set(changes) == {"create", "update", "remove"}
    assert "There is no terminal" in json.loads(done.err)["error"]["message"]
    assert discover("undo", "acme", "--yes", "--json").json() == {
        "integration": "acme",
        "run": run,
        "put_back": 3,
        "stale": 0,
    }


async def test_only_the_plan_that_was_shown_is_put_back(namely: Start) -> None:
    place = await namely(scanned=True)
    place.host.settings = copied_settings(place.settings, retention=RetentionSettings(undo=7))
    title = place.tenant.people[3].title
    for changed in ("Chronicler", "Keeper of the Keys"):
        shown = await place.host.undoable("acme") if changed != "Chronicler" else None
        place.tenant.people[3].title = changed
        place.tenant._touch(place.tenant.people[3])
        await place.run()
    assert shown
    with pytest.raises(SettingsError, match="Another plan of acme has been applied or undone"):
        await place.host.undo("acme", shown.number)
    async with place.host.store.locks.hold("acme"):
        with pytest.raises(BusyError):
            await place.host.undo("acme")
    assert (await place.host.undo("acme")).put_back == 1
    # A delta would not see what is behind now.
    report = await place.run(delta=True)
    assert (report.extent.delta, report.extent.why and report.extent.why.code) == (False, Code.NO_FULL_SCAN)
    for _ in range(2):
        await place.host.undo("acme")
    assert (await place.people())[place.tenant.people[3].id].job_title == title
    with pytest.raises(SettingsError, match="no applied plan"):
        await place.host.undo("acme")

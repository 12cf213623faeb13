"""Plans on the command line: what waits is shown with its old and new values, and counts until it is decided."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_core import BusyError, SettingsError
from connector_core.cli.plan import print_changes
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Code, Reason
from connector_core.settings import RetentionSettings
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import Discover, Start, Threaded, copied_settings, serve_in_thread

CHANGED = Reason(Code.CHANGED, provider="Namely")


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discover: Discover) -> Iterator[Tenant]:
    """A simulated tenant of this test's own, whose people are stored as the integration acme."""
    behaviour = Behaviour(quota=1_000_000)
    simulator = NamelySimulator(Tenant(30, 3, behaviour), behaviour)
    with serve_in_thread(simulator) as served:
        token = simulator.credentials["personal_access_token"]
        reached = Threaded(simulator.host, served.port, str(served.ca_file), token, simulator)
        (tmp_path / "plugins.toml").write_text(reached.settings(losses="[host.losses]\nvanished_share = 1"))
        monkeypatch.setenv("SSL_CERT_FILE", reached.ca_file)
        monkeypatch.setenv("DISCOVER_PERSONAL_ACCESS_TOKEN", token)
        assert discover("connect", "namely", "--name", "acme", "--domain", simulator.host).code == 0
        assert discover("run", "acme").code == 0
        assert isinstance(simulator.directory, Tenant)
        yield simulator.directory


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
    assert (done.code, "Put back 3 rows? There is no terminal" in done.err) == (2, True)
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

"""Plans on the command line: what waits is shown with its old and new values, and counts until it is decided."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_core.cli.plan import print_changes
from connector_core.field_changes import FieldChange
from connector_core.outcomes import Change, Operation, State
from connector_core.reasons import Code, Reason
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant
from world import Discover, Threaded, serve_in_thread

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

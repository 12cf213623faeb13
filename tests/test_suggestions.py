"""Names that operators type: one kind has several spellings, and an unknown name is met with the nearest."""

from pathlib import Path
from typing import Any

import pytest

from connector_core import PluginRefusedError, SettingsError
from connector_core.contract import declaration_of, declared, declared_fields
from connector_core.plugins import load, registry_of
from connector_core.sdk.entities import Product
from connector_core.settings import PluginSettings, Settings
from connector_core.suggestions import did_you_mean
from connector_core.testing import Faults
from connectors.namely.connector import Namely
from connectors.namely.simulator import Behaviour
from run_steps import RunSteps


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("emplyees", "employees"),
        ("DEPARTMENT", "departments"),
        ("ACME", "acme"),
        ("job-title", "job_title"),
        ("xyz", ""),
        ("", ""),
        ("employees" * 100_000, ""),
    ],
)
def test_the_nearest_name_is_suggested_if_one_is_near(typed: str, meant: str) -> None:
    question = did_you_mean(typed, ["employees", "departments", "acme", "job_title"])
    assert question == (f"Did you mean {meant}?" if meant else "")


@pytest.mark.parametrize("typed", ["employee", "Employee", "EMPLOYEES", "Employees", "employees"])
def test_a_kind_is_known_by_either_name_in_any_case(typed: str) -> None:
    assert declaration_of(Namely, typed).kind.__name__ == "Employee"
    assert [one.kind.__name__ for one in declared(Namely, None, [typed])] == ["Employee"]
    both = declared(Namely, Product.SMP, [typed, "Department", "departments"])
    assert [one.kind.__name__ for one in both] == list(Namely.declarations)


def hint_of(function: Any, *arguments: Any) -> str:
    with pytest.raises((SettingsError, PluginRefusedError)) as caught:
        function(*arguments)
    return str(caught.value.hint)


def test_an_unknown_kind_field_and_connector_are_met_with_the_nearest() -> None:
    assert hint_of(declaration_of, Namely, "emploees") == "Did you mean employees?"
    assert hint_of(declaration_of, Namely, "invoices") == ""
    assert hint_of(declared_fields, Namely, ["email", "jobtitle"]) == "Did you mean job_title?"
    assert hint_of(registry_of(Namely).connector, "nameley") == "Did you mean namely?"
    assert hint_of(registry_of(Namely).connector, "workday") == "discover list shows every plugin found."


def test_an_unknown_fault_and_switch_of_a_simulator_are_met_with_the_nearest() -> None:
    assert hint_of(Faults, "stal@3:/profiles") == "Did you mean stall?"
    with pytest.raises(SettingsError, match=r"--set quotta: there is no such key \(did you mean quota\?\)\."):
        Behaviour.parse({"quotta": "3"})
    with pytest.raises(SettingsError, match="--set quota: "):
        Behaviour.parse({"quota": "many"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[host]\nstor = 'x'\n", "host.stor: there is no such key (did you mean store?)."),
        ("[plugin.namely]\n", "plugin: there is no such key (did you mean plugins?)."),
        ("[host.http]\ntrys = 1\n", "host.http.trys: there is no such key (did you mean tries?)."),
        ("[plugins.namely]\noption = {}\n", "plugins.namely.option: there is no such key (did you mean options?)."),
        (
            "[plugins.namely.limits]\n'/profiles' = { request = 1, requests = 1, per = 1 }\n",
            "plugins.namely.limits./profiles.request: there is no such key (did you mean requests?).",
        ),
        ("[colour]\n", "colour: there is no such key."),
    ],
)
def test_an_unknown_key_of_the_settings_is_met_with_the_nearest(text: str, says: str) -> None:
    Path("plugins.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert caught.value.message.endswith(says)


def test_an_unknown_option_and_plugin_in_the_settings_are_met_with_the_nearest() -> None:
    options = {"department_group_type": ["Teams"]}
    settings = Settings(plugins={"namely": PluginSettings(options=options), "hibbob": PluginSettings()})
    reasons = {entry.name: entry.reason for entry in load(settings).entries}
    assert "department_group_type: there is no such key (did you mean department_group_types?)" in reasons["namely"]
    assert reasons["hibbob"].endswith("or correct the name. Did you mean hibob?")


async def test_an_unknown_integration_is_met_with_the_nearest(steps: RunSteps) -> None:
    with pytest.raises(SettingsError) as caught:
        await steps.store.integrations.get("ACNE")
    assert caught.value.hint == "Did you mean acme?"
    with pytest.raises(SettingsError) as caught:
        await steps.store.integrations.get("globex")
    assert caught.value.hint == "Add one: discover connect CONNECTOR --name globex; or name another store: --store FILE"

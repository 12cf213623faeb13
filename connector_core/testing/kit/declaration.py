"""Suite ``declaration``: the credentials form, the set-up guide, the README and the witnesses."""

import inspect
import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness
from connector_core.testing.readme import PARTS, parts_in, readme_of, regenerated

_SECRET_NAME = re.compile(r"token|secret|password|passphrase|(^|_)key(?!_id)", re.IGNORECASE)


async def examine(harness: Harness, findings: Findings) -> None:
    connector = harness.connector
    _check_form(connector, findings)
    _check_guide(connector, findings)
    _check_readme(connector, findings)
    for name, one in connector.declarations.items():
        if one.witness is None and not one.derived:
            findings.fail(
                "declaration.witness", f"{name} has neither a @witnesses nor a @fetches method that is a witness"
            )
    if any(one.derived for one in connector.declarations.values()):
        await _check_derived(harness, findings)


async def _check_derived(harness: Harness, findings: Findings) -> None:
    """Check that kinds declared as derived are, since they need no witness."""
    harness.reset()
    result = await harness.run(await harness.connected_store())
    for name, one in harness.connector.declarations.items():
        if one.derived and name not in result.monitor.derived:
            findings.fail("declaration.witness", f"{name} is declared as derived, but its pages come from a listing")


def _check_form(connector: type[AnyConnector], findings: Findings) -> None:
    for field in connector.credentials_type.form():
        declared = connector.credentials_type.model_fields[field.name]
        if not declared.title:
            findings.fail("declaration.form", f"{field.name} has no title")
        if not field.help:
            findings.fail("declaration.form", f"{field.name} has no description")
        if _SECRET_NAME.search(field.name) and not field.secret:
            findings.fail("declaration.form", f"{field.name} is not a SecretStr")
        if field.choices and declared.default not in {*field.choices[:1], None, PydanticUndefined}:
            findings.fail("declaration.form", f"the default of {field.name} is not its first choice")
    for name, option in connector.options_type.model_fields.items():
        if not option.description:
            findings.fail("declaration.form", f"the option {name} has no description")


def _check_guide(connector: type[AnyConnector], findings: Findings) -> None:
    manifest = connector.manifest
    if not manifest.provider_setup:
        findings.fail("declaration.guide", "the manifest has no provider_setup")
    if not manifest.rejected.remedy:
        findings.fail("declaration.guide", "the manifest has no remedy for rejected credentials")
    for name, one in connector.declarations.items():
        for part in ("description", "resource", "permission", "products"):
            if not getattr(one, part):
                findings.fail("declaration.guide", f"{name} has no {part}")


def _check_readme(connector: type[AnyConnector], findings: Findings) -> None:
    readme = readme_of(connector)
    if not readme.is_file():
        findings.fail("declaration.readme", f"there is no README.md beside {Path(inspect.getfile(connector)).name}")
        return
    text = readme.read_text(encoding="utf-8")
    missing = sorted(PARTS.keys() - parts_in(text))
    if missing:
        findings.fail("declaration.readme", f"README.md lacks the generated parts {', '.join(missing)}")
    if regenerated(text, connector) != text:
        command = f"discover test {connector.manifest.name} --write"
        findings.fail("declaration.readme", f"README.md is out of date: run {command}")

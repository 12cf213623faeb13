"""What a connector says of itself: its form, its guide, its page."""

import inspect
import re
from pathlib import Path

from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit.notes import Notes
from connector_core.testing.kit.stage import Stage
from connector_core.testing.pages import PARTS, current, page_of, parts_in

_SECRETIVE = re.compile(r"token|secret|password|passphrase|(^|_)key", re.IGNORECASE)


async def examine(stage: Stage, notes: Notes) -> None:
    connector = stage.connector
    _form(connector, notes)
    _guide(connector, notes)
    _page(connector, notes)
    for name, one in connector.declarations.items():
        if one.witness is None and not one.derived:
            notes.fail("declaration.witness", f"{name} has no @witnesses method")
    if any(one.derived for one in connector.declarations.values()):
        await _derived(stage, notes)


async def _derived(stage: Stage, notes: Notes) -> None:
    """Nobody is excused from a witness by a word alone: the pages must be derived."""
    stage.begin()
    found = await stage.run(await stage.connected())
    for name, one in stage.connector.declarations.items():
        if one.derived and name not in found.watch.derived:
            notes.fail("declaration.witness", f"{name} is declared as derived, and its pages are a listing's own")


def _form(connector: type[AnyConnector], notes: Notes) -> None:
    for field in connector.credentials_type.form():
        declared = connector.credentials_type.model_fields[field.name]
        if not declared.title:
            notes.fail("declaration.form", f"{field.name} has no title")
        if not field.help:
            notes.fail("declaration.form", f"{field.name} has no description")
        if _SECRETIVE.search(field.name) and not field.secret:
            notes.fail("declaration.form", f"{field.name} is no SecretStr")
    for name, option in connector.options_type.model_fields.items():
        if not option.description:
            notes.fail("declaration.form", f"the option {name} has no description")


def _guide(connector: type[AnyConnector], notes: Notes) -> None:
    manifest = connector.manifest
    if not manifest.provider_setup:
        notes.fail("declaration.guide", "the manifest has no provider_setup")
    if not manifest.rejected.remedy:
        notes.fail("declaration.guide", "the manifest says no remedy for rejected credentials")
    for name, one in connector.declarations.items():
        for part in ("description", "resource", "permission", "products"):
            if not getattr(one, part):
                notes.fail("declaration.guide", f"{name} has no {part}")


def _page(connector: type[AnyConnector], notes: Notes) -> None:
    page = page_of(connector)
    if not page.is_file():
        notes.fail("declaration.page", f"there is no README.md beside {Path(inspect.getfile(connector)).name}")
        return
    text = page.read_text(encoding="utf-8")
    missing = sorted(PARTS.keys() - parts_in(text))
    if missing:
        notes.fail("declaration.page", f"README.md has no generated part {', '.join(missing)}")
    if current(text, connector) != text:
        notes.fail("declaration.page", f"README.md is not current: discover test {connector.manifest.name} --write")

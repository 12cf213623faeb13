"""Installed plugins: ``list`` and ``show``."""

from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.text import Text

from connector_core.cli.encoding import plain, print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import how_to_give
from connector_core.cli.output import console, table
from connector_core.operator_pages import (
    declared_by,
    entity_of,
    hosts_in_words,
    limits_in_force,
    mechanism,
    products_of,
    ways_in_words,
)
from connector_core.plugins import Entry, Standing
from connector_core.sdk.authentication import typed_fields
from connector_core.sdk.connector import AnyConnector, Declaration

_COLOURS = {Standing.READY: "green", Standing.REFUSED: "red", Standing.FAILED: "red"}


def list_(
    *, timeout: Annotated[float | None, Parameter(validator=Number(gt=0, lte=86_400))] = None, flags: Flags = DEFAULT
) -> int:
    """List the installed plugins, and why one cannot be used.

    Args:
        timeout: Seconds that each plugin may take to load. [default: load_timeout in the settings]
    """
    entries = flags.registry(timeout=timeout).entries
    if flags.json:
        print_json({"plugins": [_entry(entry) for entry in entries]})
        return 0
    rows = [
        (
            entry.name,
            Text(entry.standing, style=_COLOURS.get(entry.standing, "yellow")),
            entry.connector.manifest.category if entry.connector else "",
            tuple(f"{one.kind.plural} ({_products(one)})" for one in declared_by(entry.connector)),
            tuple(f"{one.requests} of {one.path} in {one.per:g} s" for one in limits_in_force(entry)),
            f"{entry.distribution} {entry.version}".strip(),
        )
        for entry in entries
    ]
    headings = ("Connector", "Standing", "Category", "Discovers", "Requests", "Distribution")
    out = console()
    out.print(table(headings, rows, optional=("Requests",)) if rows else "No plugin is installed.")
    reasons = [f"{entry.name}: {entry.reason}" for entry in entries if entry.reason]
    for line in ("", *reasons) if reasons else ():
        out.print(plain(line))
    return 0


def show(connector: str, /, *, flags: Flags = DEFAULT) -> int:
    """Show a connector's page: what it discovers, what it needs, and how to set it up.

    Args:
        connector: Its name in `discover list`.
    """
    found = flags.registry().connector(connector)
    page = _page(found, flags)
    if flags.json:
        print_json(page)
        return 0
    out = console()
    manifest = found.manifest
    out.print(manifest.title, style="bold")
    out.print(manifest.description)
    out.print()
    out.print(f"Category: {manifest.category}    Authentication: {manifest.authentication} ({mechanism(manifest)})")
    out.print(f"Reaches only: {', '.join(hosts_in_words(found))}")
    out.print()
    capabilities = [(entity_of(one), _products(one), one.description, one.resource) for one in declared_by(found)]
    out.print(table(("Entity", "Product", "Description", f"{manifest.title} resource"), capabilities))
    out.print()
    fields = [
        (one.title, how_to_give(one), one.help, " or ".join(one.choices) or one.example)
        for one in found.credentials_type.form()
    ]
    out.print(table(("Field", "Flag", "Help", "Example"), fields, title="Credentials"))
    if ways := ways_in_words(found):
        out.print(ways)
    out.print()
    for one in declared_by(found):
        if one.permission:
            out.print(f"To read {one.kind.plural}: {one.permission}.")
    out.print()
    if manifest.provider_setup:
        out.print(f"Set-up in {manifest.title}", style="bold")
        for number, step in enumerate(manifest.provider_setup, 1):
            out.print(f"  {number}. {step}")
        out.print()
    out.print("Set-up here", style="bold")
    for number, step in enumerate(page["setup_here"], 1):
        out.print(f"  {number}. {step}")
    return 0


def _page(connector: type[AnyConnector], flags: Flags) -> dict[str, Any]:
    """Return a connector's page as JSON."""
    manifest = connector.manifest
    lifetime = manifest.token_lifetime
    return {
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "category": manifest.category,
        "authentication": manifest.authentication,
        "mechanism": mechanism(manifest),
        "hosts": list(hosts_in_words(connector)),
        "ways": [typed_fields(way) for way in manifest.ways],
        "capabilities": [
            {
                "entity": one.kind.__name__,
                "products": products_of([one]),
                "description": one.description,
                "resource": one.resource,
                "permission": one.permission,
            }
            for one in declared_by(connector)
        ],
        "credentials": connector.credentials_type.model_json_schema(),
        "provider_setup": list(manifest.provider_setup),
        "setup_here": [
            f"Run: {flags.command(f'connect {manifest.name} --name NAME')}",
            f"Run: {flags.command('run NAME --plan')}, and review what it would store.",
            f"Run: {flags.command('run NAME')}, as often as you need fresh data.",
            *([f"Connect again before the token is {lifetime.days} days old."] if lifetime else []),
        ],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    manifest = entry.connector.manifest if entry.connector else None
    return {
        "name": entry.name,
        "standing": entry.standing,
        "reason": entry.reason,
        "distribution": entry.distribution,
        "version": entry.version,
        "title": manifest.title if manifest else None,
        "category": manifest.category if manifest else None,
        "authentication": manifest.authentication if manifest else None,
        "discovers": [
            {"kind": one.kind.plural, "products": products_of([one])} for one in declared_by(entry.connector)
        ],
        "limits": [{"path": one.path, "requests": one.requests, "per": one.per} for one in limits_in_force(entry)],
    }


def _products(declaration: Declaration) -> str:
    return ", ".join(products_of([declaration]))

"""Stored entities: ``entities``."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.cli.encoding import stream_csv, stream_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.messages import counted
from connector_core.sdk.entities import Department, Employee, Entity

COLUMNS = {
    Employee: ("display_name", "email", "job_title", "status", "manager_source_id", "department_source_ids"),
    Department: ("name", "kind", "source_type"),
}


async def entities(
    name: str,
    kind: str,
    /,
    *,
    csv: Annotated[bool, Parameter(negative="")] = False,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    flags: Flags = DEFAULT,
) -> int:
    """List the stored entities of one kind: as a table, --json or --csv.

    Args:
        name: The integration.
        kind: Such as employees or departments.
        csv: Print CSV for spreadsheets, with a column for every field. A text that could be a formula is
            preceded by an apostrophe; --json has it as it is.
        limit: At most this many.
    """
    if csv and flags.json:
        raise SettingsError("Give --csv or --json, not both.")
    async with flags.host() as host:
        found = await host.kind(name, kind)
        rows = _first(host.entities(name, found), limit)
        if flags.json:
            await stream_json({}, "entities", _plain(rows))
        elif csv:
            await stream_csv(found.model_fields, (row.values() async for row in _plain(rows)))
        else:
            await _print_table(host, name, found, [row async for row in rows])
    return 0


async def _first(rows: AsyncIterator[Entity], limit: int | None) -> AsyncIterator[Entity]:
    number = 0
    async for row in rows:
        yield row
        number += 1
        if number == limit:
            return


async def _plain(rows: AsyncIterator[Entity]) -> AsyncIterator[dict[str, Any]]:
    async for row in rows:
        yield row.model_dump(mode="json")


async def _print_table(host: Host, name: str, kind: type[Entity], rows: Sequence[Entity]) -> None:
    columns = COLUMNS.get(kind, tuple(kind.model_fields))
    names = await _names(host, name, {kind.links[column] for column in columns if column in kind.links})
    headings = [column.removesuffix("_source_id").removesuffix("_source_ids") for column in columns]
    out = console()
    out.print(table(headings, [[_cell(getattr(row, column), names) for column in columns] for row in rows]))
    stored = (await host.count_entities(name)).get(kind.__name__, 0)
    out.print(f"\n{counted(len(rows), 'row')} shown, {stored:,} stored.")


async def _names(host: Host, name: str, targets: set[str]) -> dict[str, str]:
    """Return the names of the stored people and departments, by id, if columns link to them."""
    names: dict[str, str] = {}
    if Employee.__name__ in targets:
        names |= {one.source_id: one.display_name or "" async for one in host.entities(name, Employee)}
    if Department.__name__ in targets:
        names |= {one.source_id: one.name async for one in host.entities(name, Department)}
    return names


def _cell(value: object, names: dict[str, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(names.get(str(one), str(one)) for one in value)
    return names.get(str(value), str(value))

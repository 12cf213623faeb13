"""Stored entities: ``entities``."""

import shlex
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.cli.encoding import print_json, stream_csv, stream_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.messages import counted
from connector_core.sdk.entities import Department, Employee, Entity
from connector_core.views import View, heading

COLUMNS = {
    Employee: ("display_name", "email", "job_title", "status", "manager_source_id", "department_source_ids"),
    Department: ("name", "kind", "source_type"),
}


async def entities(  # noqa: PLR0913 - one for each flag
    name: str,
    kind: str,
    source_id: Annotated[str | None, Parameter(name="ID")] = None,
    /,
    *,
    where: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    search: str | None = None,
    sort: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    csv: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """List the stored entities of one kind, or show one: as a table, --json or --csv.

    Args:
        name: The integration.
        kind: Such as employees or departments.
        source_id: Show all fields of this one.
        where: Only those with this value, as FIELD=VALUE, such as status=active or department_names=Sales; FIELD= for
            those without one. May be given more than once: all must hold.
        search: Only those with these words in their names, e-mail, number or title.
        sort: Sort by this field; -FIELD for descending order.
        limit: At most this many.
        csv: Print CSV for spreadsheets, with a column for every field. A text that could be a formula is
            preceded by an apostrophe; --json has it as it is.
    """
    if csv and flags.json:
        raise SettingsError("Give --csv or --json, not both.")
    if source_id is not None and (where or search or sort or limit):
        raise SettingsError("Give an ID, or --where, --search, --sort and --limit, not both.")
    conditions = [_condition(text) for text in where]
    async with flags.host() as host:
        found = await host.kind(name, kind)
        if source_id is not None:
            await _show_one(host, name, found, source_id, csv=csv, json=flags.json)
            return 0
        view = await host.view(name, found)
        matching = _matching(host.entities(name, found), view.filter(conditions, search or ""))
        if sort:
            matching = _each(view.sort([one async for one in matching], sort))
        rows = _first(matching, limit)
        if flags.json:
            await stream_json({}, "entities", (view.row(row) async for row in rows))
        elif csv:
            await stream_csv(view.columns, (view.row(row).values() async for row in rows))
        else:
            await _print_table(host, name, view, [row async for row in rows])
    return 0


def _condition(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--where {text} is not of the form FIELD=VALUE.", hint="Such as --where status=active.")
    return column, value


async def _matching(rows: AsyncIterator[Entity], accepts: Callable[[Entity], bool]) -> AsyncIterator[Entity]:
    async for row in rows:
        if accepts(row):
            yield row


async def _each(rows: Iterable[Entity]) -> AsyncIterator[Entity]:
    for row in rows:
        yield row


async def _first(rows: AsyncIterator[Entity], limit: int | None) -> AsyncIterator[Entity]:
    number = 0
    async for row in rows:
        yield row
        number += 1
        if number == limit:
            return


async def _show_one(host: Host, name: str, kind: type[Entity], source_id: str, *, csv: bool, json: bool) -> None:
    entity = await host.entity(name, kind, source_id)
    if entity is None:
        raise SettingsError(
            f"{name} has no {kind.__name__.lower()} with the id {source_id!r}.",
            hint=f"By name, e-mail or number: discover entities {name} {kind.plural} --search {shlex.quote(source_id)}",
        )
    view = await host.view(name, kind, [entity])
    row = view.row(entity)
    if json:
        print_json({"entity": row})
    elif csv:
        await stream_csv(row, _one(row.values()))
    else:
        out, width = console(), max(map(len, row))
        for column, value in row.items():
            out.print(f"{column:{width}}  {_text(value)}".rstrip())


async def _one(row: Iterable[Any]) -> AsyncIterator[Iterable[Any]]:
    yield row


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return "" if value is None else str(value)


async def _print_table(host: Host, name: str, view: View[Entity], rows: Sequence[Entity]) -> None:
    columns = COLUMNS.get(view.kind, tuple(view.kind.model_fields))
    headings = [heading(column) for column in columns]
    out = console()
    out.print(table(headings, [[view.shown(row, column) for column in columns] for row in rows]))
    stored = (await host.count_entities(name)).get(view.kind.__name__, 0)
    out.print(f"\n{counted(len(rows), 'row')} shown, {stored:,} stored.")

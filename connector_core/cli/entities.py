"""What is stored: ``entities``."""

import csv
import sys
from contextlib import closing
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, count, print_json, table
from connector_core.errors import SettingsError
from connector_core.host import Host
from connector_core.sdk.entities import Department, Employee, Entity

COLUMNS = {
    Employee: ("display_name", "email", "job_title", "status", "manager_source_id", "department_source_ids"),
    Department: ("name", "kind", "source_type"),
}


def entities(
    name: str,
    kind: str,
    /,
    *,
    csv: Annotated[bool, Parameter(negative="")] = False,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    flags: Flags = DEFAULT,
) -> int:
    """What is stored of one kind: a table, --json, or --csv.

    Args:
        name: The integration.
        kind: Such as employees or departments.
        csv: Print CSV, every field a column.
        limit: At most this many.
    """
    if csv and flags.json:
        raise SettingsError("Give --csv or --json, not both.")
    with closing(flags.host()) as host:
        found = host.kind(name, kind)
        rows = [entity for entity, _ in zip(host.entities(name, found), _up_to(limit), strict=False)]
        if flags.json:
            print_json({"entities": [row.model_dump(mode="json") for row in rows]})
        elif csv:
            _print_csv(found, rows)
        else:
            _print_table(host, name, found, rows)
    return 0


def _up_to(limit: int | None) -> Any:
    return range(limit) if limit is not None else iter(int, 1)


def _print_csv(kind: type[Entity], rows: list[Entity]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(kind.model_fields)
    for row in rows:
        values = row.model_dump(mode="json").values()
        writer.writerow(["; ".join(value) if isinstance(value, list) else value for value in values])


def _print_table(host: Host, name: str, kind: type[Entity], rows: list[Entity]) -> None:
    columns = COLUMNS.get(kind, tuple(kind.model_fields))
    names = _names(host, name)
    out = console()
    lines = [[_cell(getattr(row, column), names) for column in columns] for row in rows]
    out.print(table([column.removesuffix("_source_id").removesuffix("_source_ids") for column in columns], lines))
    out.print(f"{count(len(rows), 'row')} shown, {host.store.entities.count(name, kind.__name__):,} stored.")


def _names(host: Host, name: str) -> dict[str, str]:
    """Names for the ids that link to people and departments."""
    people = {one.source_id: one.display_name or "" for one in host.entities(name, Employee)}
    parts = {one.source_id: one.name for one in host.entities(name, Department)}
    return people | parts


def _cell(value: object, names: dict[str, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(names.get(str(one), str(one)) for one in value)
    return names.get(str(value), str(value))

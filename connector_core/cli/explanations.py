"""One row, explained: ``preview`` and ``explain``."""

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from connector_core.cli.encoding import encode, print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, table
from connector_core.cli.plan import NOUNS
from connector_core.errors import SettingsError
from connector_core.explanations import Answer, Explanation, FieldOrigin, Preview, Seen, Source, UnreadField
from connector_core.field_changes import FieldChange, Value, listed
from connector_core.host import Host
from connector_core.messages import action, counted, message
from connector_core.phrases import ago
from connector_core.sdk.entities import Entity
from connector_core.views import folded, heading

NOT_JUDGED = (
    "Losses and emptied fields are judged on whole runs: a run may hold these changes, or not believe that a value is "
    "gone."
)
"""Said with every preview: guards are not part of it."""
_ANSWERS = {
    Answer.FOUND: "The provider has it.",
    Answer.NOT_THERE: "The provider does not have it, or does not show it to this token.",
    Answer.OTHER_KIND: "The provider has it, and it is not of this kind.",
    Answer.REJECTED: "The provider has it, and it cannot be used.",
}
_SHOWN = 10
"""People of one name that are listed."""


async def preview(
    name: str,
    kind: str,
    source_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    flags: Flags = DEFAULT,
) -> int:
    """Ask the provider for one row, and show what a run would make of it. Nothing is stored.

    Args:
        name: The integration.
        kind: Such as employees or departments.
        source_id: The row's id at the provider; or the name or e-mail of one that is stored.
    """
    async with flags.host() as host:
        found = await host.kind(name, kind)
        shown = await host.preview(name, found, await _id_of(host, name, found, source_id))
        if flags.json:
            print_json({"preview": shown, "note": NOT_JUDGED})
        else:
            _print_preview(shown)
        return shown.exit_code


async def explain(
    name: str,
    kind: str,
    source_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    flags: Flags = DEFAULT,
) -> int:
    """Explain one row: the run, page and place that each stored value came from, or why it is stored no more.

    Args:
        name: The integration.
        kind: Such as employees or departments.
        source_id: The row's id at the provider; or the name or e-mail of one that is stored.
    """
    async with flags.host() as host:
        found = await host.kind(name, kind)
        explanation = await host.explain(name, found, await _id_of(host, name, found, source_id))
        if flags.json:
            print_json({"explanation": explanation})
        else:
            _print_explanation(explanation, found)
        return 0 if explanation.known else 2


# ---- the row that is meant


async def _id_of(host: Host, name: str, kind: type[Entity], typed: str) -> str:
    """Return the id that was typed, or that of the only stored row with this name or e-mail."""
    if await host.entity(name, kind, typed) is not None:
        return typed
    wanted = folded(typed.strip())
    named = [one async for one in host.entities(name, kind) if wanted and wanted in _names(one)]
    if len(named) == 1:
        return named[0].source_id
    if named:
        ids = ", ".join(one.source_id for one in named[:_SHOWN])
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        raise SettingsError(
            f"{counted(len(named), kind.__name__.lower())} of {name} are named so: {ids}{more}.",
            hint="Give one of these ids.",
        )
    if "@" in typed or " " in typed:
        raise SettingsError(
            f"{name} has no {kind.__name__.lower()} with the name or e-mail {typed!r}.",
            hint=f"By a part of it: discover entities {name} {kind.plural} --search {shlex.quote(typed)}",
        )
    return typed


def _names(one: Entity) -> set[str]:
    values = [getattr(one, field, None) for field in ("display_name", "name", "email")]
    return {folded(value) for value in values if isinstance(value, str)}


# ---- for people


def _print_preview(one: Preview) -> None:
    out = console()
    for call in one.requests:
        out.print(f"Asked: {call}")
    if text := _ANSWERS.get(one.answer):
        out.print(text)
    for problem in one.problems:
        out.print(f"{problem.message.removesuffix('.')}. {problem.hint}".rstrip())
    if one.declared or one.withheld:
        rows = [(key, _text(value)) for key, value in one.declared.items()]
        rows += [(key, "(not shown: it says more than is kept)") for key in one.withheld]
        out.print()
        out.print(table(("Key of the row", "Value"), rows))
        if one.absent:
            out.print(f"Did not come: {', '.join(one.absent)}")
    if one.answer is not Answer.FOUND:
        return
    out.print(f"\nMapped by {one.rule or 'the connector'}:")
    fields = [(heading(field.field), _named(field.value, field.names), field.made_of) for field in one.mapping]
    out.print(table(("Field", "Value", "Made of"), [(*shown, ", ".join(keys)) for *shown, keys in fields]))
    _print_unread(one.unread)
    out.print()
    _print_changes(one)


def _print_changes(one: Preview) -> None:
    out = console()
    if not one.changes:
        out.print("A run would change nothing: all of it is stored already.")
        return
    out.print("A run would create it." if one.created else "A run would change:")
    if not one.created:
        rows = [(heading(change.field), *_old_and_new(change)) for change in one.changes]
        out.print(table(("Field", "Stored", "New"), rows))
    out.print(NOT_JUDGED)


def _old_and_new(change: FieldChange) -> tuple[str, str]:
    return _named(change.old, change.names), _named(change.new, change.names)


def _print_unread(unread: Iterable[UnreadField]) -> None:
    for one in unread:
        console().print(f"Not read: {heading(one.field)}: {message(one.why)}. {action(one.why)}".rstrip())


def _print_explanation(one: Explanation, kind: type[Entity]) -> None:
    out, noun = console(), kind.__name__.lower()
    if one.stored:
        rows = [_origin(field) for field in one.fields if field.field != "source_id"]
        out.print(f"{one.name or 'Without a name'}, {noun} {one.source_id} of {one.integration}\n")
        out.print(table(("Field", "Value", "Made of", "Since", "Run"), rows))
        for source in one.sources:
            out.print(f"Run {source.run_id[:8]}: {_place(source)}")
        _print_unread(one.unread)
        for note in one.notes:
            out.print(f"Note: {message(note)}. {action(note)}".rstrip())
    else:
        out.print(f"{one.integration} has no {noun} with the id {one.source_id!r}.")
    if one.removal:
        out.print(f"Removed {_when(one.removal.at)} by run {one.removal.run_id[:8]}: {message(one.removal.reason)}.")
    if one.undone:
        out.print("The plan that created it was undone.")
    for change in one.waiting:
        out.print(
            f"Waits for a decision, of run {change.run_id[:8]}: {NOUNS[change.operation]}, {message(change.reason)}."
        )
    if one.missing_since:
        since = one.missing_since
        out.print(
            f"Absent from complete readings since {_when(since.at)}, run {since.run_id[:8]}; not yet proven gone."
        )
    out.print(_seen(one.last_seen, known=one.known))


def _origin(field: FieldOrigin) -> tuple[str, str, str, str, str]:
    value = _named(field.value, field.names)
    if field.source is None:
        return heading(field.field), value, "", "", "no longer kept"
    source = field.source
    return heading(field.field), value, ", ".join(field.made_of), _when(source.at), source.run_id[:8]


def _place(source: Source) -> str:
    page = f"page {source.page}" if source.page else ""
    read = ", ".join(part for part in (source.request, page, source.pointer) if part)
    mapped = f", mapped by {source.rule}" if source.rule else ""
    return f"read from {read}{mapped}" if read else "where it was read is not recorded"


def _seen(seen: Seen | None, *, known: bool) -> str:
    if seen is None:
        return "It is not known when it was last seen." if known else "No run that is kept has seen it."
    extent = "a complete reading" if seen.complete else "a reading that was not complete"
    return f"Last seen {_when(seen.at)} by run {seen.run_id[:8]}, {extent}."


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({ago(moment)})"


def _named(value: Value, names: Mapping[str, str]) -> str:
    """Return a value with the names of those whom it names by id."""
    texts = [f"{one} ({names[one]})" if isinstance(one, str) and one in names else _text(one) for one in listed(value)]
    return ", ".join(texts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else encode(value)

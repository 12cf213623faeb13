"""One row: what the provider says of it now, where its stored values came from, and what has changed."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from connector_core.errors import CredentialsError, PluginError, ProviderError, SettingsError
from connector_core.explanations import Answer, Preview
from connector_core.outcomes import Operation, State
from connector_core.settings import Role
from connector_core.web.api.entities import OfEntity, OfKind, kind_of
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import Limit, Shape, Shown, SourceId, Why
from connector_core.web.site import Site

operations = Operations("Rows")


class Row(Shape):
    """The row that is requested. It is a body, since what is typed may name a person."""

    source_id: SourceId


class MappedShape(Shown):
    """One field that was read."""

    field: str
    value: JsonValue
    made_of: Annotated[list[str], Field(description="The keys of the provider's row that it was made of.")]
    names: dict[str, str]


class UnreadShape(Shown):
    """One field that was not read: its stored value stays."""

    field: str
    why: Why


class ValueChangeShape(Shown):
    field: str
    old: JsonValue
    new: JsonValue
    names: dict[str, str]


class TroubleShape(Shown):
    message: str
    hint: str
    code: str


class PreviewShape(Shape):
    """One row as the provider has it now, and what a run would make of it."""

    answer: Answer
    requests: Annotated[list[str], Field(description="Method and path of each request that was made.")]
    declared: Annotated[dict[str, JsonValue], Field(description="The values that the connector reads.")]
    withheld: Annotated[list[str], Field(description="Keys whose values say more than may be told.")]
    absent: Annotated[list[str], Field(description="Keys that did not come.")]
    rule: Annotated[str, Field(description="The function that maps the row.")]
    mapping: list[MappedShape]
    unread: list[UnreadShape]
    created: Annotated[bool, Field(description="The row is not stored, so that a run would create it.")]
    changes: Annotated[list[ValueChangeShape], Field(description="The values that a run would change.")]
    problems: list[TroubleShape]

    @classmethod
    def of(cls, one: Preview) -> "PreviewShape":
        return cls(
            answer=one.answer,
            requests=[str(call) for call in one.requests],
            declared=dict(one.declared),
            withheld=list(one.withheld),
            absent=list(one.absent),
            rule=one.rule,
            mapping=[MappedShape.of(field) for field in one.mapping],
            unread=[UnreadShape.of(field) for field in one.unread],
            created=one.created,
            changes=[ValueChangeShape.of(value) for value in one.changes],
            problems=[TroubleShape.of(problem) for problem in one.problems],
        )


class SourceShape(Shown):
    """The response that brought a value, and the run that stored it."""

    run_id: str
    at: datetime
    operation: Operation
    request: Annotated[str, Field(description="Method and path of the listing; empty where unknown.")]
    page: int | None
    pointer: Annotated[str, Field(description="A JSON pointer to the row in its page; empty where unknown.")]
    rule: Annotated[str, Field(description="The function that mapped the row; empty where unknown.")]


class OriginShape(Shown):
    """One stored field."""

    field: str
    value: JsonValue
    source: SourceShape | None
    names: dict[str, str]
    made_of: Annotated[list[str], Field(description="The keys of the provider's row that it is made of.")]


class SeenShape(Shown):
    run_id: str
    at: datetime
    complete: bool


class RemovalShape(Shown):
    run_id: str
    at: datetime
    reason: Why


class WaitingShape(Shown):
    run_id: str
    operation: Operation
    reason: Why


class ExplanationShape(Shown):
    """The origin of what is stored of one row, or the reason why nothing is."""

    stored: bool
    name: str
    fields: list[OriginShape]
    unread: list[UnreadShape]
    notes: list[Why]
    last_seen: SeenShape | None
    removal: RemovalShape | None
    undone: bool
    missing_since: SeenShape | None
    waiting: list[WaitingShape]
    known: Annotated[bool, Field(description="False if no row with this id was ever known.")]


class HistoryShape(Shown):
    """One planned or past change."""

    run_id: str
    at: datetime
    operation: Operation
    reason: Why
    fields: list[str]
    state: State


class HistoryQuery(Shape):
    limit: Limit = 50


class EntityHistory(Shape):
    """Changes, the newest first."""

    items: list[HistoryShape]


@operations.add(
    "POST",
    "/integrations/{name}/preview/{kind}",
    role=Role.APPROVER,
    errors=(CredentialsError, PluginError, ProviderError, SettingsError),
)
async def preview(site: Site, path: OfKind, body: Row) -> PreviewShape:
    """Ask the provider for one row, and show what a run would make of it. Nothing of it is stored."""
    return PreviewShape.of(await site.host.preview(path.name, await kind_of(site, path), body.source_id))


@operations.add("GET", "/integrations/{name}/entities/{kind}/{source_id}/explanation")
async def explain(site: Site, path: OfEntity) -> ExplanationShape:
    """Explain the stored values of one row by the runs that brought them; of one that is gone, its removal."""
    return ExplanationShape.of(await site.host.explain(path.name, await kind_of(site, path), path.source_id))


@operations.add("GET", "/integrations/{name}/entities/{kind}/{source_id}/history")
async def entity_history(site: Site, path: OfEntity, query: HistoryQuery) -> EntityHistory:
    """List the last changes of one row, planned and past, the newest first."""
    kind = await kind_of(site, path)
    found = await site.host.entity_history(path.name, kind, path.source_id, limit=query.limit)
    return EntityHistory(items=[HistoryShape.of(one) for one in found])

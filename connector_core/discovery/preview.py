"""One row, asked for by its id, and what a run would make of it. Nothing is stored, and no run is made."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET
from pydantic import TypeAdapter, ValidationError

from connector_core.discovery.connector_errors import fetched_page
from connector_core.discovery.dependence import leaves, made_of
from connector_core.errors import Call, ConnectorCoreError, SettingsError, UnavailableError
from connector_core.explanations import Answer, MappedField, Preview, Problem, UnreadField
from connector_core.field_changes import FieldChange
from connector_core.reasons import Code, Reason
from connector_core.sdk.api import Api, HandPages, Params
from connector_core.sdk.connector import AnyConnector, Declaration
from connector_core.sdk.entities import Entity, SourceId
from connector_core.sdk.page import Page, T
from connector_core.sdk.paging import Paging
from connector_core.sdk.tracing import keeping_rows
from connector_core.sdk.wire import Listing, R
from connector_core.store import Store, StoredKind
from connector_core.store.changes import values_between

SECONDS = 30.0
"""Longest wait for the row, and for what it needs."""
_id: TypeAdapter[str] = TypeAdapter(SourceId)


def checked_id(source_id: str) -> str:
    """Return an id of a row as it was typed. SettingsError if no row can have it."""
    with suppress(ValidationError):
        # A path that ends so would be another one.
        if _id.validate_python(source_id) not in {".", ".."}:
            return source_id
    raise SettingsError(f"{source_id!r} is not a valid id.", hint="Give the id as the provider writes it.")


class WatchedApi:
    """The client of a preview: notes each request, with ids as they were typed, and each error."""

    def __init__(self, api: Api) -> None:
        self.calls: list[Call] = []
        self.errors: list[ConnectorCoreError] = []
        self._api = api

    @contextmanager
    def _noting(self, method: str, path: str) -> Iterator[None]:
        call = Call(method, path)
        if call not in self.calls:
            self.calls.append(call)
        try:
            yield
        except ConnectorCoreError as error:
            self.errors.append(error)
            raise

    async def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = "",
    ) -> AsyncGenerator[Page[R], None]:
        listed = self._api.pages(path, listing, paging=paging, params=params, body=body, headers=headers, url=url)
        with self._noting("GET" if body is None else "POST", path):
            async with aclosing(listed) as pages:
                async for page in pages:
                    yield page

    def by_hand(self, name: str, row: type[R]) -> HandPages[R]:
        return self._api.by_hand(name, row)

    async def get(
        self,
        path: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = True,
    ) -> T:
        with self._noting("GET", path):
            return await self._api.get(path, model, params=params, headers=headers, authenticated=authenticated)

    async def post(
        self,
        path: str,
        model: type[T],
        *,
        body: Mapping[str, Any],
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        with self._noting("POST", path):
            return await self._api.post(path, model, body=body, params=params, headers=headers)

    async def sign_in(self) -> None:
        await self._api.sign_in()

    async def exists(
        self, path: str, source_id: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        with self._noting("GET", f"{path}/{source_id}"):
            return await self._api.exists(path, source_id, params=params, headers=headers)

    async def find(
        self,
        path: str,
        source_id: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T | None:
        with self._noting("GET", f"{path}/{source_id}"):
            return await self._api.find(path, source_id, model, params=params, headers=headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """One row of an integration, as an operator names it."""

    integration: str
    declaration: Declaration
    source_id: str


async def preview(
    asked: Asked, connector_with: Callable[[Api], AnyConnector], client: Api, store: Store, *, seconds: float
) -> Preview:
    """Ask the provider for a row, and return what became of it. SettingsError for what cannot be an id.

    Args:
        asked: The row.
        connector_with: Returns the connector, which speaks through the client that it is given.
        client: It reaches the provider.
        store: What is stored is only read.
        seconds: The time limit, if it is shorter than that of a preview.
    """
    declaration, source_id = asked.declaration, checked_id(asked.source_id)
    blank = Preview(asked.integration, declaration.kind.__name__, source_id, Answer.NOT_POSSIBLE)
    api, seconds = WatchedApi(client), min(seconds, SECONDS)
    connector = connector_with(api)
    title = connector.manifest.title
    if declaration.fetch is None:
        message = f"{title} cannot be asked for a single {declaration.kind.__name__.lower()}."
        return replace(blank, answer=Answer.NOT_POSSIBLE, problems=(Problem(message, exit_code=2),))
    try:
        with keeping_rows():
            async with asyncio.timeout(seconds):
                page = await fetched_page(connector, declaration, blank.source_id)
    except TimeoutError:
        late = UnavailableError(f"{title} did not answer within {seconds:g} s", call=None, hint="Try again later.")
        return replace(blank, answer=Answer.FAILED, requests=tuple(api.calls), problems=(Problem.of(late),))
    except ConnectorCoreError as error:
        return replace(blank, answer=Answer.FAILED, requests=tuple(api.calls), problems=(Problem.of(error),))
    # What the connector could do without: it leaves fields unset.
    answered = replace(blank, requests=tuple(api.calls), problems=tuple([Problem.of(one) for one in api.errors]))
    return await _answered(answered, page, declaration, title, store)


async def _answered(
    asked: Preview, page: Page[Any] | None, declaration: Declaration, title: str, store: Store
) -> Preview:
    source_id = asked.source_id
    if page is None:
        return replace(asked, answer=Answer.NOT_THERE)
    if page.mapped and source_id in page.mapped.rows:
        asked = _declared(asked, page.mapped.rows[source_id], page.mapped.rule)
    found = [one for one in page.rows if one.source_id == source_id]
    if found:
        return await _mapped(asked, page, found[0], declaration, title, store)
    for one in page.rejected:
        if one.source_id in {source_id, None}:
            message = f"The row cannot be used: {f'{one.field} {one.problem}'.strip()}."
            return replace(asked, answer=Answer.REJECTED, problems=(Problem(message), *asked.problems))
    # Some providers answer words such as "me" with the row of another id.
    return replace(asked, answer=Answer.OTHER_KIND if source_id in page.skipped else Answer.NOT_THERE)


def _declared(asked: Preview, row: Any, rule: str) -> Preview:
    """Add the row's values, without those that say more than may be told."""
    found = leaves(row)
    came = [one for one in found if one.value is not UNSET]
    return replace(
        asked,
        declared={one.key: msgspec.to_builtins(one.value) for one in came if not one.withheld},
        withheld=tuple([one.key for one in came if one.withheld]),
        absent=tuple([one.key for one in found if one.value is UNSET]),
        rule=rule,
    )


async def _mapped(
    asked: Preview, page: Page[Any], entity: Entity, declaration: Declaration, title: str, store: Store
) -> Preview:
    kind, of = declaration.kind, StoredKind(asked.integration, asked.kind)
    read = entity.body().decode()
    stored = await store.entities.find(of, asked.source_id, str)
    # A field that was not read keeps its stored value.
    merged = read if stored is None else msgspec.json.encode(msgspec.json.decode(stored) | msgspec.json.decode(read))
    changes = values_between(stored, merged if isinstance(merged, str) else merged.decode())
    values: dict[str, Any] = msgspec.json.decode(read)
    keys = page.mapped and made_of(page.mapped.rows[asked.source_id], page.mapped.map, entity)
    fields = [MappedField(name, value, (keys or {}).get(name, ())) for name, value in values.items()]
    names = await names_of(store, asked.integration, kind, [*changes, *_as_changes(values)])
    return replace(
        asked,
        answer=Answer.FOUND,
        mapping=tuple([replace(one, names=named(kind, one.field, one.value, names)) for one in fields]),
        unread=unread_fields(declaration, values, title),
        created=stored is None,
        changes=tuple([replace(one, names=named(kind, one.field, [one.old, one.new], names)) for one in changes]),
    )


def _as_changes(values: Mapping[str, Any]) -> list[FieldChange]:
    return [FieldChange(name, None, value) for name, value in values.items()]


async def names_of(
    store: Store, integration: str, kind: type[Entity], values: list[FieldChange]
) -> dict[str, dict[str, str]]:
    """Return the names of the stored entities that these values name, by kind and id."""
    wanted: dict[str, set[str]] = {}
    for one in values:
        if target := kind.links.get(one.field):
            wanted.setdefault(target, set()).update(one.ids())
    return {target: await store.entities.names(StoredKind(integration, target), ids) for target, ids in wanted.items()}


def named(kind: type[Entity], field: str, value: Any, names: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return those of the names that are of a value of this field."""
    known = names.get(kind.links.get(field, ""), {})
    ids = value if isinstance(value, list) else [value]
    flat = [one for some in ids for one in (some if isinstance(some, list) else [some])]
    return {one: known[one] for one in flat if one in known}


def unread_fields(declaration: Declaration, came: Mapping[str, Any], title: str) -> tuple[UnreadField, ...]:
    """Return the fields of a row that did not come, each with the reason."""
    return tuple(
        [
            UnreadField(name, Reason(_why_unread(declaration, name), provider=title))
            for name in declaration.kind.model_fields
            if name not in came
        ]
    )


def _why_unread(declaration: Declaration, name: str) -> Code:
    return Code.FIELD_NOT_RECEIVED if name in declaration.provides else Code.FIELD_NOT_PROVIDED

"""Stored entities."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from connector_core.errors import SettingsError
from connector_core.sdk.entities import Entity
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import KindName, Limit, OfIntegration, Page, Shape, SourceId
from connector_core.web.errors import MissingError
from connector_core.web.site import Site

operations = Operations("Entities")


class OfKind(OfIntegration):
    kind: Annotated[KindName, Field(description="The kind, such as `employees` or `departments`.")]


class OfEntity(OfKind):
    source_id: Annotated[SourceId, Field(description="The provider's id.")]


class EntityShape(Shape):
    """An entity: the fields that were read, and no others."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, JsonValue]
    source_id: str

    @classmethod
    def of(cls, entity: Entity) -> "EntityShape":
        return cls.model_validate_json(entity.body())


class Entities(Page[EntityShape]):
    """Entities, by id."""


class EntitiesQuery(Shape):
    after: SourceId | None = None
    limit: Limit = 50


@operations.add("GET", "/integrations/{name}/entities/{kind}")
async def list_entities(site: Site, path: OfKind, query: EntitiesQuery) -> Entities:
    """List the stored entities of a kind, by id."""
    kind = await kind_of(site, path)
    found = await site.host.listings.entities(path.name, kind, after=query.after or "", limit=query.limit)
    return Entities(
        items=[EntityShape.of(one) for one in found], next=found[-1].source_id if len(found) == query.limit else None
    )


@operations.add("GET", "/integrations/{name}/entities/{kind}/{source_id}")
async def get_entity(site: Site, path: OfEntity) -> EntityShape:
    """Return one stored entity."""
    found = await site.host.entity(path.name, await kind_of(site, path), path.source_id)
    if found is None:
        raise MissingError("No such entity is stored.")
    return EntityShape.of(found)


async def kind_of(site: Site, path: OfKind) -> type[Entity]:
    """Return the kind that a path names. MissingError if the integration's connector has none of that name."""
    await site.host.store.integrations.get(path.name)
    try:
        return await site.host.kind(path.name, path.kind)
    except SettingsError as error:
        raise MissingError(error.message, hint=error.hint) from None

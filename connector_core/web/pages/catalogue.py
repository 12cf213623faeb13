"""The catalogue of connectors, and the page of each."""

from aiohttp import web

from connector_core.operator_pages import (
    declared_by,
    entity_of,
    fields_of_ways,
    hosts_in_words,
    known_errors,
    limits_in_words,
    products_of,
    ways_in_words,
)
from connector_core.web.catalogue import TONES, Card, Choice, cards_of, find_connector, options_of, unusable
from connector_core.web.connector_page import setup_here
from connector_core.web.recorded import recorded
from connector_core.web.rendering import field_in_words, render
from connector_core.web.site import host_of

routes = web.RouteTableDef()


@routes.get("/settings/catalogue")
async def catalogue(request: web.Request) -> web.Response:
    """Show the connectors that fit a search and filters, and below them the plugins that cannot be used."""
    registry = host_of(request).registry
    cards, choice = cards_of(registry), Choice.of(request.query)
    return render(
        request,
        "catalogue.html",
        cards=[card for card in cards if choice.fits(card)],
        total=len(cards),
        choice=choice,
        options=options_of(cards),
        unusable=[(one, TONES.get(one.standing, "note")) for one in unusable(registry)],
    )


@routes.get("/settings/integrations/{connector}")
async def connector(request: web.Request) -> web.Response:
    """Show what a connector discovers, what it needs, and how to set it up."""
    registry = host_of(request).registry
    found = find_connector(registry, request.match_info["connector"])
    manifest, entry = found.manifest, registry.entry(found.manifest.name)
    return render(
        request,
        "connector.html",
        manifest=manifest,
        card=Card.of(found, f"{entry.distribution} {entry.version}".strip()),
        capabilities=[
            (entity_of(one), products_of([one]), one, [field_in_words(name) for name in one.provides])
            for one in declared_by(found)
        ],
        hosts=hosts_in_words(found),
        form=found.credentials_type.form(),
        ways=ways_in_words(found),
        alternative=fields_of_ways(found),
        setup_here=setup_here(found),
        limits=limits_in_words(entry),
        errors=known_errors(found),
        recorded=recorded(found),
    )

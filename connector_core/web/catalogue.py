"""The catalogue: the connectors that may be added, chosen by search and filters; and the plugins that may not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from connector_core.errors import PluginRefusedError
from connector_core.operator_pages import declared_by, entity_of, mechanism, products_of
from connector_core.plugins import Entry, Registry, Standing
from connector_core.sdk.connector import AnyConnector
from connector_core.web.errors import MissingError
from connector_core.web.recorded import recorded

TONES = {Standing.REFUSED: "bad", Standing.FAILED: "bad", Standing.NOT_ALLOWED: "note"}


@dataclass(frozen=True, slots=True)
class Card:
    """A connector, as the catalogue shows it."""

    name: str
    title: str
    description: str
    category: str
    kinds: tuple[str, ...]
    products: tuple[str, ...]
    authentication: str
    """The provider's kind of interface, such as API."""
    mechanism: str
    tier: str
    exempt: int
    distribution: str

    @classmethod
    def of(cls, connector: type[AnyConnector], distribution: str = "") -> Self:
        """Return the card of a connector."""
        manifest, kinds = connector.manifest, declared_by(connector)
        return cls(
            name=manifest.name,
            title=manifest.title,
            description=manifest.description,
            category=str(manifest.category),
            kinds=tuple(map(entity_of, kinds)),
            products=tuple(products_of(kinds)),
            authentication=manifest.authentication,
            mechanism=mechanism(manifest),
            tier=recorded(connector).tier,
            exempt=len(manifest.exemptions),
            distribution=distribution,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A search, and filters. An empty one lets everything pass."""

    search: str = ""
    category: str = ""
    product: str = ""
    authentication: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Return the choice in the query of an address."""
        return cls(*(query.get(name, "").strip() for name in ("search", "category", "product", "authentication")))

    def fits(self, card: Card) -> bool:
        """Return True if a card has all words of the search, and passes the filters."""
        text = " ".join((card.name, card.title, card.description, card.category, *card.kinds)).casefold()
        return (
            all(word in text for word in self.search.casefold().split())
            and self.category in {"", card.category}
            and self.product in {"", *card.products}
            and self.authentication in {"", card.mechanism}
        )


def cards_of(registry: Registry) -> list[Card]:
    """Return the cards of every usable connector, by title."""
    found = [Card.of(one.connector, one.distribution) for one in registry.entries if one.connector]
    return sorted(found, key=lambda card: card.title.casefold())


def unusable(registry: Registry) -> list[Entry]:
    """Return the plugins that were refused, failed, or are not allowed."""
    return [one for one in registry.entries if one.standing is not Standing.READY]


def options_of(cards: Iterable[Card]) -> dict[str, list[str]]:
    """Return the values that each filter offers: those that some connector has."""
    found = list(cards)
    return {
        "category": sorted({one.category for one in found}),
        "product": sorted({product for one in found for product in one.products}),
        "authentication": sorted({one.mechanism for one in found}),
    }


def find_connector(registry: Registry, name: str) -> type[AnyConnector]:
    """Return the connector of this name or title, in any case. MissingError says why there is none."""
    wanted = name.casefold()
    for connector in registry.connectors.values():
        if wanted in {connector.manifest.name.casefold(), connector.manifest.title.casefold()}:
            return connector
    try:
        return registry.connector(name)
    except PluginRefusedError as error:
        raise MissingError(error.message, hint="The catalogue lists every connector that can be added.") from None

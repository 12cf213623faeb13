"""The list of integrations: a card for each, with the state of each kind, and what needs an operator."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector_core.host import Host
from connector_core.phrases import days_since, token_age
from connector_core.schedules import Schedule
from connector_core.scheduling.engine import Engine
from connector_core.status import IntegrationStatus, KindStatus
from connector_core.web.integration_page import Mark, Trouble, mark_of, state_of, trouble_of
from connector_core.web.live import last_of

_SOON = 30
"""Days before the end of a token's life from which on its age is a warning."""


@dataclass(frozen=True, slots=True)
class IntegrationCard:
    """An integration, as the list shows it."""

    name: str
    title: str
    """The connector's title, or its name where the connector cannot be used."""
    usable: bool
    company: str
    state: Mark
    last_run: datetime | None
    waiting: int | None
    """The number of changes that wait for a decision; None if no plan waits."""
    kinds: tuple[tuple[KindStatus, Mark], ...]
    cause: str
    """What needs an operator first; empty if there is nothing to do."""
    next_run: datetime | None
    paused: bool
    token: str
    token_tone: str


async def integration_cards(host: Host, engine: Engine) -> list[IntegrationCard]:
    """Return a card for every integration, by name."""
    schedules = {one.integration: one for one in await host.schedules.all()}
    live, cards = engine.running(), []
    for one in await host.statuses():
        schedule = schedules.get(one.name) or Schedule(one.name)
        is_running = one.name in live or one.is_running
        trouble = None if is_running else trouble_of(one, schedule, await last_of(engine, one.name))
        cards.append(_card(host, one, schedule, trouble, is_running=is_running))
    return cards


def _card(
    host: Host, one: IntegrationStatus, schedule: Schedule, trouble: Trouble | None, *, is_running: bool
) -> IntegrationCard:
    integration = one.integration
    connector = host.registry.connectors.get(integration.connector)
    lifetime = connector.manifest.token_lifetime if connector else None
    return IntegrationCard(
        name=one.name,
        title=connector.manifest.title if connector else integration.connector,
        usable=connector is not None,
        company=integration.account.name,
        state=state_of(one, schedule, trouble, is_running=is_running),
        last_run=one.last_run.run.started_at if one.last_run else None,
        waiting=one.held.changes if one.held else None,
        kinds=tuple([(kind, mark_of(kind)) for kind in one.kinds]),
        cause=_cause(one, trouble),
        next_run=schedule.next_at,
        paused=schedule.paused_at is not None,
        token=token_age(integration.credentials_at, lifetime),
        token_tone=token_tone(days_since(integration.credentials_at), lifetime),
    )


def _cause(status: IntegrationStatus, trouble: Trouble | None) -> str:
    """Return what needs an operator first, as a sentence. The plan that waits has a line of its own."""
    if trouble:
        return trouble.cause
    return next((f"{one.cause}." for one in status.kinds if one.cause and not one.held), "")


def token_tone(age: int, lifetime: timedelta | None) -> str:
    """Return the tone of a token's age in days: it warns a month before the token ends."""
    if lifetime is None or lifetime.days - age > _SOON:
        return "calm"
    return "note" if age < lifetime.days else "bad"

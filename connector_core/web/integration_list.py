"""The list of integrations: one line for each, with its last run in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector_core.host import Host
from connector_core.outcomes import Verdict
from connector_core.phrases import days_since, token_age
from connector_core.store import Integration

_SOON = 30
"""Days before the end of a token's life from which on its age is a warning."""
_TONES = {
    Verdict.COMPLETE.value: "good",
    Verdict.CAUGHT_UP.value: "good",
    "plan decided": "good",
    "running": "calm",
}


@dataclass(frozen=True, slots=True)
class IntegrationCard:
    """An integration, as the list shows it."""

    name: str
    title: str
    """The connector's title, or its name where the connector cannot be used."""
    usable: bool
    company: str
    last_run: datetime | None
    verdict: str
    tone: str
    waiting: int | None
    """The number of changes that wait for a decision; None if no plan waits."""
    stored: tuple[tuple[str, int], ...]
    token: str
    token_tone: str


async def integration_cards(host: Host) -> list[IntegrationCard]:
    """Return a card for every integration, by name."""
    return [await _card(host, one) for one in await host.integrations()]


async def _card(host: Host, one: Integration) -> IntegrationCard:
    last, held = next(iter(await host.history(one.name, 1)), None), await host.held(one.name)
    connector = host.registry.connectors.get(one.connector)
    lifetime = connector.manifest.token_lifetime if connector else None
    # The plan that waits may be of an earlier run.
    waiting = bool(last and held and held.run_id == last.run.id)
    word = last.describe(running=await host.is_running(one.name), waiting=waiting) if last else "not run yet"
    return IntegrationCard(
        name=one.name,
        title=connector.manifest.title if connector else one.connector,
        usable=connector is not None,
        company=one.account.name,
        last_run=last.run.started_at if last else None,
        verdict=verdict_in_words(word),
        tone=tone_of(word),
        waiting=held.changes if held else None,
        stored=tuple((f"{kind}s", number) for kind, number in (await host.count_entities(one.name)).items()),
        token=token_age(one.credentials_at, lifetime),
        token_tone=token_tone(days_since(one.credentials_at), lifetime),
    )


def verdict_in_words(word: str) -> str:
    """Return the heading of a run's outcome, from what ``RunSummary.describe`` says."""
    return word[:1].upper() + word[1:].replace("_", " ")


def tone_of(word: str) -> str:
    """Return the tone of a run's outcome."""
    if word.startswith("failed"):
        return "bad"
    return _TONES.get(word, "calm" if word == "not run yet" else "note")


def token_tone(age: int, lifetime: timedelta | None) -> str:
    """Return the tone of a token's age in days: it warns a month before the token ends."""
    if lifetime is None or lifetime.days - age > _SOON:
        return "calm"
    return "note" if age < lifetime.days else "bad"

"""The providers: each is reached, trusted, and has the same time as this machine."""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from connector_core.discovery.connector_errors import connector_errors
from connector_core.doctor.finding import Finding, Health, failure
from connector_core.errors import ConnectorCoreError, UnavailableError
from connector_core.http import open_session, tls_context
from connector_core.http.clock import clock_difference
from connector_core.plugins import Registry
from connector_core.proxies import Proxies
from connector_core.settings import HostSettings
from connector_core.store import Integration

_SECONDS = 5.0
"""For the answer of one provider."""
_ALL_SECONDS = 30.0
"""For the answers of all."""
_AT_ONCE = 16
_NOTABLE, _WRONG = 5.0, 120.0
"""Seconds between the clocks: less than the one is usual, and more than the other spoils times that are compared."""
_SET_THE_CLOCK = "Set the clock of this machine, or let it follow a time server."


@dataclass(frozen=True, slots=True)
class _Provider:
    title: str
    url: URL


async def clocks(settings: HostSettings, registry: Registry, integrations: Iterable[Integration]) -> list[Finding]:
    """Return a finding about the clock of each provider's host that an integration is connected to."""
    providers = {one.url.host: one for integration in integrations if (one := _provider(integration, registry))}
    if not providers:
        return []
    try:
        tls = tls_context()
    except (ConnectorCoreError, OSError) as error:
        return [failure("clocks", error)]
    proxies = Proxies(settings.http.proxy, settings.resolve.keys())
    gate, deadline = asyncio.Semaphore(_AT_ONCE), asyncio.get_running_loop().time() + _ALL_SECONDS
    async with open_session(settings.endpoints(), timeout=_SECONDS) as session:

        async def compare(one: _Provider) -> Finding:
            try:
                async with asyncio.timeout_at(deadline), gate:
                    return await _compare(session, tls, proxies, one)
            except TimeoutError:
                return Finding(_subject(one), Health.WARNING, "Not asked: the others took too long.")

        return [*await asyncio.gather(*map(compare, providers.values()))]


def _provider(integration: Integration, registry: Registry) -> _Provider | None:
    """Return where an integration's requests go; None where its connector or its address cannot be used."""
    try:
        connector = registry.connector(integration.connector)
        manifest = connector.manifest.at(registry.settings(integration.connector).address)
        with connector_errors(connector):
            # Without the secrets, which no address depends on: the doctor opens none.
            manifest = manifest.located_by(connector.credentials_type.model_construct(None, **integration.fields))
        url = URL(manifest.base_url)
    except (ConnectorCoreError, ValueError):
        return None
    return _Provider(manifest.title, url) if manifest.allows(url.host or "", url.port) else None


async def _compare(session: aiohttp.ClientSession, tls: ssl.SSLContext, proxies: Proxies, one: _Provider) -> Finding:
    subject = _subject(one)
    try:
        ahead = await clock_difference(session, tls, proxies, one.url, one.title, seconds=_SECONDS)
    except UnavailableError as error:
        remedy = f"{error.hint} To leave this out: --offline.".strip()
        return Finding(subject, Health.WARNING, f"{error.message}.", remedy)
    except ConnectorCoreError as error:
        return failure(subject, error)
    if ahead is None:
        return Finding(subject, Health.OK, f"{one.title} answers, and does not say what time it is.")
    return judged(subject, ahead, one.title)


def judged(subject: str, ahead: float, title: str) -> Finding:
    """Judge the seconds by which this machine's clock is ahead of the provider's."""
    if abs(ahead) < _NOTABLE:
        return Finding(subject, Health.OK, f"The clocks of this machine and of {title} agree.")
    said = f"This machine's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {title}."
    return Finding(subject, Health.PROBLEM if abs(ahead) > _WRONG else Health.WARNING, said, _SET_THE_CLOCK)


def _subject(one: _Provider) -> str:
    return f"clock {one.url.host}"

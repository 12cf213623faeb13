"""The notifier: delivers the notices in the store, again and again until each has arrived or is given up."""

import asyncio
from datetime import datetime

import structlog

from connector_core.errors import ConnectorCoreError
from connector_core.host import Host
from connector_core.scheduling.deliveries import Channel, Delivery, wait_after
from connector_core.scheduling.email import Email
from connector_core.scheduling.engine import Problem
from connector_core.scheduling.payloads import trial_payload
from connector_core.scheduling.records import Clock, channels_of, wall_clock
from connector_core.scheduling.webhook import Webhook
from connector_core.settings import Settings
from connector_core.store import Event, Notice

LOOK_EVERY = 15.0
"""Seconds between two looks for notices."""
_AT_ONCE = 8
"""Notices that are delivered at the same time."""


def open_channels(settings: Settings, clock: Clock = wall_clock) -> dict[str, Channel]:
    """Return the channels that the settings name. SettingsError if one of them cannot be used."""
    made: dict[str, Channel] = {}
    for name in channels_of(settings.notices):
        made[name] = Webhook(settings, clock=lambda: clock().timestamp()) if name == Webhook.name else Email(settings)
    return made


class Notifier:
    """Delivers notices at least once."""

    def __init__(self, host: Host, *, clock: Clock = wall_clock) -> None:
        self._table = host.store.notices
        self._settings = host.settings
        self._clock = clock
        self._channels = open_channels(host.settings, clock)

    async def run(self) -> None:
        """Deliver what is due, until this is cancelled."""
        while True:
            try:
                await self.tick()
            except ConnectorCoreError as error:
                structlog.get_logger().warning("notices_postponed", error=error.message)
            except Exception as error:  # noqa: BLE001 - what fails once must not silence all that come after
                structlog.get_logger().error("notices_failed", error=Problem.of(error).message)
            await asyncio.sleep(LOOK_EVERY)

    async def tick(self) -> None:
        """Deliver what is due now."""
        while due := await self._table.due(self._clock(), _AT_ONCE):
            await asyncio.gather(*map(self._deliver, due))

    async def test(self) -> dict[str, Delivery]:
        """Send a test notice by each channel; return what happened. Nothing is kept, and none is tried again."""
        now = self._clock()
        content = trial_payload(now, self._settings.notices.address)
        return {
            name: await channel.deliver(Notice.unsaved(now, Event.TEST, name, content))
            for name, channel in self._channels.items()
        }

    async def _deliver(self, notice: Notice) -> None:
        channel = self._channels.get(notice.channel)
        delivery = (
            await channel.deliver(notice)
            if channel
            else Delivery(f"The settings name no {notice.channel} any more.", is_final=True)
        )
        now, tries = self._clock(), notice.tries + 1
        given_up = delivery.is_final or tries >= self._settings.notices.tries
        again: datetime | None = None if delivery.ok or given_up else now + wait_after(tries)
        delivered_at = now if delivery.ok else None
        await self._table.tried(notice, delivered_at=delivered_at, next_at=again, problem=delivery.problem)
        structlog.get_logger().info(
            "notice_delivered" if delivery.ok else "notice_given_up" if given_up else "notice_failed",
            notice=notice.id,
            channel=notice.channel,
            tries=tries,
            problem=delivery.problem,
        )

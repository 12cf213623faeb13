"""Health for load balancers, and figures for Prometheus."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from connector_core.errors import StoreError
from connector_core.schedules import Schedule
from connector_core.store import Figures
from connector_core.web.access import open_to_all
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()

_PATIENCE = 5.0
"""Seconds in which a healthy store answers."""
_FAILED = "failed"
"""The verdict of runs without one."""


@routes.get("/health")
@open_to_all
async def health(request: web.Request) -> web.Response:
    """Tell everyone if the store can be read, and nothing else."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await host_of(request).monitoring.is_readable()
    except (StoreError, TimeoutError):
        return web.json_response({"status": "unavailable"}, status=503)
    return web.json_response({"status": "ok"})


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Return the figures, in the format that the scraper asks for."""
    site = site_of(request)
    registry = CollectorRegistry(auto_describe=False)
    figures, schedules = await site.host.monitoring.figures(), await site.host.schedules.all()
    registry.register(Snapshot(figures, schedules, sorted(site.engine.running()), datetime.now(UTC)))
    ProcessCollector(registry=registry)
    encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
    # Its parameters are part of the format.
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


class Snapshot(Collector):
    """The figures of one moment, as Prometheus has them."""

    def __init__(self, figures: Figures, schedules: Sequence[Schedule], running: list[str], now: datetime) -> None:
        self._figures = figures
        self._schedules = schedules
        self._running = running
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._totals()
        yield from self._stored()
        age = GaugeMetricFamily(
            "discover_last_complete_age_seconds",
            "Seconds since the last reading of all of a kind began.",
            labels=["integration", "kind"],
        )
        for of, at in self._figures.last_complete.items():
            age.add_metric([of.integration, of.kind], max(0.0, (self._now - at).total_seconds()))
        yield age
        running = GaugeMetricFamily("discover_run_running", "Runs under way.", labels=["integration"])
        for name in self._running:
            running.add_metric([name], 1)
        yield running
        yield from self._scheduled()
        notices = GaugeMetricFamily("discover_notices", "Notices that were not delivered.", labels=["state"])
        notices.add_metric(["waiting"], self._figures.notices_waiting)
        notices.add_metric(["given_up"], self._figures.notices_given_up)
        yield notices

    def _totals(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("discover_runs", "Runs that have ended.", labels=["connector", "verdict"])
        requests = CounterMetricFamily("discover_requests", "Requests to providers.", labels=["connector"])
        throttled = CounterMetricFamily(
            "discover_throttles", "Requests that providers have throttled.", labels=["connector"]
        )
        totals = self._figures.totals
        for one in totals:
            runs.add_metric([one.connector, one.verdict or _FAILED], one.runs)
        for name in sorted({one.connector for one in totals}):
            requests.add_metric([name], sum(one.requests for one in totals if one.connector == name))
            throttled.add_metric([name], sum(one.throttled for one in totals if one.connector == name))
        yield from (runs, requests, throttled)

    def _stored(self) -> Iterator[Metric]:
        stored = GaugeMetricFamily("discover_entities", "Stored entities.", labels=["integration", "kind"])
        active = GaugeMetricFamily(
            "discover_active", "Stored entities that are active.", labels=["integration", "kind"]
        )
        for of, count in self._figures.entities.items():
            stored.add_metric([of.integration, of.kind], count.stored)
            if count.active is not None:
                active.add_metric([of.integration, of.kind], count.active)
        yield from (stored, active)

    def _scheduled(self) -> Iterator[Metric]:
        late = GaugeMetricFamily(
            "discover_schedule_late_seconds", "Seconds by which the next run is late.", labels=["integration"]
        )
        failures = GaugeMetricFamily(
            "discover_schedule_failures", "Runs that have failed in a row.", labels=["integration"]
        )
        for one in self._schedules:
            if one.next_at:
                waits = 0.0 if one.integration in self._running else (self._now - one.next_at).total_seconds()
                late.add_metric([one.integration], max(0.0, waits))
                failures.add_metric([one.integration], one.failures)
        yield from (late, failures)

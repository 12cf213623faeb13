"""One service of a store at a time; and kill -9 at any instant loses no notice."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from stores import connected

from builders import certificate, kind_plan
from connector_core import BusyError, KindReport, Report, SettingsError, Verdict
from connector_core.host import Host
from connector_core.outcomes import Traffic
from connector_core.scheduling import Notifier, Service
from connector_core.scheduling.records import Records
from connector_core.settings import EmailSettings, HostSettings, NoticeSettings, Settings
from processes import beside, killed_at_every_instant
from receivers import HOST, serve_hooks
from run_steps import RunSteps
from scheduling_world import Serving
from world import Start

Serve = Callable[..., Serving]
SERVING = """
import asyncio
from pathlib import Path
from connector_core.host import Host
from connector_core.scheduling import Service
from connector_core.settings import HostSettings, Settings

async def serve():
    async with Host(Settings(host=HostSettings(store=Path({store!r})))) as host:
        async with Service(host, address="http://127.0.0.1:8080"):
            print("ready", flush=True)
            await asyncio.sleep(3600)

asyncio.run(serve())
"""


async def test_a_second_service_of_a_store_is_refused_and_named_the_first(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    with beside(SERVING.format(store=str(store))) as first:
        async with Host(Settings(host=HostSettings(store=store))) as host:
            with pytest.raises(BusyError) as caught:
                await Service(host).__aenter__()
            assert caught.value.message == (
                f"The store {store} is served already, by process {first.pid} at http://127.0.0.1:8080."
            )
            # Runs by hand are allowed beside it.
            async with host.store.locks.hold("acme"):
                pass
            first.kill()
            first.wait()
            async with Service(host):
                assert f"process {os.getpid()}" in (tmp_path / "people.sqlite.locks" / ".served-by").read_text()


async def test_two_services_in_one_process_are_two(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    settings = Settings(host=HostSettings(store=store))
    async with Host(settings) as host, Host(settings) as other:
        async with Service(host):
            with pytest.raises(BusyError, match=f"is served already, by process {os.getpid()}"):
                await Service(other).__aenter__()
        async with Service(other):
            pass


async def test_a_service_whose_channels_cannot_be_used_does_not_start(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    email = EmailSettings(server="mail.example:25", security="none", sender="a@b.example", recipients=("c@d.example",))
    async with Host(Settings(host=HostSettings(store=store), notices=NoticeSettings(email=email))) as host:
        with pytest.raises(SettingsError, match="on this machine only"):
            Service(host)


async def test_a_service_of_a_store_that_does_not_exist_waits_for_one(tmp_path: Path) -> None:
    async with Host(Settings(host=HostSettings(store=tmp_path / "people.sqlite"))) as host, Service(host) as service:
        await service.scheduler.tick()
        await service.notifier.tick()
        assert service.engine.running() == {}


@pytest.mark.jumping
async def test_the_service_goes_on_when_the_store_fails_for_a_while(namely: Start, serving: Serve) -> None:
    place = serving(await namely(connected=True))
    await place.schedules.set("acme", "*/10 * * * *")
    await place.start()
    with place.place.failing("INSERT ON schedules"):
        await asyncio.sleep(1800)
        assert await place.runs() == []
    await place.until(lambda: place.ran(1))
    assert await place.runs() == ["complete"]


# ---- kill -9


async def ended_badly(steps: RunSteps) -> str:
    """Make a run that ended incomplete, and was not noted in the schedule: its process was killed then."""
    await Records(Host(Settings(host=HostSettings(store=steps.path)))).settle(())
    await Records(Host(Settings(host=HostSettings(store=steps.path)))).begun("acme", "{}")
    run, reading = await steps.read()
    await steps.plan(run, reading)
    now = datetime.now(UTC)
    kinds = (KindReport(certificate(), kind_plan("Employee")),)
    report = Report(run, Verdict.INCOMPLETE, kinds, True, {}, Traffic(3, 0, 0), now)  # noqa: FBT003 - it was applied
    await steps.store.staging.discard(run, ())
    await steps.store.runs.finish(report, {}, {})
    return run.id


@pytest.mark.slow
async def test_a_kill_at_any_instant_between_the_end_of_a_run_and_the_delivery_loses_no_notice(
    steps: RunSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await ended_badly(steps)
    await steps.store.aclose()
    before = {one: one.read_bytes() for one in tmp_path.glob("people.sqlite*") if one.is_file()}
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    settle = (
        "import asyncio; from pathlib import Path; from connector_core.host import Host; "
        "from connector_core.scheduling.records import Records; "
        "from connector_core.settings import HostSettings, NoticeSettings, Settings; "
        f"settings = Settings(host=HostSettings(store=Path({str(steps.path)!r})), "
        f"notices=NoticeSettings(webhook='https://{HOST}/in'))"
    )
    kills = 0
    async with serve_hooks(authority) as hooks:
        settings = Settings(
            host=HostSettings(store=steps.path, resolve={HOST: f"127.0.0.1:{hooks.port}"}),
            notices=NoticeSettings(webhook=hooks.address),
        )
        for killed in killed_at_every_instant(settle, "asyncio.run(Records(Host(settings)).settle(()))"):
            kills += killed
            async with Host(settings) as host:
                standing = await host.schedules.get("acme")
                # Both or neither: the state, and the notice that tells of it.
                assert len(await host.notices.recent()) == standing.failures == (standing.noted_run == run_id)
                await Records(host).settle(())
                await Notifier(host).tick()
                (notice,) = await host.notices.recent()
                assert notice.state == "delivered"
            ((headers, body),) = hooks.received
            assert headers["webhook-id"] == notice.id
            assert json.loads(body)["data"]["run"] == run_id
            hooks.received.clear()
            for one in tmp_path.glob("people.sqlite*"):
                if one.is_file():
                    one.unlink()
            for one, content in before.items():
                one.write_bytes(content)
    assert kills > 5

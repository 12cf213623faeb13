"""Notices reach a real receiver, signed, at least once; and one that does not is kept and shown."""

import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import trustme
from local_proxy import LocalProxy, running
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from stores import connected

from connector_core import SettingsError
from connector_core.host import Host
from connector_core.scheduling import Notifier
from connector_core.scheduling.deliveries import wait_after
from connector_core.scheduling.webhook import Webhook
from connector_core.settings import EmailSettings, HostSettings, NoticeSettings, Settings
from connector_core.store import Event, NewNotice, Notice
from receivers import HOST, Hooks, Mailbox, serve_hooks, serve_mail
from scheduling_world import Serving
from world import Start

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Serve = Callable[..., Serving]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", SECRET)
    return made


@pytest.fixture
async def hooks(authority: trustme.CA) -> AsyncIterator[Hooks]:
    async with serve_hooks(authority) as served:
        yield served


class Clock:
    """A time of day that tests move."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now


class Outbox:
    """A notifier of a store with one integration."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self.host = host
        self.clock = clock
        self.notifier = Notifier(host, clock=clock)

    async def add(self, channel: str = "webhook", event: Event = Event.FAILED) -> None:
        content = json.dumps({"type": event, "data": {"message": "acme: the run failed."}})
        notice = NewNotice(self.clock(), "acme", event, channel, content)
        await self.host.store.schedules.edit("acme", lambda before: (before, [notice]))

    async def notice(self) -> Notice:
        (one,) = await self.host.notices.recent(1)
        return one

    async def tick(self, later: timedelta = timedelta()) -> Notice:
        self.clock.now += later
        await self.notifier.tick()
        return await self.notice()


def settings(store: Path, hooks: Hooks, *, email: EmailSettings | None = None, tries: int = 10) -> Settings:
    return Settings(
        host=HostSettings(store=store, resolve={HOST: f"127.0.0.1:{hooks.port}"}),
        notices=NoticeSettings(webhook=hooks.address, email=email or EmailSettings(), tries=tries),
    )


@pytest.fixture
async def outbox(tmp_path: Path, hooks: Hooks) -> AsyncIterator[Outbox]:
    store = await connected(tmp_path / "people.sqlite")
    async with Host(settings(store, hooks, tries=4)) as host:
        yield Outbox(host, Clock())


# ---- webhooks


async def test_a_webhook_is_signed_as_standard_webhooks_says(outbox: Outbox, hooks: Hooks) -> None:
    await outbox.add()
    notice = await outbox.tick()
    assert (notice.state, notice.tries, notice.problem) == ("delivered", 1, "")
    ((headers, body),) = hooks.received
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == notice.id
    assert Verifier(SECRET).verify(body, headers) == {
        "type": "run.failed",
        "data": {"message": "acme: the run failed."},
    }
    # It was delivered, so it is not sent again.
    await outbox.tick(timedelta(days=1))
    assert len(hooks.received) == 1


async def test_a_webhook_that_was_changed_or_is_old_does_not_verify(outbox: Outbox, hooks: Hooks) -> None:
    await outbox.add()
    await outbox.tick()
    ((headers, body),) = hooks.received
    verifier = Verifier(SECRET)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body.replace(b"failed", b"passed"), headers)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body, {**headers, "webhook-id": "msg_other"})
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body, {**headers, "webhook-timestamp": str(int(time.time()) - 1)})
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "A" * 32).verify(body, headers)
    hooks.received.clear()
    outbox.clock.now -= timedelta(minutes=10)
    await outbox.add()
    await outbox.tick()
    ((headers, body),) = hooks.received
    with pytest.raises(WebhookVerificationError, match="too old"):
        verifier.verify(body, headers)


async def test_while_a_secret_is_replaced_both_verify(
    tmp_path: Path, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = "whsec_" + "QUJD" * 10
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", f"{newer}, {SECRET}")
    store = await connected(tmp_path / "people.sqlite")
    async with Host(settings(store, hooks)) as host:
        outbox = Outbox(host, Clock())
        await outbox.add()
        await outbox.tick()
    ((headers, body),) = hooks.received
    for secret in (newer, SECRET):
        assert Verifier(secret).verify(body, headers)


async def test_a_notice_is_tried_again_with_growing_waits_and_then_given_up(outbox: Outbox, hooks: Hooks) -> None:
    hooks.answers = [500, 503, 404, 500]
    await outbox.add()
    notice = await outbox.tick()
    assert (notice.state, notice.problem) == ("waiting", f"{HOST} answered 500.")
    waits = []
    while notice.next_at:
        waits.append((notice.next_at - outbox.clock()).total_seconds())
        await outbox.tick(timedelta(seconds=waits[-1] - 1))
        assert len(hooks.received) == len(waits), "not before its time"
        notice = await outbox.tick(timedelta(seconds=1))
    assert waits == [30, 75, 187.5]
    assert (notice.state, notice.tries, notice.problem) == ("given up", 4, f"{HOST} answered 500.")
    await outbox.tick(timedelta(days=30))
    assert len(hooks.received) == 4
    ids = {headers["webhook-id"] for headers, _ in hooks.received}
    assert ids == {notice.id}


def test_ten_attempts_take_about_a_day() -> None:
    hours = sum((wait_after(one) for one in range(1, 10)), timedelta()).total_seconds() / 3600
    assert 12 <= hours <= 36
    assert wait_after(10_000) == timedelta(hours=12)


async def test_a_receiver_that_is_gone_is_asked_once(outbox: Outbox, hooks: Hooks) -> None:
    hooks.answers = [410]
    await outbox.add()
    notice = await outbox.tick()
    assert (notice.state, notice.tries) == ("given up", 1)
    assert notice.problem == f"{HOST} answered 410: it wants no more notices."


async def test_no_redirect_is_followed(outbox: Outbox, hooks: Hooks) -> None:
    hooks.answers = [307]
    await outbox.add()
    notice = await outbox.tick()
    assert (notice.state, notice.problem) == ("waiting", f"{HOST} answered 307.")
    assert len(hooks.received) == 1


@pytest.mark.jumping
async def test_a_receiver_that_does_not_answer_is_given_some_seconds(outbox: Outbox, hooks: Hooks) -> None:
    hooks.stalls = True
    await outbox.add()
    notice = await outbox.tick()
    assert (notice.state, notice.problem) == ("waiting", f"{HOST} did not answer within 20 seconds.")


@pytest.mark.usefixtures("authority")
async def test_a_receiver_is_verified_and_a_problem_names_only_its_host(tmp_path: Path) -> None:
    store = await connected(tmp_path / "people.sqlite")
    async with serve_hooks(trustme.CA()) as untrusted, Host(settings(store, untrusted)) as host:
        outbox = Outbox(host, Clock())
        await outbox.add()
        with structlog.testing.capture_logs() as logs:
            notice = await outbox.tick()
        assert untrusted.received == []
    assert notice.state == "waiting"
    assert "is not trusted" in notice.problem or "signed by an authority" in notice.problem
    said = json.dumps([notice.problem, logs])
    assert HOST in said
    assert "secret-path" not in said
    assert SECRET.removeprefix("whsec_") not in said


async def test_a_webhook_goes_through_the_proxy_of_the_environment(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await connected(tmp_path / "people.sqlite")
    async with serve_hooks(authority) as hooks, running(LocalProxy(hooks.port, "user:canary-proxy")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:canary-proxy@127.0.0.1:{proxy.port}")
        configured = Settings(host=HostSettings(store=store), notices=NoticeSettings(webhook=hooks.address))
        async with Host(configured) as host:
            outbox = Outbox(host, Clock())
            await outbox.add()
            notice = await outbox.tick()
            assert (notice.state, notice.problem, proxy.targets) == ("delivered", "", [f"{HOST}:443"])
            ((headers, body),) = hooks.received
            assert Verifier(SECRET).verify(body, headers)
            assert "proxy-authorization" not in headers
            proxy.status = 502
            await outbox.add()
            notice = await outbox.tick()
    assert (notice.state, "cannot reach" in notice.problem) == ("waiting", True)
    assert "canary" not in notice.problem


async def test_a_notice_of_a_channel_that_is_configured_no_more_is_given_up(outbox: Outbox) -> None:
    await outbox.add("email")
    notice = await outbox.tick()
    assert (notice.state, notice.problem) == ("given up", "The settings name no email any more.")


@pytest.mark.parametrize(
    ("webhook", "secret", "problem"),
    [
        ("https://hooks.example/in", "", r"\[notices\] webhook needs a secret, and DISCOVER_WEBHOOK_SECRET is not set"),
        ("https://hooks.example/in", "canary", r"DISCOVER_WEBHOOK_SECRET is not whsec_ and 24 to 64 bytes in Base64"),
        ("https://hooks.example/in", "whsec_canary", "DISCOVER_WEBHOOK_SECRET is not whsec_"),
        ("https://hooks.example/in", f"{SECRET},whsec_AAAA", "DISCOVER_WEBHOOK_SECRET is not whsec_"),
        ("http://hooks.example/in", SECRET, "http is for this machine only"),
        ("https://user:canary@hooks.example/in", SECRET, "must not hold credentials"),
        ("https://:443", SECRET, "is not a valid address"),
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused_at_the_start(
    webhook: str, secret: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", secret)
    with pytest.raises(SettingsError, match=problem) as caught:
        Notifier(Host(Settings(notices=NoticeSettings(webhook=webhook))))
    assert "canary" not in f"{caught.value.message}{caught.value.hint}"


def test_plain_http_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCOVER_WEBHOOK_SECRET", SECRET)
    for host in ("127.0.0.1:9", "localhost:9", "[::1]:9"):
        configured = Settings(notices=NoticeSettings(webhook=f"http://{host}/in"))
        assert Webhook(configured).name == "webhook"


# ---- e-mail


def by_mail(store: Path, port: int, security: str = "tls", *, server: str = "127.0.0.1", **more: str) -> Settings:
    email = EmailSettings(
        server=f"{server}:{port}",
        security=security,
        sender="discover@acme.example",
        recipients=("ops@acme.example", "kim@acme.example"),
        **more,
    )
    return Settings(host=HostSettings(store=store), notices=NoticeSettings(email=email))


async def mailed(configured: Settings) -> Notice:
    await connected(configured.host.store)
    async with Host(configured) as host:
        outbox = Outbox(host, Clock())
        await outbox.add("email")
        return await outbox.tick()


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_mail_goes_over_a_connection_that_is_encrypted(
    tmp_path: Path, authority: trustme.CA, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCOVER_SMTP_PASSWORD", "canary-mail-password")
    mailbox = Mailbox()
    with serve_mail(mailbox, authority, security, with_user=True) as port:
        notice = await mailed(by_mail(tmp_path / "people.sqlite", port, security, user="discover"))
    assert (notice.state, notice.problem) == ("delivered", "")
    (mail,) = mailbox.mails
    assert mailbox.encrypted == [True]
    assert mail.mail_from == "discover@acme.example"
    assert mail.rcpt_tos == ["ops@acme.example", "kim@acme.example"]
    assert isinstance(mail.content, bytes)
    text = mail.content.decode()
    assert "Subject: [discover] acme: the run failed\r\n" in text
    assert f"Message-ID: <{notice.id}@acme.example>\r\n" in text
    assert "canary" not in text


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.usefixtures("authority")
async def test_a_mail_server_that_is_not_trusted_gets_no_mail_and_no_password(
    tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCOVER_SMTP_PASSWORD", "canary-mail-password")
    mailbox = Mailbox()
    with serve_mail(mailbox, trustme.CA(), security, with_user=True) as port:
        notice = await mailed(by_mail(tmp_path / "people.sqlite", port, security, user="discover"))
    assert (notice.state, notice.problem) == ("waiting", f"The certificate of 127.0.0.1:{port} is not trusted.")
    assert mailbox.mails == []


async def test_a_wrong_password_is_a_problem_without_the_servers_words(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCOVER_SMTP_PASSWORD", "canary-wrong")
    mailbox = Mailbox()
    with serve_mail(mailbox, authority, "tls", with_user=True) as port:
        notice = await mailed(by_mail(tmp_path / "people.sqlite", port, user="discover"))
    assert notice.state == "waiting"
    assert notice.problem == f"The mail server 127.0.0.1:{port} refuses the user or the password (535)."


async def test_recipients_that_are_refused_are_counted(tmp_path: Path, authority: trustme.CA) -> None:
    some, all_ = Mailbox(frozenset({"kim@acme.example"})), Mailbox(frozenset({"kim@acme.example", "ops@acme.example"}))
    with serve_mail(some, authority, "tls") as port:
        notice = await mailed(by_mail(tmp_path / "some.sqlite", port))
    assert (notice.state, notice.problem) == ("delivered", "The mail server refused 1 of 2 recipients.")
    with serve_mail(all_, authority, "tls") as port:
        notice = await mailed(by_mail(tmp_path / "all.sqlite", port))
    assert notice.state == "waiting"
    assert notice.problem == f"The mail server 127.0.0.1:{port} refused all recipients."


async def test_a_mail_server_without_encryption_is_one_of_this_machine(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with serve_mail(mailbox, None, "none") as port:
        notice = await mailed(by_mail(tmp_path / "people.sqlite", port, "none"))
    assert notice.state == "delivered"
    assert mailbox.encrypted == [False]
    with pytest.raises(SettingsError, match="is for a mail server on this machine only"):
        Notifier(Host(by_mail(tmp_path / "people.sqlite", 25, "none", server="mail.example")))


async def test_a_mail_server_that_offers_no_encryption_gets_no_mail(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with serve_mail(mailbox, None, "none") as port:
        notice = await mailed(by_mail(tmp_path / "people.sqlite", port, "starttls"))
    assert notice.state == "waiting"
    assert notice.problem.startswith(f"The mail server 127.0.0.1:{port} ")
    assert mailbox.mails == []


async def test_a_mail_server_that_is_not_there_is_a_problem(tmp_path: Path, unused_tcp_port: int) -> None:
    notice = await mailed(by_mail(tmp_path / "people.sqlite", unused_tcp_port, "none"))
    assert notice.state == "waiting"
    assert notice.problem == f"The mail server 127.0.0.1:{unused_tcp_port} cannot be reached, or broke the connection."


def test_an_e_mail_channel_that_lacks_something_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs a sender and recipients"):
        Notifier(Host(Settings(notices=NoticeSettings(email=EmailSettings(server="mail.example:587")))))
    with pytest.raises(SettingsError, match="DISCOVER_SMTP_PASSWORD is not set"):
        Notifier(Host(by_mail(tmp_path / "people.sqlite", 587, user="discover")))


# ---- both, with a service


@pytest.mark.jumping
async def test_a_restart_goes_on_with_what_was_not_delivered(
    namely: Start, serving: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await namely(connected=True)
    trusted = Path(there.served.ca_file).read_bytes() + authority.cert_pem.bytes()
    Path("both.pem").write_bytes(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", "both.pem")
    async with serve_hooks(authority) as hooks:
        hooks.answers = [503] * 3
        resolve = {**there.settings.host.resolve, HOST: f"127.0.0.1:{hooks.port}"}
        there.settings = there.settings.model_copy(
            update={"host": there.settings.host.model_copy(update={"resolve": resolve})}
        )
        place = serving(there, notices=NoticeSettings(webhook=hooks.address, address="https://discovery.example.com"))
        there.simulator.script("500@1x9999:/groups")
        service = await place.start()
        await service.engine.start("acme")
        assert [one async for one in service.engine.watch("acme")][-1].report

        async def tried() -> bool:
            return len(hooks.received) == 2

        await place.until(tried)
        await place.stop()
        again = serving(there, notices=NoticeSettings(webhook=hooks.address))
        await again.start()

        async def delivered() -> bool:
            return {one.state for one in await again.host.notices.recent()} == {"delivered"}

        await again.until(delivered)
        assert len(hooks.received) == 4
        assert len({headers["webhook-id"] for headers, _ in hooks.received}) == 1
        content = json.loads(hooks.received[-1][1])
    assert content["type"] == "run.incomplete"
    assert content["data"]["link"] == "https://discovery.example.com/integrations/acme"
    assert "provider_unavailable" not in content["data"]["message"]
    people = await there.people()
    text = json.dumps(content)
    for one in people.values():
        assert one.source_id not in text
        assert str(one.display_name) not in text

"""The tables of the service that `discover serve` runs: [web], [schedule] and [notices]."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from connector_core.settings.table import Seconds, SettingsTable, endpoint


class Role(StrEnum):
    """The rights of a user of the web host; each has those of the roles before it."""

    VIEWER = "viewer"
    """Sees everything, and changes nothing."""
    APPROVER = "approver"
    """Runs, cancels and pauses, and decides on plans."""
    ADMINISTRATOR = "administrator"
    """Adds, reconnects, schedules and removes integrations, and reads the audit log."""

    def may(self, needed: "Role") -> bool:
        """Return True if this role has the rights of that one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("is not a time zone such as UTC or Europe/Berlin") from None
    return value


class WebSettings(SettingsTable):
    """The web host: its address, and who may use it."""

    listen: Annotated[str, AfterValidator(endpoint)] = "127.0.0.1:8080"
    """The address and the port of `discover serve`. Beyond this machine it needs a certificate or a declared proxy."""
    certificate: Path | None = None
    """File of the TLS certificate, with its chain."""
    key: Path | None = None
    """File of the certificate's key."""
    hosts: tuple[str, ...] = ()
    """Host names under which it is reached, besides the address that it listens on. Requests for others are refused."""
    proxies: tuple[str, ...] = ()
    """Addresses of the reverse proxies in front of it, which end TLS. Requests from others are refused then."""
    user_header: str = ""
    """Header in which those proxies name the user who has signed in there, such as `X-Forwarded-User`. Without it,
    users sign in with the token that is printed at the start."""
    roles: Mapping[str, Role] = {}
    """Role of each user whom the proxy names: viewer, approver or administrator."""
    default_role: Role | None = None
    """Role of users without one; without it they are refused."""
    session_idle: Annotated[float, Field(ge=1, le=1440)] = 60
    """Minutes without a request after which a session ends."""
    session_lifetime: Annotated[float, Field(ge=0.1, le=168)] = 12
    """Hours after which a session ends in any case."""


class ScheduleSettings(SettingsTable):
    """Scheduled runs, and the waits after those that fail."""

    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """The time zone of the cron expressions."""
    first_wait: Seconds = 3600
    """Seconds until an integration whose run has failed is run again; the wait doubles with each further failure."""
    longest_wait: Seconds = 86_400
    """Most seconds between two runs of an integration that fails."""
    quarantine_after: Annotated[int, Field(ge=1, le=1000)] = 5
    """Failures in a row after which an integration is quarantined: it is shown so, and runs at the longest wait."""


class EmailSettings(SettingsTable):
    """Notices by e-mail. The password is in the environment variable DISCOVER_SMTP_PASSWORD."""

    server: Annotated[str, AfterValidator(lambda value: value and endpoint(value))] = ""
    """The mail server and its port, such as `smtp.example.com:587`; empty for no e-mails."""
    security: Annotated[str, Field(pattern="^(tls|starttls|none)$")] = "starttls"
    """`tls` from the first byte, `starttls`, or `none`: for a server on this machine only."""
    user: str = ""
    """The user name for that server; empty if it asks for none."""
    sender: str = ""
    """The address of the sender."""
    recipients: tuple[str, ...] = ()
    """The addresses of the recipients."""


class NoticeSettings(SettingsTable):
    """Notices of runs that need an operator."""

    webhook: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""
    """Address to which signed notices are posted (Standard Webhooks); empty for none. The secret that signs them is in
    the environment variable DISCOVER_WEBHOOK_SECRET, as `whsec_…`."""
    tries: Annotated[int, Field(ge=1, le=100)] = 10
    """Attempts to deliver a notice, with growing waits in between, over about a day."""
    address: str = ""
    """Address of this web host as people reach it, such as `https://discovery.example.com`: notices link to it."""
    email: EmailSettings = EmailSettings()
    """See [notices.email]."""

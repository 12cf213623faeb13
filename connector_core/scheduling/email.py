"""Notices by e-mail, over a connection that is encrypted and verified."""

import os
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property

from pydantic import SecretStr

from connector_core.distributions import how_to_install
from connector_core.errors import SettingsError
from connector_core.http import tls_context
from connector_core.scheduling.deliveries import Delivery
from connector_core.scheduling.payloads import as_text
from connector_core.scheduling.webhook import is_loopback
from connector_core.secrecy import hiding
from connector_core.settings import Endpoint, Settings
from connector_core.store import Notice

PASSWORD_VARIABLE = "DISCOVER_SMTP_PASSWORD"  # noqa: S105 - the name of a variable
_TIMEOUT = 30.0
"""Seconds for each step of one attempt."""


class Email:
    """Sends notices by one mail server."""

    name = "email"

    def __init__(self, settings: Settings) -> None:
        self._settings = one = settings.notices.email
        self._server = Endpoint.parse(one.server)
        self._password = SecretStr(os.environ.get(PASSWORD_VARIABLE, ""))
        if not (one.sender and one.recipients):
            raise SettingsError("[notices.email] server needs a sender and recipients, too.")
        if one.security == "none" and not is_loopback(self._server.address):
            raise SettingsError(
                '[notices.email] security = "none" is for a mail server on this machine only.',
                hint="Use tls or starttls.",
            )
        if one.user and not self._password.get_secret_value():
            raise SettingsError(f"[notices.email] user needs a password, and {PASSWORD_VARIABLE} is not set.")
        try:
            import aiosmtplib  # noqa: F401 - so that it is known at the start
        except ImportError:
            raise SettingsError(
                "Notices by e-mail need aiosmtplib.", hint=f"Install it: {how_to_install('web')}"
            ) from None

    async def deliver(self, notice: Notice) -> Delivery:
        """Send a notice once, to all recipients."""
        import aiosmtplib  # See above.

        with hiding([self._password]):
            try:
                refused = await self._send(notice)
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                return Delivery(problem=self._said(error))
            except SettingsError as error:
                return Delivery(problem=error.message)
        if refused:
            all_ = len(self._settings.recipients)
            return Delivery(f"The mail server refused {refused} of {all_} recipients.", is_delivered=True)
        return Delivery()

    async def _send(self, notice: Notice) -> int:
        """Send a notice; return how many recipients were refused."""
        import aiosmtplib  # See above.

        settings = self._settings
        refused, _ = await aiosmtplib.send(
            self._message(notice),
            sender=settings.sender,
            recipients=list(settings.recipients),
            hostname=self._server.address,
            port=self._server.port,
            username=settings.user or None,
            password=self._password.get_secret_value() if settings.user else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=None if settings.security == "none" else self._tls,
            timeout=_TIMEOUT,
        )
        return len(refused)

    def _message(self, notice: Notice) -> EmailMessage:
        message, (subject, text) = EmailMessage(), as_text(notice.payload)
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.recipients)
        message["Subject"] = f"[discover] {subject}"
        message["Date"] = format_datetime(notice.at)
        # The same for each attempt, so that a mail that was sent twice is shown once.
        message["Message-ID"] = f"<{notice.id}@{self._settings.sender.rpartition('@')[2] or 'localhost'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message

    def _said(self, error: Exception) -> str:
        """Return what went wrong, without the server's own words: they may quote an address."""
        import aiosmtplib  # See above.

        server = f"The mail server {self._settings.server}"
        match error:
            case aiosmtplib.SMTPAuthenticationError():
                return f"{server} refuses the user or the password ({error.code})."
            case aiosmtplib.SMTPRecipientsRefused():
                return f"{server} refused all recipients."
            case aiosmtplib.SMTPResponseException():
                return f"{server} refused the mail ({error.code})."
            case _ if _is_untrusted(error):
                return f"The certificate of {self._settings.server} is not trusted."
            case aiosmtplib.SMTPConnectError() | aiosmtplib.SMTPServerDisconnected() | OSError():
                return f"{server} cannot be reached, or broke the connection."
            case _:
                return f"{server} failed ({type(error).__name__})."

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False

"""Calls into a connector: its exceptions become ours, which name the place in the connector and never the data."""

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import structlog
from pydantic import SecretStr

from connector_core.errors import ConnectorCoreError, DiscoveryError, MalformedError
from connector_core.http import check_certificate, check_key
from connector_core.sdk.connector import Account, AnyConnector, Declaration
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.entities import Entity
from connector_core.sdk.page import Page
from connector_core.sdk.tracing import keeping_rows
from connector_core.secrecy import hiding, presentable

_LONGEST = 1000
"""Characters of each text of an error."""
_REPORT_IT = "Report this to the connector's author."


@contextmanager
def connector_errors(connector: AnyConnector | type[AnyConnector]) -> Iterator[None]:
    """Within this context a connector's bug becomes a DiscoveryError, without its message: that may hold a person.

    All code of a connector is called in such a context. ``sys.exit()`` there ends neither the process nor the runs of
    other integrations, and a CancelledError is a bug like any other unless the task was cancelled. The texts of our
    errors are kept, without secrets and cut: a connector may have written them.
    """
    try:
        yield
    except ConnectorCoreError as error:
        error.edit(lambda text: presentable(text, _LONGEST))
        raise
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DiscoveryError(
            f"The connector {connector.manifest.name} failed with {type(error).__name__} "
            f"in {last.name}, line {last.lineno} of {last.filename}.",
            hint=_REPORT_IT,
        ) from None


def _is_cancelled() -> bool:
    """Return True if the current task was asked to end."""
    with suppress(RuntimeError):  # No loop is running: credentials are parsed before one is.
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return False


def credentials_of(connector: type[AnyConnector], fields: Mapping[str, str | SecretStr]) -> Credentials:
    """Validate the fields of a form, and the keys among them. InvalidCredentialsError names those that are wrong."""
    # A connector may put them into an error of ours, which is shown as it is.
    with hiding(_secrets_among(connector, fields)), connector_errors(connector):
        credentials = connector.credentials_type.parse(fields)
        manifest = connector.manifest.reached_with(credentials)
        check_key(manifest, credentials)
        check_certificate(manifest, credentials)
    if odd := [value for value in credentials.public().values() if not isinstance(value, str | int | float | None)]:
        raise _unfit(connector, odd[0], "the fields of its credentials", "a text or a secret")
    return credentials


def validate_some(connector: type[AnyConnector], fields: Mapping[str, str | SecretStr]) -> None:
    """Validate the fields of a form that is not complete yet. InvalidCredentialsError may suggest a value."""
    with hiding(_secrets_among(connector, fields)), connector_errors(connector):
        connector.credentials_type.validate_some(fields)


def _secrets_among(connector: type[AnyConnector], fields: Mapping[str, str | SecretStr]) -> list[SecretStr]:
    """Return the secrets of a form as they were typed, and without the space around them."""
    with connector_errors(connector):
        names = {field.name for field in connector.credentials_type.form() if field.secret}
    given = {name: value if isinstance(value, SecretStr) else SecretStr(value) for name, value in fields.items()}
    secret = [given[name] for name, value in fields.items() if name in names or isinstance(value, SecretStr)]
    # Space alone is no secret, and hiding it would make every text unreadable.
    filled = [one for one in secret if one.get_secret_value().strip()]
    return [*filled, *(SecretStr(one.get_secret_value().strip()) for one in filled)]


async def account_of(connector: AnyConnector) -> Account:
    """Return the account that the connector's check names. Raises what the check raises."""
    with connector_errors(connector):
        account: Any = await connector.check()
    if isinstance(account, Account):
        texts = (account.name, account.owner, "" if account.tenant is None else account.tenant)
        if all(isinstance(one, str) for one in texts):
            return account
    raise _unfit(connector, account, "check", "an Account of texts")


def rule_of(connector: AnyConnector, kind: type[Entity]) -> str:
    """Return the rule by which the connector decides which rows are of this kind."""
    with connector_errors(connector):
        rule: object = connector.rule(kind)
    if not isinstance(rule, str):
        raise _unfit(connector, rule, "rule", "a text")
    return rule


@asynccontextmanager
async def pages_of(
    connector: AnyConnector, method: str, *arguments: str
) -> AsyncIterator[AsyncGenerator[Page[Any], None]]:
    """Yield the pages that a method of the connector reads, and close them."""
    with connector_errors(connector):
        pages = getattr(connector, method)(*arguments)
    try:
        yield pages
    except BaseException:
        # This error says more than one that closing adds to it.
        with suppress(DiscoveryError), connector_errors(connector):
            await pages.aclose()
        raise
    with connector_errors(connector):
        await pages.aclose()


async def next_page(
    connector: AnyConnector, pages: AsyncGenerator[Page[Any], None], *, rows_kept: int = 0
) -> Page[Any] | None:
    """Return the next page, or None behind the last one. ``rows_kept`` of its rows are kept as they came."""
    with connector_errors(connector), keeping_rows(rows_kept):
        page: object = await anext(pages, None)
    if page is None:
        return None
    if not isinstance(page, Page):
        raise _unfit(connector, page, "a listing", "pages")
    if set(map(type, (*page.ids, *page.skipped, *page.removed))) - {str}:
        raise _unfit(connector, page, "a listing", "pages whose ids are texts")
    return page


async def has_row(connector: AnyConnector, declaration: Declaration, source_id: str) -> bool:
    """Return the answer of a kind's witness. One that forgets to answer does not say that a row is gone."""
    witness = declaration.witness or ""
    if witness == declaration.fetch:
        return await _is_fetched(connector, declaration, source_id)
    with connector_errors(connector):
        answer: object = await getattr(connector, witness)(source_id)
    if not isinstance(answer, bool):
        raise _unfit(connector, answer, witness, "True or False")
    return answer


async def _is_fetched(connector: AnyConnector, declaration: Declaration, source_id: str) -> bool:
    try:
        return await fetched_page(connector, declaration, source_id) is not None
    except MalformedError as error:
        # The provider has sent a response for it: only what that says cannot be used.
        structlog.get_logger().warning("witness_unreadable", error=error.code)
        return True


async def fetched_page(connector: AnyConnector, declaration: Declaration, source_id: str) -> Page[Any] | None:
    """Return the page with one row that the connector requests by its id; None if the provider denies it."""
    method = declaration.fetch or ""
    with connector_errors(connector):
        page: object = await getattr(connector, method)(source_id)
    if page is not None and not isinstance(page, Page):
        raise _unfit(connector, page, method, "a page or None")
    return page


def _unfit(connector: AnyConnector | type[AnyConnector], value: object, source: str, expected: str) -> DiscoveryError:
    return DiscoveryError(
        f"The connector {connector.manifest.name} returned {type(value).__name__} from {source}, not {expected}.",
        hint=_REPORT_IT,
    )

"""The client that the host gives a connector."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from connector_core.sdk.page import Page
from connector_core.sdk.paging import Paging
from connector_core.sdk.wire import Listing, R

T = TypeVar("T")

Params = Mapping[str, str | Sequence[str]]
"""The parameters of a query. A key with several values is sent several times."""


class HandPages(Protocol[R]):
    """Pages of a listing that no paging covers. Each is requested by ``api.get`` or ``api.post``.

    ::

        pages = self.api.by_hand("people", Person)
        position = pages.position or "a"
        while position:
            answer = await self.api.get("/people", Letter, params={"letter": position})
            yield pages.page(answer.people, position=position, last=answer.next is None).map(to_employee)
            position = answer.next
    """

    @property
    def position(self) -> str | None:
        """The position to begin at: that of the last page of an interrupted run, which is requested again, or None."""
        ...

    def page(self, rows: Iterable[R], *, position: str, last: bool, announced: int | None = None) -> Page[R]:
        """Return the next page.

        Args:
            rows: The rows of one response. One with a text that is not valid is rejected by its id.
            position: What it was requested with: any text that requests it again.
            last: True if it ends the listing. Only then can the reading be complete.
            announced: The number of rows in the whole listing, where a response tells it.
        """
        ...


class Api(Protocol):
    """Client of the provider's API. It does the paging, limits, retries, time-outs and authentication."""

    def pages(
        self,
        path: str,
        listing: type[Listing[R]],
        *,
        paging: Paging,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = "",
    ) -> AsyncGenerator[Page[R], None]:
        """Return the pages of a listing in order, including the one that ends it. With a JSON ``body``, send POSTs.

        ``headers`` are those that the provider wants besides the host's own; none of them may be secret. ``url`` is the
        whole address of the first page, such as one that a delta begins at; it takes the place of path and parameters,
        and its host must be one of the connector's.

        The first page is requested at once: call this for two listings before you read either, and they are fetched
        concurrently. Close it (``contextlib.aclosing``) if you do not read it to its end.
        """
        ...

    def by_hand(self, name: str, row: type[R]) -> HandPages[R]:
        """Return what makes the pages of a listing that no paging covers, requested by ``get`` or ``post``.

        ``name`` tells this listing from others of the connector; ``row`` is the type of its rows. Its
        ``position`` is the one to begin at: None, or where an interrupted run had come to.
        """
        ...

    async def get(
        self,
        path: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = True,
    ) -> T:
        """Return one response as a ``Wire``, or as a type made of them, such as ``list[Office]``.

        Fields of a ``Wire`` that are declared by ``from_header`` hold the response's headers.

        A text in an item of a list that is not valid JSON or Unicode is a lone surrogate: ``Page.single`` rejects the
        item with its ``id``, and no entity accepts it. Elsewhere such a text makes the response malformed.
        """
        ...

    async def post(
        self,
        path: str,
        model: type[T],
        *,
        body: Mapping[str, Any],
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Return the response to a JSON body, as ``get`` does. It must only read: it may be sent again."""
        ...

    async def sign_in(self) -> None:
        """Fetch a token, unless there is a valid one. This proves the credentials.

        For providers without a request that names the owner of a token. If the connector fetches no tokens, this does
        nothing.
        """
        ...

    async def exists(
        self, path: str, source_id: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        """Return True if ``path/source_id`` exists, and False only if the provider answers 404."""
        ...

    async def find(
        self,
        path: str,
        source_id: str,
        model: type[T],
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T | None:
        """Return the response at ``path/source_id`` as ``get`` does, and None only if the provider answers 404."""
        ...

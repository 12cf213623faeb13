"""Ids that must be in a listing without a total, as another response lists them."""

from collections.abc import Iterable

from connector_core.sdk.hash_set import HashSet


class ExpectedIds:
    """Ids that a listing must contain. The listing may contain more.

    Example: ``page.with_expected_ids(ExpectedIds(["7", "8"]))``.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._expected = HashSet(ids)
        self._others = 0

    def __contains__(self, source_id: object) -> bool:
        return isinstance(source_id, str) and source_id in self._expected

    def add(self, ids: Iterable[str]) -> None:
        """Expect these ids too. Call it before the first ``total_with``."""
        self._expected.add(ids)

    def total_with(self, listed: Iterable[str]) -> int | None:
        """Count the rows of the whole listing, now that these ids were listed. Pass each id once.

        None if no id is expected: a response without ids proves nothing.
        """
        expected = self._expected
        self._others += sum([one not in expected for one in listed])
        return len(expected) + self._others if len(expected) else None

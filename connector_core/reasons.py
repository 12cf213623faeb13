"""Reasons as codes with parameters. Programs decide on them; ``messages.py`` turns them into sentences."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

Value = str | int | float | tuple[str, ...] | None


class Code(StrEnum):
    """Every reason that is given for an incomplete reading, a planned change, what is held, or a full scan."""

    # A reading that is not complete.
    READ_FAILED = "read_failed"
    DEFERRED = "deferred"
    THROTTLED = "throttled"
    RESOURCE_REFUSED = "resource_refused"
    TIME_OVER = "time_over"
    BOUND_REACHED = "bound_reached"
    ENDED_EARLY = "ended_early"
    PAGE_REPEATED = "page_repeated"
    ROWS_REPEATED = "rows_repeated"
    ROWS_REJECTED = "rows_rejected"
    ROWS_MERGED = "rows_merged"
    LISTING_EMPTY = "listing_empty"
    TOTAL_FELL = "total_fell"
    ROWS_UNACCOUNTED = "rows_unaccounted"
    TOTAL_MISSING = "total_missing"
    TOTAL_DIFFERS = "total_differs"
    COUNT_MISSING = "count_missing"
    COUNT_DIFFERS = "count_differs"
    EXPECTED_IDS_MISSING = "expected_ids_missing"
    EXPECTED_IDS_DIFFER = "expected_ids_differ"
    ROWS_NOT_LISTED = "rows_not_listed"
    COMPLETENESS_UNPROVEN = "completeness_unproven"
    # A note on a reading, complete or not.
    TEXTS_INVALID = "texts_invalid"
    VALUES_UNREADABLE = "values_unreadable"
    COUNT_OUTWEIGHED = "count_outweighed"
    STILL_THERE = "still_there"
    # A delta that has not caught up.
    CHANGES_ENDED_EARLY = "changes_ended_early"
    FIELDS_MISSING = "fields_missing"
    ORDER_BROKEN = "order_broken"
    CHANGE_TIMES_MISSING = "change_times_missing"
    ROWS_UNKNOWN = "rows_unknown"
    FIELDS_APPEARED = "fields_appeared"
    TOKEN_MISSING = "token_missing"
    # Why a run reads all of a kind, or what has changed.
    CHANGED_SINCE = "changed_since"
    NOT_LISTED_BY_CHANGE = "not_listed_by_change"
    CHANGES_HELD = "changes_held"
    NO_FULL_SCAN = "no_full_scan"
    FULL_SCAN_OLD = "full_scan_old"
    SCAN_IN_FUTURE = "scan_in_future"
    ACCESS_CHANGED = "access_changed"
    NO_TOKEN = "no_token"
    TOKEN_OLD = "token_old"
    # A planned change.
    NEW = "new"
    CHANGED = "changed"
    STATUS_LOST = "status_lost"
    NOT_FOUND = "not_found"
    OTHER_KIND = "other_kind"
    ABSENT_TWICE = "absent_twice"
    TOMBSTONE = "tombstone"
    PUT_BACK = "put_back"
    # A field of one row that was not read.
    FIELD_NOT_PROVIDED = "field_not_provided"
    FIELD_NOT_RECEIVED = "field_not_received"
    # Changes that are held.
    OTHER_TENANT = "other_tenant"
    UNRECOGNISED = "unrecognised"
    ACCEPTANCE_CHANGED = "acceptance_changed"
    TOO_MANY_LOST = "too_many_lost"
    TOO_MANY_ACTIVE_LOST = "too_many_active_lost"
    TOO_MANY_VANISHED = "too_many_vanished"
    STILL_NAMED = "still_named"
    TOO_MANY_NEW = "too_many_new"
    MORE_THAN_ANNOUNCED = "more_than_announced"


class Reason:
    """One code with the parameters of its sentence: ``Reason(Code.TOTAL_DIFFERS, read=59, announced=60)``."""

    __slots__ = ("code", "parameters")

    def __init__(self, code: Code, /, **parameters: Value) -> None:
        self.code: Final = code
        self.parameters: Final[Mapping[str, Value]] = parameters

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and (self.code, self.parameters) == (other.code, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code, *sorted(self.parameters)))

    def __repr__(self) -> str:
        return f"Reason({', '.join([repr(self.code.value), *(f'{k}={v!r}' for k, v in self.parameters.items())])})"

    def __getitem__(self, name: str) -> Value:
        return self.parameters[name]


class _Stored(msgspec.Struct):
    """A reason as it is stored."""

    code: Code
    parameters: dict[str, Value] = {}


def encode_hook(value: Any) -> Any:
    """Encode a reason, for ``msgspec.json.encode(..., enc_hook=encode_hook)``."""
    if isinstance(value, Reason):
        return _Stored(value.code, dict(value.parameters))
    raise NotImplementedError(type(value).__name__)  # As msgspec asks of a hook, for types it does not know.


def decode_hook(wanted: type, value: Any) -> Any:
    """Decode a reason, for ``msgspec.json.decode(..., dec_hook=decode_hook)``."""
    if wanted is Reason:
        stored = msgspec.convert(value, _Stored)
        return Reason(stored.code, **stored.parameters)
    raise NotImplementedError(wanted.__name__)  # As above.

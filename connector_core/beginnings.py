"""The beginning of a reading, and the proof that it is complete."""

from enum import StrEnum


class Began(StrEnum):
    """The beginning of a reading."""

    FRESH = "fresh"
    RESUMED = "resumed"
    STARTED_OVER_UNFIT = "started_over_unfit"
    """The kind cannot be resumed, or its rows are too old or were read with another token, options or version."""
    STARTED_OVER_CHANGED = "started_over_changed"
    """The listing has changed since the interrupted run."""
    STARTED_OVER_EXPIRED = "started_over_expired"
    """The provider no longer accepted the cursor at which the reading was to go on."""
    RESYNCED = "resynced"
    """The provider no longer accepted the token from which the delta was to start, so all rows were read. None of the
    kind is removed by that run."""
    READ_TWICE = "read_twice"
    """The listing may have moved while it was read, so it was read again."""


class Proof(StrEnum):
    """The proof that a reading, whose counters agree, missed no row that was listed throughout."""

    NONE = "none"
    ONE_RESPONSE = "one_response"
    """All rows came in one response."""
    EXPECTED_IDS = "expected_ids"
    """Another response names the rows that must be there, and all of them came."""
    COUNT = "count"
    """As many rows came as the provider says there are, by cursors past which no row can move."""
    CREATION_TIMES = "creation_times"
    """As many rows that were created before the reading began were read as were announced at its beginning."""
    READ_TWICE = "read_twice"
    """As many rows that an earlier pass had read were read again as were announced at its beginning."""
    DECLINED = "declined"
    """There is none, since the settings decline a second pass: complete, unless a row left while it was read."""

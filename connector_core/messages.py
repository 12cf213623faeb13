"""The sentence for each reason, and what to do about it. Nothing decides on these texts.

A reason of a certificate is a sentence without its final stop. A reason of a change, of a held loss or of a run's
extent is a phrase in lower case, which follows a colon.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from connector_core.beginnings import Began, Proof
from connector_core.outcomes import Certificate
from connector_core.reasons import Code, Reason


@dataclass(frozen=True, slots=True)
class Message:
    """``text`` is formatted with the reason's parameters. ``{rows:row}`` becomes ``1 row`` or ``1,200 rows``."""

    text: str
    action: str = ""
    """The action to take, unless the reason has a ``remedy`` of its own."""


RUN_AGAIN = "Run again."
"""Said where nothing else is known to help."""
_FULL_SCAN = "The next delta is a full scan."
_REPORT = "Report this to the connector's author."
_MOVED = (
    "Discard the plan, and check the credentials. If the company has really moved, apply it and connect again with "
    "--change-tenant."
)
_GROWTH = "Review the plan and apply it if the rows are real. The limits are [host.growth] in plugins.toml."
_REVIEW = "Review the plan and apply it if the losses are real. The limits are [host.losses] in plugins.toml."

INCOMPLETE: Mapping[Code, Message] = {
    Code.READ_FAILED: Message("{message}", "Fix the cause, then run again."),
    Code.DEFERRED: Message(
        "{message}; the provider asks to wait until {until}", "Run again after that time; the run resumes."
    ),
    Code.THROTTLED: Message(
        "{message}; the provider did not say how long to wait", "Run again later; the run resumes."
    ),
    Code.RESOURCE_REFUSED: Message(
        "The token is valid but may not read this resource of {provider}", "Grant the permission for this kind."
    ),
    Code.TIME_OVER: Message(
        "The run reached its time limit", "Run again; the run resumes. The limit is [host] run_timeout in plugins.toml."
    ),
    Code.BOUND_REACHED: Message(
        "The listing exceeds [host.bounds] {setting} = {bound}, so reading stopped, and nothing is created",
        "If so much is real, raise that bound in plugins.toml.",
    ),
    Code.ENDED_EARLY: Message("The connector stopped before the end of the listing", _REPORT),
    Code.PAGE_REPEATED: Message("Page {page} repeats rows of earlier pages", RUN_AGAIN),
    Code.ROWS_REPEATED: Message("{rows:row} came twice, so others may have been missed", RUN_AGAIN),
    Code.ROWS_REJECTED: Message(
        "{rows:row} could not be used, for example {example}",
        "Fix the rows at the provider, or report this to the connector's author.",
    ),
    Code.ROWS_MERGED: Message("{rows:row} had the id of another row", _REPORT),
    Code.LISTING_EMPTY: Message(
        "The listing is empty, and the store has {stored:row}", "Check the token's permissions."
    ),
    Code.TOTAL_FELL: Message("The announced total fell during the read, so rows may have been skipped", RUN_AGAIN),
    Code.ROWS_UNACCOUNTED: Message("Rows may have left during the read, so that others were skipped", RUN_AGAIN),
    Code.TOTAL_MISSING: Message("{provider} did not announce a total", RUN_AGAIN),
    Code.TOTAL_DIFFERS: Message("Read {read:row}; {provider} announced {announced}", RUN_AGAIN),
    Code.COUNT_MISSING: Message(
        "Completeness unknown: the number of rows could not be fetched, and no second reading agrees",
        "Check the token's permissions.",
    ),
    Code.COUNT_DIFFERS: Message("Read {read:row}; {provider} counts {counted}", RUN_AGAIN),
    Code.EXPECTED_IDS_MISSING: Message(
        "Completeness unknown: the list of expected ids could not be fetched", "Check the token's permissions."
    ),
    Code.EXPECTED_IDS_DIFFER: Message("Read {read:row}; another response of {provider} lists {expected}", RUN_AGAIN),
    Code.ROWS_NOT_LISTED: Message("The listing lacks {rows:row} that {provider} still has", RUN_AGAIN),
    Code.COMPLETENESS_UNPROVEN: Message(
        "Completeness unknown: no total confirms the end of the listing, and the settings decline a second reading",
        "Set [host] read_twice = true in plugins.toml.",
    ),
}
NOTES: Mapping[Code, Message] = {
    Code.TEXTS_INVALID: Message(
        "{provider} sent text that is not valid JSON or Unicode in {places:place}, but in no field that is read"
    ),
    Code.VALUES_UNREADABLE: Message(
        "The value of {field} could not be read in {rows:row} of {provider}, and stays as it is stored",
        "Fix it at the provider, or report this to the connector's author.",
    ),
    Code.COUNT_OUTWEIGHED: Message("{provider} counts {counted:row}, but the reading is proven to have all {read}"),
    Code.STILL_THERE: Message(
        "{provider} reports {rows:row} as removed, but answers that they exist, so they stay",
        "If they are gone, a full scan removes them.",
    ),
}
DELTA_BEHIND: Mapping[Code, Message] = {
    Code.CHANGES_ENDED_EARLY: Message(
        "The connector stopped before the last known change", "Report this to the connector's author."
    ),
    Code.FIELDS_MISSING: Message("Some rows lack fields that are stored: {fields}", "The next delta reads them again."),
    Code.ORDER_BROKEN: Message("The listing is not in the order of change", _FULL_SCAN),
    Code.CHANGE_TIMES_MISSING: Message("No row says when it was changed", _FULL_SCAN),
    Code.ROWS_UNKNOWN: Message("{provider} announced {announced:row}, and {known} would be stored", _FULL_SCAN),
    Code.FIELDS_APPEARED: Message("Rows have fields that the last full scan did not: {fields}", _FULL_SCAN),
    Code.TOKEN_MISSING: Message("The last page of the changes has no token for the next delta", _FULL_SCAN),
}
EXTENT: Mapping[Code, Message] = {
    Code.CHANGED_SINCE: Message("what has changed since {since}"),
    Code.NOT_LISTED_BY_CHANGE: Message("no requested kind can be listed by its changes"),
    Code.CHANGES_HELD: Message("changes are held", "Apply or discard the held plan."),
    Code.NO_FULL_SCAN: Message("no full scan has been applied completely yet"),
    Code.FULL_SCAN_OLD: Message("the last full scan is {days:day} old"),
    Code.SCAN_IN_FUTURE: Message("the last scan is dated {moment}, in the future", "Check this machine's clock."),
    Code.ACCESS_CHANGED: Message("the token, the account, the options or the version has changed"),
    Code.NO_TOKEN: Message("the last full scan brought no token of the changes since"),
    Code.TOKEN_OLD: Message("the token of the changes is {hours:hour} old, and may have expired"),
}
CHANGE: Mapping[Code, Message] = {
    Code.NEW: Message("new in {provider}"),
    Code.CHANGED: Message("changed in {provider}"),
    Code.STATUS_LOST: Message("turned {status} in {provider}"),
    Code.NOT_FOUND: Message("absent from a complete scan, and unknown to {provider}"),
    Code.OTHER_KIND: Message("{provider} lists it, but no longer as {kind}"),
    Code.ABSENT_TWICE: Message("absent from two complete scans"),
    Code.TOMBSTONE: Message("{provider} reports that it was removed"),
    Code.PUT_BACK: Message("as it was before run {run}"),
}
UNREAD: Mapping[Code, Message] = {
    Code.FIELD_NOT_PROVIDED: Message("the connector reads no such field of {provider}"),
    Code.FIELD_NOT_RECEIVED: Message(
        "it did not come from {provider}, or could not be read or resolved", "Check the token's permissions."
    ),
}
HELD: Mapping[Code, Message] = {
    Code.OTHER_TENANT: Message(
        "the credentials lead to {tenant} now, and the stored rows are those of {stored}", _MOVED
    ),
    Code.UNRECOGNISED: Message(
        "only {recognised} of {rows:row} have the id and the name or e-mail of a stored one, as if another company had "
        "been read",
        _MOVED,
    ),
    Code.ACCEPTANCE_CHANGED: Message(
        "the token, the account or the rule for this kind has changed since the last accepted run, or that run was "
        "undone",
        "Review the plan and apply it if the losses are real.",
    ),
    Code.TOO_MANY_LOST: Message(
        "{lost} of {size} rows would be lost within {days:day}, more than {share:.0%}", _REVIEW
    ),
    Code.TOO_MANY_ACTIVE_LOST: Message(
        "{lost} of {size} active rows would be lost within {days:day}, more than {share:.0%}", _REVIEW
    ),
    Code.TOO_MANY_VANISHED: Message(
        "{rows} of {size:row} have vanished within {days:day}, though {provider} keeps listing those who have left: "
        "the token may have lost the right to see them",
        "Look some of them up at the provider, and apply the plan only if they were deleted there. The limits are "
        "[host.losses] vanished_rows and vanished_share in plugins.toml.",
    ),
    Code.STILL_NAMED: Message(
        "other rows still name {rows:row} to be removed, such as {example}",
        "Look them up at the provider, and apply the plan only if they were deleted there.",
    ),
    Code.TOO_MANY_NEW: Message(
        "{creates:row} would be created within {days:day} where {stored} were stored, more than {times:.3g} times as "
        "many",
        _GROWTH,
    ),
    Code.MORE_THAN_ANNOUNCED: Message(
        "{creates:row} would be created from an incomplete read, more than {times:.3g} times the {announced} announced",
        _GROWTH,
    ),
}

GROUPS: Mapping[str, Mapping[Code, Message]] = MappingProxyType(
    {
        "A read is incomplete": INCOMPLETE,
        "A read is noted for something odd": NOTES,
        "A delta has not caught up": DELTA_BEHIND,
        "A run reads everything, or only what has changed": EXTENT,
        "A row is created, updated or removed": CHANGE,
        "A field of a row is not read": UNREAD,
        "Changes are held": HELD,
    }
)
"""Every message, by what it explains, in the order of ``reasons.py``."""
MESSAGES: Mapping[Code, Message] = MappingProxyType(
    {code: text for group in GROUPS.values() for code, text in group.items()}
)

BEGAN: Mapping[Began, str] = MappingProxyType(
    {
        Began.FRESH: "",
        Began.RESUMED: "Resumed at page {first_page}",
        Began.STARTED_OVER_UNFIT: (
            "Started over: this kind cannot be resumed, or what the interrupted run had read is too old, or was read "
            "with another token, other options or another version"
        ),
        Began.STARTED_OVER_CHANGED: "Started over: the listing has changed since the interrupted run",
        Began.STARTED_OVER_EXPIRED: "Started over: the provider no longer accepted the cursor of the next page",
        Began.RESYNCED: (
            "Resynced: the provider no longer accepted the token of the last run, so all rows were read, and none is "
            "removed"
        ),
        Began.READ_TWICE: "Read twice: the listing may have moved while it was read",
    }
)
PROOFS: Mapping[Proof, str] = MappingProxyType(
    {
        Proof.NONE: "",
        Proof.ONE_RESPONSE: "one response",
        Proof.EXPECTED_IDS: "expected ids",
        Proof.COUNT: "count",
        Proof.CREATION_TIMES: "creation times",
        Proof.READ_TWICE: "read twice",
        Proof.DECLINED: "unless a row left while it was read",
    }
)
"""The words for each proof of a complete reading: ``complete (creation times)``."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2 rows``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Formatter(string.Formatter):
    """Counts nouns (``{rows:row}``), separates thousands and joins lists."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (list, tuple)):
            return ", ".join(value)
        if isinstance(value, int) and format_spec.isalpha():
            return counted(value, format_spec)
        if isinstance(value, int) and not format_spec:
            return f"{value:,}"
        return str(super().format_field(value, format_spec))


_format = _Formatter().vformat


def message(reason: Reason) -> str:
    """Return the sentence of a reason, without a full stop."""
    # An error's message, which some sentences quote, may end with one.
    return _format(MESSAGES[reason.code].text, (), reason.parameters).removesuffix(".")


def filled(template: str, parameters: Mapping[str, Any]) -> str:
    """Return a sentence of one's own with a reason's parameters."""
    return _format(template, (), parameters)


def action(reason: Reason) -> str:
    """Return what to do about a reason; empty where there is nothing to do."""
    remedy = reason.parameters.get("remedy")
    return remedy if isinstance(remedy, str) and remedy else MESSAGES[reason.code].action


def remedy(certificate: Certificate) -> str:
    """Return what to do about a reading, in sentences; empty where there is nothing to do."""
    # Several reasons may have one cause: each remedy is given once, and the general one only alone.
    actions = dict.fromkeys(one for one in (*map(action, certificate.reasons), certificate.remedy) if one)
    if len(actions) > 1:
        actions.pop(RUN_AGAIN, None)
    return " ".join(one if one.endswith((".", "!", "?")) else f"{one}." for one in actions)


def began(certificate: Certificate) -> str:
    """Return how a reading began, without a full stop; empty where it began afresh."""
    return _format(BEGAN[certificate.began], (), {"first_page": certificate.first_page})


def parameters(code: Code) -> tuple[str, ...]:
    """Return the parameters that a code's sentence names."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(MESSAGES[code].text) if name)

"""The switches of the simulator: what public material leaves open about Microsoft Graph."""

from typing import Annotated, Literal

from pydantic import Field

from connector_core.testing import Switches


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    page: Annotated[int, Field(ge=1)] = 40
    """Most people on a page. Microsoft says 100 with managers and 999 without, and that fewer may come."""
    others: Literal["some", "none"] = "some"
    """Guests, rooms and agent users among the people."""
    rights: Literal["all", "null", "absent", "forbidden"] = "all"
    """Values that the app may not read: all are granted; null; absent; or 403 for the whole request."""
    leave_dates: Literal["granted", "blank", "forbidden"] = "granted"
    """Answer to employeeLeaveDateTime without its own permission: a null, or 403."""
    expand: Literal["granted", "refused"] = "granted"
    """Right of an app to expand managers."""
    count: Literal["exact", "off", "refused"] = "exact"
    """Number that $count tells: the people's own; three too few; or 400, as in a B2C tenant."""
    empty_page: Literal["no", "yes"] = "no"
    """Presence of an empty page behind the first one."""
    twice: Literal["no", "yes"] = "no"
    """Presence of the last user of a page on the next one, too."""
    next_host: str = ""
    """Host of the next page's address, if not the one that was asked."""
    page_tokens: Literal["kept", "expire_once", "expire"] = "kept"
    """Life of the token of the next page: it is kept; it expires once; or always."""
    replica: Literal["current", "behind"] = "current"
    """State of the list: a replica that is behind lacks the newest user."""
    delta: Literal["granted", "refused"] = "granted"
    """Presence of deltas, which external tenants lack."""
    delta_rows: Literal["whole", "changed"] = "whole"
    """Properties of a changed user: all that are set; or the changed ones, with a new manager in a row of its own."""
    delta_repeats: Literal["no", "yes"] = "no"
    """Presence of each page's last row on the next page, too."""
    delta_managers: Literal["sent", "missing"] = "sent"
    """Presence of managers in deltas."""
    removed: Literal["changed", "deleted"] = "changed"
    """Reason of removals: the account can be restored, or cannot."""
    resync: Literal[410, 400] = 410
    """Status of the answer to a delta token that is older than seven days."""
    throttle: Literal["no", "fraction", "bare"] = "no"
    """Answer to the first request for users: as always; or 429 with a Retry-After of 2.128, or with none."""
    secret: Literal["valid", "expired"] = "valid"
    """State of the client secret."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""

"""Switches for the facts about Namely that public material leaves open or contradicts."""

from typing import Annotated, Literal

from pydantic import Field

from connector_core.testing import Switches


class Behaviour(Switches):
    """Switches. The first value of each is the default."""

    quota: Annotated[int, Field(ge=1)] = 100
    """Requests of the profiles listing allowed in a window; 100 a minute in the documentation."""
    window: Annotated[float, Field(gt=0)] = 60
    """Length of a window in seconds."""
    window_kind: Literal["sliding", "fixed"] = "sliding"
    """Kind of the window."""
    quota_covers: Literal["list", "all"] = "list"
    """Requests that the quota counts: the listing only, or GET /profiles/{id} too."""
    throttle_status: Literal[406, 429] = 406
    """Status of the answer to too many requests."""
    retry_after: Literal["none", "seconds", "date"] = "none"
    """Form of Retry-After in that answer."""
    error_body: Literal["message", "error", "empty"] = "message"
    """Body of 401, 403 and 406."""
    oversize: Literal["clamp", "error"] = "clamp"
    """Effect of per_page above 50."""
    page_size: Annotated[int, Field(ge=1, le=50)] = 50
    """Largest page; below 50, the server sends fewer rows than its documentation says."""
    page_zero: Literal["first", "error"] = "first"
    """Effect of page=0."""
    limit_all: Literal["default", "error"] = "default"
    """Effect of limit=all."""
    groups_pages: Literal["no", "yes"] = "no"
    """Paging of /groups, 30 at a time."""
    count_means: Literal["page", "total"] = "page"
    """Meaning of count: the rows of the page since August 2017; before, the total, without total_count."""
    unknown_tenant: Literal["login", "redirect", "missing"] = "login"
    """Answer for a company that does not exist: a login page, a redirect to it, or 404."""
    type_words: Literal["lower", "title", "none"] = "lower"
    """Spelling of department and office location in group_types[].type."""
    type_titles: Literal["plural", "singular"] = "plural"
    """Titles of group types: Departments since the Org Units migration; before, Department."""
    job_title: Literal["always", "sometimes_null"] = "always"
    """Presence of job_title."""
    owner: Literal["administrator", "limited", "no_groups", "inactive", "sso"] = "administrator"
    """Owner of the token. limited sees few fields; no_groups may not read /groups; inactive may read nothing (403)."""
    unpermitted: Literal[403, 401] = 403
    """Status of the answer to a request that the token does not allow."""
    hidden_rows: Literal["no", "yes"] = "no"
    """Rows hidden from the token: every tenth profile, which the totals do not count."""
    total_means: Literal["filtered", "company"] = "filtered"
    """Meaning of total_count in a filtered listing."""
    filters: Literal["exact", "part"] = "exact"
    """Comparison of filter[…]: with exact values, or parts of them."""
    short_format: Literal["names", "same"] = "names"
    """Effect of profile_format=short."""
    group_change: Literal["silent", "touches"] = "silent"
    """Effect of renaming a group on updated_at of its people."""
    not_modified: Literal["no", "yes"] = "no"
    """Support of If-None-Match, answered with 304."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""
    token_by_query: Literal["no", "yes"] = "no"
    """Support of the token in the query, as access_token."""

"""A switch for each thing about Namely that public material leaves unknown or contradicts itself on."""

from typing import Annotated, Literal

from pydantic import Field

from connector_core.testing import Switches


class Behaviour(Switches):
    """The first value of each is the default."""

    quota: Annotated[int, Field(ge=1)] = 100
    """Requests of the profiles listing in a window; the documents say 100 a minute."""
    window: Annotated[float, Field(gt=0)] = 60
    """Seconds."""
    window_kind: Literal["sliding", "fixed"] = "sliding"
    quota_covers: Literal["list", "all"] = "list"
    """Whether GET /profiles/{id} counts too."""
    throttle_status: Literal[406, 429] = 406
    retry_after: Literal["none", "seconds", "date"] = "none"
    error_body: Literal["message", "error", "empty"] = "message"
    """The body of 401, 403 and 406."""
    oversize: Literal["clamp", "error"] = "clamp"
    """What per_page above 50 does."""
    page_size: Annotated[int, Field(ge=1, le=50)] = 50
    """The largest page; fewer than asked for when the server clamps below the documents."""
    page_zero: Literal["first", "error"] = "first"
    limit_all: Literal["default", "error"] = "default"
    groups_pages: Literal["no", "yes"] = "no"
    """Whether /groups sends 30 at a time."""
    count_means: Literal["page", "total"] = "page"
    """Since August 2017 the rows of the page; before, the total, with no total_count."""
    unknown_tenant: Literal["login", "redirect", "missing"] = "login"
    type_words: Literal["lower", "title", "none"] = "lower"
    """How group_types[].type spells department and office location."""
    type_titles: Literal["plural", "singular"] = "plural"
    """Since the Org Units migration: Departments; before: Department."""
    job_title: Literal["always", "sometimes_null"] = "always"
    owner: Literal["administrator", "limited", "no_groups", "inactive", "sso"] = "administrator"
    """Whose token it is: limited sees few fields; no_groups is refused /groups; inactive is refused all (403)."""
    unpermitted: Literal[403, 401] = 403
    """What a route answers that the token may not use."""
    hidden_rows: Literal["no", "yes"] = "no"
    """Whether a token may be kept from whole profiles: every tenth is missing, and is not counted."""
    total_means: Literal["filtered", "company"] = "filtered"
    """What total_count holds when the listing is filtered."""
    filters: Literal["exact", "part"] = "exact"
    """How filter[…] compares."""
    short_format: Literal["names", "same"] = "names"
    """What profile_format=short sends."""
    group_change: Literal["silent", "touches"] = "silent"
    """Whether renaming a group sets updated_at of its people."""
    not_modified: Literal["no", "yes"] = "no"
    """Whether If-None-Match is answered with 304."""
    latency: Annotated[int, Field(ge=0)] = 0
    """Milliseconds before each answer."""
    token_by_query: Literal["no", "yes"] = "no"

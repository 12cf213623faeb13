"""Listing of profiles: both paging styles, filters, order and totals."""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.namely.simulator.behaviour import Behaviour

SMALL_PAGE = 30
"""Rows of a page, if the request has no size."""
LARGEST_PAGE = 50
SORTS = ("first_name", "last_name", "created_at", "updated_at")
SHORT = ("id", "email", "first_name", "last_name", "preferred_name", "full_name", "user_status", "job_title")


class BadQueryError(Exception):
    """An invalid query parameter, answered with 422."""


def number(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default


def select(
    people: list[Any],
    profile: Callable[[Any], dict[str, Any]],
    query: Mapping[str, str],
    behaviour: Behaviour,
    total: int,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows and the meta object of one answer.

    Args:
        people: All people, in order of creation.
        profile: Function that turns one of them into JSON.
        query: Parameters of the request.
        behaviour: The switches.
        total: Number of people in the company.
    """
    if not _is_plain(query):
        profiles = [profile(one) for one in people]
        people = _sorted(_filtered(profiles, query, behaviour), query)
        if len(people) != len(profiles) and behaviour.total_means == "filtered":
            total = len(people)
        profile = dict
    meta = None
    if "after" in query:
        people, meta = _after(people, profile, query)
    elif "limit" in query and "page" not in query:
        people = people[: _limit(query, behaviour)]
    else:
        people = _page(people, query, behaviour)
    rows = [profile(one) for one in people]
    if query.get("profile_format") == "short" and behaviour.short_format == "names":
        rows = [{key: row[key] for key in SHORT if key in row} | {"links": {}} for row in rows]
    return rows, meta or _meta(rows, behaviour, total)


def _is_plain(query: Mapping[str, str]) -> bool:
    """Return True if the query neither filters nor sorts, so that JSON is needed for one page only."""
    return query.get("sort", "created_at") == "created_at" and not any(name.startswith("filter[") for name in query)


def _meta(rows: list[dict[str, Any]], behaviour: Behaviour, total: int) -> dict[str, Any]:
    if behaviour.count_means == "total":
        return {"count": total if rows else 0, "status": 200}
    return {"count": len(rows), "total_count": total, "status": 200}


def _page(found: list[Any], query: Mapping[str, str], behaviour: Behaviour) -> list[Any]:
    page, size = number(query.get("page"), 1), number(query.get("per_page"), SMALL_PAGE)
    if page < 1 and behaviour.page_zero == "error":
        raise BadQueryError("page must be positive")
    if size > LARGEST_PAGE and behaviour.oversize == "error":
        raise BadQueryError("per_page is too large")
    size = max(1, min(size, behaviour.page_size))
    start = (max(1, page) - 1) * size
    return found[start : start + size]


def _limit(query: Mapping[str, str], behaviour: Behaviour) -> int:
    if query.get("limit") == "all" and behaviour.limit_all == "error":
        raise BadQueryError("limit=all is no longer permitted")
    return min(number(query.get("limit"), SMALL_PAGE), LARGEST_PAGE)


def _after(
    found: list[Any], profile: Callable[[Any], dict[str, Any]], query: Mapping[str, str]
) -> tuple[list[Any], dict[str, Any]]:
    after = query["after"]
    start = next((index + 1 for index, one in enumerate(found) if profile(one)["id"] == after), 0)
    people = found[start : start + min(number(query.get("limit"), SMALL_PAGE), LARGEST_PAGE)]
    return people, {"count": len(people), "status": 200, "after": after}


def _filtered(profiles: list[dict[str, Any]], query: Mapping[str, str], behaviour: Behaviour) -> list[dict[str, Any]]:
    found = profiles
    for name, wanted in query.items():
        key = name.removeprefix("filter[").removesuffix("]")
        if name != key:
            found = [row for row in found if _matches(row.get(key), wanted, behaviour)]
    return found


def _matches(value: Any, wanted: str, behaviour: Behaviour) -> bool:
    if isinstance(value, list):
        return any(_matches(one, wanted, behaviour) for one in value)
    if isinstance(value, dict):
        value = value.get("title") or value.get("id")
    if behaviour.filters == "part":
        return wanted.lower() in str(value or "").lower()
    return str(value) == wanted


def _sorted(profiles: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Sort as requested, if the API knows the sort; otherwise keep the order of creation."""
    sort = query.get("sort", "")
    if sort.removeprefix("-") not in SORTS:
        return profiles
    return sorted(profiles, key=lambda row: row[sort.removeprefix("-")], reverse=sort.startswith("-"))

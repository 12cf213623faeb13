"""What an answer means: an error by whose fault it is, or a body that may be parsed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import ValidationError
from pydantic_core import from_json

from connector_core.connector import Listing, Page, R, Rejection, Row, W, rejection
from connector_core.errors import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.manifest import Manifest


def judge(manifest: Manifest, method: str, path: str, status: int, headers: Mapping[str, str]) -> None:
    """Raises the error that this answer stands for; returns when it is a usable one."""
    said = f"{method} {path}: {manifest.title} answered {status}"
    where = {"method": method, "path": path}
    if status in manifest.throttled_by:
        raise ThrottledError(f"{said}, too many requests", retry_after=retry_after(headers), **where)
    if status == 401:
        raise RejectedCredentialsError(manifest.rejected.message, hint=manifest.rejected.hint)
    if status == 403:
        raise ForbiddenError(f"{said}, forbidden", **where)
    if status in {404, 410} and _is_json(headers):
        raise NotFoundError(f"{said}, not found", **where)
    if status >= 500 or status == 408:
        raise UnavailableError(said, **where)
    if 300 <= status < 400:
        raise ProtocolError(f"{said}, a redirect, so it is not the API", **where)
    if status >= 400:
        raise ProtocolError(said, **where)
    if not _is_json(headers):
        raise ProtocolError(f"{said} with something else than JSON, so it is not the API", **where)


def _is_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of Retry-After; None when it is absent or cannot be read."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def parse(path: str, model: type[W], body: bytes) -> W:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _shape(path, error) from None


def parse_page(path: str, listing: type[Listing[R]], body: bytes, *, number: int) -> Page[R]:
    """The page in this body. A row that does not validate is rejected alone, not with its page."""
    try:
        answer = listing.model_validate_json(body)
    except ValidationError as error:
        answer, rejected = _without_bad_rows(path, listing, body, error)
    else:
        rejected = ()
    return Page(
        number=number,
        rows=tuple(answer.rows),
        ids=tuple(row.id for row in answer.rows),
        announced=answer.announced,
        promised=listing.announced is not Listing.announced,
        rejected=rejected,
    )


def _without_bad_rows(
    path: str, listing: type[Listing[R]], body: bytes, error: ValidationError
) -> tuple[Listing[R], tuple[Rejection, ...]]:
    # The slow path, for pages with a bad row only: undeclared keys become Python values here, and end here.
    key = listing.model_fields["rows"].alias or "rows"
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    bad = {problem["loc"][1] for problem in problems if len(problem["loc"]) > 1 and problem["loc"][0] == key}
    if not bad or any(len(problem["loc"]) < 2 or problem["loc"][0] != key for problem in problems):
        raise _shape(path, error) from None
    raw = from_json(body)
    rows, row_type = raw[key], _row_type(listing)
    rejected: dict[int, Rejection] = {}
    for index in sorted(index for index in bad if isinstance(index, int)):
        try:
            row_type.model_validate(rows[index])
        except ValidationError as problem:
            rejected[index] = rejection(_id_of(rows[index]), problem)
    # Whatever does not fail again is kept: a row is either used or counted as rejected.
    raw[key] = [row for index, row in enumerate(rows) if index not in rejected]
    try:
        answer = listing.model_validate(raw)
    except ValidationError as problem:
        raise _shape(path, problem) from None
    return answer, tuple(rejected.values())


def _id_of(row: object) -> str | None:
    """The row's id, if it is fit to be shown."""
    try:
        return Row.model_validate(row).id
    except ValidationError:
        return None


def _row_type(listing: type[Listing[R]]) -> type[R]:
    annotation = listing.model_fields["rows"].annotation
    row_type: type[R] = annotation.__args__[0]  # type: ignore[union-attr]
    return row_type


def _shape(path: str, error: ValidationError) -> MalformedError:
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the answer"
    return MalformedError(f"GET {path}: {where} is not as the API promises ({problem['type']})", path=path)

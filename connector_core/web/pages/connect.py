"""Adding an integration and connecting it again: form, check, review, save."""

from dataclasses import replace
from typing import NoReturn

from aiohttp import web

from connector_core.errors import ConnectorCoreError, OtherTenantError
from connector_core.operator_pages import fields_of_ways, ways_in_words
from connector_core.sdk.connector import AnyConnector
from connector_core.settings import Role
from connector_core.store import Integration
from connector_core.web.access import needs
from connector_core.web.catalogue import find_connector
from connector_core.web.connecting import (
    NAME,
    PREFIX,
    FieldProblem,
    Fields,
    Typed,
    by_field,
    existing_integration,
    field_problem,
    key_of,
    may_keep,
    name_problem,
    permission_in_words,
    problem_beside,
    problems_in,
    public_fields,
    review,
    secret_fields,
    suggested_name,
    taken_problem,
    typed_in,
)
from connector_core.web.done import done
from connector_core.web.draft_requests import callback_of, draft_of, owner_of, posted_in
from connector_core.web.drafts import Draft
from connector_core.web.errors import MissingError
from connector_core.web.failures import Problem, problem_of
from connector_core.web.rendering import field_in_words, render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()


# ---- the form


@routes.get("/settings/integrations/{connector}/connect")
@needs(Role.ADMINISTRATOR)
async def new_form(request: web.Request) -> web.Response:
    """Show the form of a new integration; with a draft, filled in as it was."""
    connector = find_connector(host_of(request).registry, request.match_info["connector"])
    draft = draft_of(request, request.query.get("draft", ""), connector)
    typed = Typed(draft.name, draft.fields) if draft else Typed("", {})
    return _form(request, connector, typed, draft_key=request.query.get("draft", "") if draft else "")


@routes.get("/integrations/{name}/connect")
@needs(Role.ADMINISTRATOR)
async def form_again(request: web.Request) -> web.Response:
    """Show the form of an integration that exists. Its secrets are never shown, so they are typed again."""
    existing, connector = await _existing(request)
    draft = draft_of(request, request.query.get("draft", ""), connector)
    typed = Typed(existing.name, draft.fields if draft else existing.fields)
    key = request.query.get("draft", "") if draft else ""
    return _form(request, connector, typed, draft_key=key, existing=existing)


@routes.post("/settings/integrations/{connector}/fields/{field}")
@needs(Role.ADMINISTRATOR)
async def check_field(request: web.Request) -> web.Response:
    """Say what is wrong with a field while it is typed. Secrets never come here."""
    host = host_of(request)
    connector = find_connector(host.registry, request.match_info["connector"])
    posted, wanted = await posted_in(request), request.match_info["field"]
    if wanted == NAME:
        name = posted.get(NAME, "").strip()
        problem = (name_problem(name) or await taken_problem(host, connector.manifest.name, name)) if name else None
        return render(request, "parts/field_news.html", key=NAME, problem=problem, suggested="")
    form = {one.name: one for one in connector.credentials_type.form() if not one.secret}
    one = form.get(wanted.removeprefix(PREFIX))
    if one is None:
        raise MissingError("There is no such field.")
    value = posted.get(wanted, "")
    problem = field_problem(connector, one, value) if value else None
    suggested = (
        suggested_name(connector, {one.name: value}) if value and not problem and not posted.get(NAME, "x") else ""
    )
    return render(request, "parts/field_news.html", key=wanted, problem=problem, suggested=suggested)


# ---- the check


@routes.post("/settings/integrations/{connector}/connect")
@needs(Role.ADMINISTRATOR)
async def check_new(request: web.Request) -> web.Response:
    """Check the credentials of a new integration, and go on to their review. Nothing is saved."""
    connector = find_connector(host_of(request).registry, request.match_info["connector"])
    return await _check(request, connector, None)


@routes.post("/integrations/{name}/connect")
@needs(Role.ADMINISTRATOR)
async def check_again(request: web.Request) -> web.Response:
    """Check new credentials of an integration, and go on to their review. Nothing is saved."""
    existing, connector = await _existing(request)
    return await _check(request, connector, existing)


async def _check(request: web.Request, connector: type[AnyConnector], existing: Integration | None) -> web.Response:
    posted, name, host = await posted_in(request), connector.manifest.name, host_of(request)
    draft = draft_of(request, posted.get("draft", ""), connector)
    kept = secret_fields(draft.fields) if draft else {}
    typed = typed_in(connector, posted, name=existing.name if existing else "", kept=kept)
    problems = problems_in(connector, typed)
    if not existing and (taken := await taken_problem(host, name, typed.name)):
        problems.append(taken)
    if problems:
        return await _refused(request, connector, typed, existing, problems)
    drafts = site_of(request).drafts
    try:
        signing_in = await host.sign_in(name, typed.name, typed.fields, redirect_uri=callback_of(request))
        report = None if signing_in else await host.examine(name, typed.name, typed.fields)
    except ConnectorCoreError as error:
        beside = problem_beside(connector, error)
        keep = may_keep(error, beside, connector)
        if beside:
            return await _refused(request, connector, typed, existing, [beside], keep=keep)
        return await _refused(
            request, connector, typed, existing, [], failed=_with_advice(problem_of(error), keep=keep), keep=keep
        )
    drafts.drop(posted.get("draft", ""))
    key = drafts.add(owner_of(request), name, typed.name, typed.fields, report, sign_in=signing_in)
    raise web.HTTPSeeOther(f"/settings/integrations/{name}/drafts/{key}{'/sign-in' if signing_in else ''}")


async def _refused(
    request: web.Request,
    connector: type[AnyConnector],
    typed: Typed,
    existing: Integration | None,
    problems: list[FieldProblem],
    *,
    failed: Problem | None = None,
    keep: bool = True,
) -> web.Response:
    """Show the form again. Secrets that may be right are kept here, so that they need not be typed again."""
    wrong = {one.key for one in problems}
    fields: Fields = {
        name: value
        for name, value in typed.fields.items()
        if name not in secret_fields(typed.fields) or (keep and key_of(name) not in wrong)
    }
    key = ""
    if secret_fields(fields):
        key = site_of(request).drafts.add(owner_of(request), connector.manifest.name, typed.name, fields, None)
    status = failed.status if failed else 422
    # A name that was made of the company's is made anew: the company may have been the wrong one.
    is_chosen = existing or (await posted_in(request)).get(NAME, "").strip() or NAME in wrong
    again = Typed(typed.name if is_chosen else "", fields)
    return _form(
        request, connector, again, draft_key=key, existing=existing, problems=problems, failed=failed, status=status
    )


def _with_advice(problem: Problem, *, keep: bool) -> Problem:
    """Return a problem that says what to do, as an answer of the provider alone does not."""
    kept = "what you have typed is kept for a quarter of an hour" if keep else "type the secrets again"
    return replace(problem, hint=problem.hint or f"Nothing was saved. Try again later: {kept}.")


# ---- the review


@routes.get("/settings/integrations/{connector}/drafts/{draft}")
@needs(Role.ADMINISTRATOR)
async def show_review(request: web.Request) -> web.Response:
    """Show what a check has found: the account, each kind's permission, and the cost of a full scan."""
    connector = find_connector(host_of(request).registry, request.match_info["connector"])
    return await _review(request, connector, await _checked(request, connector))


@routes.post("/settings/integrations/{connector}/drafts/{draft}")
@needs(Role.ADMINISTRATOR)
async def save(request: web.Request) -> web.Response:
    """Save the credentials of a review. They are checked once more: they may have been revoked in between."""
    host = host_of(request)
    connector = find_connector(host.registry, request.match_info["connector"])
    draft, posted = await _checked(request, connector), await posted_in(request)
    existing = await existing_integration(host, draft.name)
    try:
        moves = posted.get("change_tenant") == "yes"
        await host.connect(draft.connector, draft.name, draft.fields, tokens=draft.tokens, change_tenant=moves)
    except OtherTenantError:
        problem = Problem(422, OtherTenantError.code, "Nothing was saved: confirm the other company first.")
        return await _review(request, connector, draft, problem)
    except ConnectorCoreError as error:
        return await _review(request, connector, draft, problem_of(error))
    site_of(request).drafts.note_saved(request.match_info["draft"])
    raise done(f"/integrations/{draft.name}", "reconnected" if existing else "connected")


async def _review(
    request: web.Request, connector: type[AnyConnector], draft: Draft, problem: Problem | None = None
) -> web.Response:
    existing = await existing_integration(host_of(request), draft.name)
    if draft.report is None:
        _expired(connector)
    key = request.match_info["draft"]
    start = f"/integrations/{draft.name}" if existing else f"/settings/integrations/{connector.manifest.name}"
    return render(
        request,
        "review.html",
        status=problem.status if problem else 200,
        manifest=connector.manifest,
        name=draft.name,
        review=review(draft.report, existing),
        kinds=[(one, *permission_in_words(one), [*map(field_in_words, one.unread)]) for one in draft.report.probes],
        problem=problem,
        change=f"{start}/connect?draft={key}",
    )


# ---- inside


def _form(
    request: web.Request,
    connector: type[AnyConnector],
    typed: Typed,
    *,
    draft_key: str = "",
    existing: Integration | None = None,
    problems: list[FieldProblem] | None = None,
    failed: Problem | None = None,
    status: int = 200,
) -> web.Response:
    name = connector.manifest.name
    return render(
        request,
        "connect.html",
        status=status,
        manifest=connector.manifest,
        form=connector.credentials_type.form(),
        ways=ways_in_words(connector),
        alternative=fields_of_ways(connector),
        name=typed.name,
        values=public_fields(connector, typed.fields),
        kept=set(secret_fields(typed.fields)) if draft_key else set(),
        draft=draft_key,
        existing=existing,
        problems=by_field(problems or []),
        problem=failed,
        expired="expired" in request.query,
        action=f"/integrations/{existing.name}/connect" if existing else f"/settings/integrations/{name}/connect",
        back=f"/integrations/{existing.name}" if existing else f"/settings/integrations/{name}",
    )


async def _existing(request: web.Request) -> tuple[Integration, type[AnyConnector]]:
    """Return the integration of a request, and its connector."""
    host = host_of(request)
    existing = await host.store.integrations.get(request.match_info["name"])
    return existing, find_connector(host.registry, existing.connector)


async def _checked(request: web.Request, connector: type[AnyConnector]) -> Draft:
    """Return the draft in the address, which has passed its check; lead to the integration if it is saved already."""
    key = request.match_info["draft"]
    name, found = site_of(request).drafts.saved_as(key, owner_of(request)), draft_of(request, key, connector)
    if name and await existing_integration(host_of(request), name):
        raise done(f"/integrations/{name}", "already")
    if found is None or found.report is None:
        _expired(connector)
    return found


def _expired(connector: type[AnyConnector]) -> NoReturn:
    raise web.HTTPSeeOther(f"/settings/integrations/{connector.manifest.name}/connect?expired")

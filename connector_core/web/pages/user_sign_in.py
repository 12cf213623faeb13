"""The sign-in of a user at a provider, between the form of an integration and the review of its check."""

from aiohttp import web

from connector_core.errors import ConnectorCoreError
from connector_core.settings import Role
from connector_core.sign_in import SignIn
from connector_core.web.access import needs
from connector_core.web.catalogue import find_connector
from connector_core.web.connecting import existing_integration
from connector_core.web.draft_requests import CALLBACK, callback_of, owner_of, posted_in
from connector_core.web.drafts import Draft
from connector_core.web.failures import Problem, problem_of
from connector_core.web.rendering import render
from connector_core.web.site import host_of, site_of

routes = web.RouteTableDef()


@routes.get("/settings/integrations/{connector}/drafts/{draft}/sign-in")
@needs(Role.ADMINISTRATOR)
async def show(request: web.Request) -> web.Response:
    """Show the address at which a user signs in, and a field for the one that the user is sent back to."""
    key = request.match_info["draft"]
    draft, begun = _awaiting(request, key)
    return await _page(request, key, draft, begun)


@routes.post("/settings/integrations/{connector}/drafts/{draft}/sign-in")
@needs(Role.ADMINISTRATOR)
async def take_pasted(request: web.Request) -> web.Response:
    """Take the address that the user has pasted, and go on to the review of the check."""
    key = request.match_info["draft"]
    return await _go_on(request, key, (await posted_in(request)).get("answer", ""))


@routes.get(CALLBACK)
@needs(Role.ADMINISTRATOR)
async def take(request: web.Request) -> web.Response:
    """Take the answer of the provider, and go on to the review of the check."""
    key = site_of(request).drafts.awaiting(request.query.get("state", ""), owner_of(request))
    return await _go_on(request, key, f"?{request.query_string}")


async def _go_on(request: web.Request, key: str, answer: str) -> web.Response:
    """Check with the tokens that the answer leads to. After an error, a new sign-in begins with the same fields."""
    host, drafts, owner = host_of(request), site_of(request).drafts, owner_of(request)
    draft, awaited = _awaiting(request, key)
    name, fields = draft.name, draft.fields
    try:
        tokens = awaited.tokens(answer)
        report = await host.examine(draft.connector, name, fields, tokens=tokens)
    except ConnectorCoreError as error:
        begun = await host.sign_in(draft.connector, name, fields, redirect_uri=callback_of(request)) or awaited
        again = drafts.add(owner, draft.connector, name, fields, None, sign_in=begun)
        drafts.drop(key)
        return await _page(request, again, draft, begun, problem_of(error))
    checked = drafts.add(owner, draft.connector, name, fields, report, tokens=tokens)
    drafts.drop(key)
    raise web.HTTPSeeOther(f"/settings/integrations/{draft.connector}/drafts/{checked}")


def _awaiting(request: web.Request, key: str) -> tuple[Draft, SignIn]:
    """Return the draft, and its sign-in; lead to the form if there is none, or it is too old."""
    found = site_of(request).drafts.find(key, owner_of(request))
    if found is None or found.sign_in is None:
        connector = request.match_info.get("connector")
        form = f"/settings/integrations/{connector}/connect?expired" if connector else "/settings/catalogue"
        raise web.HTTPSeeOther(form)
    return found, found.sign_in


async def _page(
    request: web.Request, key: str, draft: Draft, begun: SignIn, problem: Problem | None = None
) -> web.Response:
    existing = await existing_integration(host_of(request), draft.name)
    start = f"/integrations/{draft.name}" if existing else f"/settings/integrations/{draft.connector}"
    return render(
        request,
        "user_sign_in.html",
        status=problem.status if problem else 200,
        manifest=find_connector(host_of(request).registry, draft.connector).manifest,
        name=draft.name,
        address=begun.address,
        redirect_uri=begun.redirect_uri,
        problem=problem,
        action=f"/settings/integrations/{draft.connector}/drafts/{key}/sign-in",
        change=f"{start}/connect?draft={key}",
    )

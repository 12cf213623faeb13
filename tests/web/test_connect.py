"""Adding an integration and connecting it again: form, check, review, save. No secret ever comes back."""

import re
from datetime import timedelta

import pytest
from aiohttp.web import Request
from pydantic import SecretStr

from connector_core.errors import RejectedCredentialsError, UnavailableError
from connector_core.web.connecting import NAME, Typed, problem_beside, problems_in, suggested_name, typed_in
from connector_core.web.drafts import Drafts
from connectors.hibob.connector import HiBob
from connectors.namely.connector import Namely
from connectors.namely.simulator import NamelySimulator
from world import Answer, StartWeb, Web

NEW = "/settings/integrations/namely/connect"
AGAIN = "/integrations/acme/connect"
CANARY = "canary-token-4711"


def form_of(site: Web, **changed: str) -> dict[str, str]:
    """The form as a user fills it in."""
    fields = {f"field.{name}": value for name, value in site.place.simulator.credentials.items()}
    typed = {NAME: "acme", **fields}
    return typed | {key if key in {NAME, "draft"} else f"field.{key}": value for key, value in changed.items()}


async def checked(site: Web, path: str = NEW, **changed: str) -> Answer:
    """The review that follows a check that has passed."""
    answer = await site.post(path, form_of(site, **changed))
    assert answer.status == 303, answer.text
    return await site.get(answer.location)


async def review_of(site: Web, path: str = NEW, **changed: str) -> str:
    answer = await site.post(path, form_of(site, **changed))
    assert answer.status == 303, answer.text
    return answer.location


async def names(site: Web) -> list[str]:
    return [one.name for one in await site.host.integrations()]


def problem_of(answer: Answer, field: str) -> str:
    """What is said beside a field, which must be marked as wrong and described by it."""
    identity = field.replace(".", "-")
    tag = re.search(rf'<input id="{identity}"[^>]*>', answer.html)
    assert tag is not None
    assert 'aria-invalid="true"' in tag[0]
    assert f"{identity}-news" in re.findall(r'aria-describedby="([^"]*)"', tag[0])[0].split()
    news = answer.html.partition(f'<div id="{identity}-news"')[2].partition(">")[2].partition("</div>")[0]
    return Answer(200, news, {}).text


# ---- the form


async def test_the_form_has_every_field_with_its_help_and_secrets_are_passwords(web: StartWeb) -> None:
    page = await (await web()).get("/settings/integrations/Namely/connect")
    assert page.status == 200
    for one in Namely.credentials_type.form():
        assert f'<label for="field-{one.name}">{one.title}' in page.html
        assert one.help in page.parts
        kind = "password" if one.secret else "text"
        assert f'id="field-{one.name}" name="field.{one.name}" type="{kind}" value=""' in page.html


@pytest.mark.parametrize("role", ["viewer", "approver"])
async def test_only_an_administrator_may_open_check_and_save(web: StartWeb, role: str) -> None:
    site = await web(role=role, connected=True)
    for path in (NEW, AGAIN, "/settings/integrations/namely/drafts/none"):
        assert (await site.get(path)).status == 403, path
        assert (await site.post(path, form_of(site))).status == 403, path
    field = "/settings/integrations/namely/fields/field.domain"
    assert (await site.post(field, {"field.domain": "x"})).status == 403
    assert await names(site) == ["acme"]


async def test_a_form_from_elsewhere_is_refused(web: StartWeb) -> None:
    site = await web()
    answer = await site.send("POST", NEW, None, form_of(site))
    assert answer.status == 403
    assert await names(site) == []


# ---- while it is typed


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("https://company.namely.com", "company.namely.com"),
        ("https://company.namely.com/", "company.namely.com"),
        ("Company.Namely.com", "company.namely.com"),
        ("company", "company.namely.com"),
        ("https://company.namely.com/people", "company.namely.com"),
        ("company.namely.com:8443", "company.namely.com"),
    ],
)
async def test_a_mistyped_domain_is_caught_while_typing_with_the_right_one_a_click_away(
    web: StartWeb, typed: str, suggestion: str
) -> None:
    site = await web()
    news = await site.post("/settings/integrations/namely/fields/field.domain", {"field.domain": typed})
    assert news.status == 200
    assert f'data-fill="field-domain" value="{suggestion}"' in news.html
    assert 'data-field="field-domain" data-invalid="true"' in news.html
    assert "<html" not in news.html


async def test_without_javascript_a_corrected_value_is_a_button_that_sends_it(web: StartWeb) -> None:
    site = await web()
    right = form_of(site)["field.domain"]
    pasted = form_of(site, domain=f"https://{right.upper()}:443/people?x=1")
    page = await site.post(NEW, pasted)
    assert page.status == 422
    button = f'<button class="quiet" name="use.field.domain" value="{right}">Connect with {right}'
    # After the form's own button, which the Enter key presses.
    assert button in page.html.partition("<button>Connect</button>\n<noscript>")[2]
    checked = await site.post(NEW, {**pasted, "use.field.domain": right})
    assert (checked.status, "/drafts/" in checked.location) == (303, True)


async def test_a_good_domain_is_not_marked_and_suggests_a_name(web: StartWeb) -> None:
    site = await web()
    fields = {"field.domain": "globex.namely.com", NAME: ""}
    news = await site.post("/settings/integrations/namely/fields/field.domain", fields)
    assert 'data-invalid="false"' in news.html
    assert 'data-fill="name" value="globex"' in news.html
    named = await site.post("/settings/integrations/namely/fields/field.domain", {**fields, NAME: "mine"})
    assert "data-fill" not in named.html


async def test_a_bad_name_and_a_taken_one_are_caught_while_typing(web: StartWeb) -> None:
    site = await web(connected=True)
    path = "/settings/integrations/namely/fields/name"
    bad = await site.post(path, {NAME: "Acme GmbH"})
    assert "'Acme GmbH' is not a valid integration name." in bad.text
    assert 'data-fill="name" value="acme-gmbh"' in bad.html
    assert "acme is connected already." in (await site.post(path, {NAME: "acme"})).text
    assert "field-problem" not in (await site.post(path, {NAME: "globex"})).html
    assert "field-problem" not in (await site.post(path, {NAME: ""})).html


@pytest.mark.parametrize("field", ["field.personal_access_token", "field.nothing", "personal_access_token"])
async def test_no_secret_is_checked_while_it_is_typed(web: StartWeb, field: str) -> None:
    site = await web()
    assert (await site.post(f"/settings/integrations/namely/fields/{field}", {field: CANARY})).status == 404
    page = await site.get(NEW)
    tag = re.search(r'<input id="field-personal_access_token".*?>', page.html, re.DOTALL)
    assert tag is not None
    assert "hx-" not in tag[0]


# ---- on the server


async def test_a_mistyped_domain_is_caught_on_the_server_too(web: StartWeb) -> None:
    site = await web()
    answer = await site.post(NEW, form_of(site, domain="https://company.namely.com"))
    assert answer.status == 422
    assert "Type company.namely.com, without https://" in problem_of(answer, "field.domain")
    assert 'data-fill="field-domain" value="company.namely.com"' in answer.html
    assert "Not connected: 1 field to correct." in answer.text
    assert await names(site) == []


async def test_every_wrong_field_is_named_at_once(web: StartWeb) -> None:
    site = await web()
    answer = await site.post(NEW, {NAME: "No!", "field.domain": "", "field.personal_access_token": ""})
    assert answer.status == 422
    assert "not a valid integration name" in problem_of(answer, "name")
    assert "Fill this in." in problem_of(answer, "field.domain")
    assert "Fill this in." in problem_of(answer, "field.personal_access_token")
    assert "Not connected: 3 fields to correct." in answer.text


async def test_a_wrong_domain_is_said_beside_the_domain_and_the_token_is_kept(web: StartWeb) -> None:
    site = await web()
    right = site.place.simulator.host
    site.place.simulator.host = "other.namely.com"
    answer = await site.post(NEW, form_of(site))
    assert "No Namely company answers at" in problem_of(answer, "field.domain")
    token = site.place.simulator.credentials["personal_access_token"]
    assert token not in answer.html
    assert "Leave it empty to use the one that you have typed already." in answer.text
    draft = re.findall(r'name="draft" value="([^"]+)"', answer.html)[0]
    site.place.simulator.host = right
    assert await review_of(site, personal_access_token="", draft=draft)


async def test_a_revoked_token_is_said_beside_the_token_with_the_causes_and_is_not_kept(web: StartWeb) -> None:
    site = await web()
    answer = await site.post(NEW, form_of(site, personal_access_token=CANARY))
    assert answer.status == 422
    said = problem_of(answer, "field.personal_access_token")
    assert said.startswith("Invalid access token provided.")
    assert "mistyped or has been revoked" in said
    assert CANARY not in answer.html
    assert 'name="draft"' not in answer.html
    assert site.place.simulator.credentials["domain"] in answer.html


async def test_a_provider_that_is_down_is_said_above_the_form_and_the_token_is_kept(web: StartWeb) -> None:
    site = await web()
    site.place.simulator.script("503")
    answer = await site.post(NEW, form_of(site))
    assert answer.status == 502
    assert 'class="problem" role="alert"' in answer.html
    assert "503" in answer.text
    assert "Nothing was saved. Try again later: what you have typed is kept" in answer.text
    assert 'name="draft"' in answer.html
    assert await names(site) == []


async def test_a_name_of_another_connector_is_said_beside_the_name(web: StartWeb) -> None:
    site = await web(connected=True)
    fields = {NAME: "acme", "field.service_user_id": "SERVICE-1", "field.token": CANARY}
    answer = await site.post("/settings/integrations/hibob/connect", fields)
    assert answer.status == 422
    assert "an integration acme already, of the connector namely" in problem_of(answer, "name")
    assert CANARY not in answer.html


async def test_a_name_that_is_connected_already_is_not_replaced(web: StartWeb) -> None:
    site = await web(connected=True)
    answer = await site.post(NEW, form_of(site))
    assert answer.status == 422
    assert "acme is connected already." in problem_of(answer, "name")


async def test_a_name_that_is_left_empty_is_made_of_the_domain(web: StartWeb) -> None:
    site = await web()
    review = await checked(site, name="")
    expected = site.place.simulator.credentials["domain"].partition(".")[0]
    assert f"Check of {expected}" in review.text


# ---- the review


async def test_connect_shows_account_permissions_and_cost_and_saves_nothing(web: StartWeb) -> None:
    site = await web()
    review = await checked(site)
    for said in (
        "Acme Widgets",
        "Everything may be read.",
        "Nothing is saved yet.",
        "60 rows announced",
        "under a minute",
    ):
        assert said in review.text, said
    assert site.place.simulator.credentials["personal_access_token"] not in review.html
    assert await names(site) == []


async def test_save_saves_from_the_draft_and_leads_to_the_integration(web: StartWeb) -> None:
    site = await web()
    review = await review_of(site)
    saved = await site.post(review)
    assert (saved.status, saved.location) == (303, "/integrations/acme?done=connected")
    (one,) = await site.host.integrations()
    assert (one.name, one.connector, one.account.name) == ("acme", "namely", "Acme Widgets")
    assert (await site.host.check("acme")).ok
    for again in (await site.get(review), await site.post(review)):
        assert again.location == "/integrations/acme?done=already"
    assert "This is saved already." in (await site.get(again.location)).text
    await site.host.remove("acme")
    assert (await site.get(review)).location == f"{NEW}?expired"


async def test_a_kind_that_may_not_be_read_says_what_to_grant_before_it_is_saved(web: StartWeb) -> None:
    site = await web(owner="no_groups")
    review = await checked(site)
    assert "Some kinds may not be read." in review.text
    assert "What to grant: Namely > Company > Access Roles" in review.text
    assert "Not visible to this token: departments" in review.text
    assert ">Save</button>" in review.html


class FailsByQuery(NamelySimulator):
    """Its faults are scripted by path and query, so that profiles may be read one by one and not listed."""

    def path_of(self, request: Request) -> str:
        return request.path_qs.removeprefix("/api/v1")


async def test_where_nothing_may_be_read_there_is_nothing_to_save(web: StartWeb) -> None:
    site = await web(simulator=FailsByQuery)
    site.place.simulator.script("403:/profiles?,403:/groups,403:/group_types")
    answer = await site.post(NEW, form_of(site))
    review = await site.get(answer.location)
    assert "nothing may be read" in review.text
    assert ">Save</button>" not in review.html
    refused = await site.post(answer.location)
    assert refused.status == 422
    assert await names(site) == []


async def test_change_goes_back_to_the_form_with_all_but_the_secret(web: StartWeb) -> None:
    site = await web()
    review = await checked(site)
    change = re.findall(r'href="([^"]+)">Change', review.html)[0]
    form = await site.get(change)
    credentials = site.place.simulator.credentials
    assert f'value="{credentials["domain"]}"' in form.html
    assert 'name="name" type="text" value="acme"' in form.html
    assert credentials["personal_access_token"] not in form.html


async def test_a_token_that_is_revoked_before_it_is_saved_is_not_saved(web: StartWeb) -> None:
    site = await web()
    review = await review_of(site)
    site.place.tenant.token = "another"
    answer = await site.post(review)
    assert answer.status == 422
    assert "Invalid access token provided." in answer.text
    assert await names(site) == []


async def test_a_draft_belongs_to_one_session(web: StartWeb) -> None:
    site = await web()
    review = await review_of(site)
    await site.post("/sign-out")
    await site.sign_in()
    assert (await site.get(review)).location == f"{NEW}?expired"
    assert (await site.post(review)).location == f"{NEW}?expired"
    assert await names(site) == []


async def test_a_draft_of_another_connector_is_none(web: StartWeb) -> None:
    site = await web()
    review = await review_of(site)
    other = review.replace("/namely/", "/hibob/")
    assert (await site.get(other)).location == "/settings/integrations/hibob/connect?expired"


async def test_an_expired_check_says_so_above_the_form(web: StartWeb) -> None:
    page = await (await web()).get(f"{NEW}?expired")
    assert "older than a quarter of an hour" in page.text


# ---- again


async def test_the_form_again_has_the_fields_and_no_secret(web: StartWeb) -> None:
    site = await web(connected=True)
    page = await site.get(AGAIN)
    credentials = site.place.simulator.credentials
    assert f'value="{credentials["domain"]}"' in page.html
    assert 'name="name"' not in page.html
    assert credentials["personal_access_token"] not in page.html
    assert (await site.get("/integrations/nothing/connect")).status == 404


async def test_a_new_token_keeps_name_and_data(web: StartWeb) -> None:
    site = await web(scanned=True)
    before = await site.host.count_entities("acme")
    site.place.tenant.token = "a-new-token"
    review = await review_of(site, AGAIN, personal_access_token="a-new-token")
    assert "Replaces the credentials of acme (Acme Widgets)" in (await site.get(review)).text
    assert (await site.post(review)).location == "/integrations/acme?done=reconnected"
    assert await names(site) == ["acme"]
    assert await site.host.count_entities("acme") == before
    assert (await site.host.check("acme")).ok


async def test_the_name_of_an_integration_that_exists_cannot_be_changed(web: StartWeb) -> None:
    site = await web(connected=True)
    review = await checked(site, AGAIN, name="globex")
    assert "Check of acme" in review.text


async def test_another_company_is_saved_only_when_it_is_confirmed(web: StartWeb) -> None:
    site = await web(connected=True)
    site.place.execute("UPDATE integrations SET tenant = 'globex'")
    review = await review_of(site, AGAIN)
    page = await site.get(review)
    assert "acme holds the people of globex" in page.text
    assert 'name="change_tenant" value="yes" required' in page.html
    refused = await site.post(review)
    assert refused.status == 422
    assert "confirm the other company first" in refused.text
    assert (await site.host.integrations())[0].account.tenant == "globex"
    assert (await site.post(review, {"change_tenant": "yes"})).location == "/integrations/acme?done=reconnected"
    assert (await site.host.integrations())[0].account.tenant != "globex"


# ---- judgements


def test_a_secret_is_typed_without_the_space_around_it_or_kept() -> None:
    posted = {"field.domain": "acme.namely.com", "field.personal_access_token": f" {CANARY}\n"}
    typed = typed_in(Namely, posted, kept={})
    assert typed.fields["personal_access_token"] == SecretStr(CANARY)
    assert CANARY not in repr(typed)
    kept = typed_in(Namely, posted | {"field.personal_access_token": ""}, kept=typed.fields)
    assert kept.fields == typed.fields


def test_a_name_is_suggested_from_the_domain_or_else_the_connector() -> None:
    assert suggested_name(Namely, {"domain": "acme.namely.com"}) == "acme"
    assert suggested_name(HiBob, {"service_user_id": "SERVICE-1"}) == "hibob"


def test_a_rejection_is_beside_the_only_field_that_can_be_wrong() -> None:
    rejected = RejectedCredentialsError("no")
    beside = problem_beside(Namely, rejected)
    assert beside is not None
    assert beside.key == "field.personal_access_token"
    # The user or the token may be wrong.
    assert problem_beside(HiBob, rejected) is None
    assert problem_beside(Namely, UnavailableError("down", call=None)) is None


def test_good_fields_have_no_problem() -> None:
    typed = Typed("acme", {"domain": "acme.namely.com", "personal_access_token": SecretStr("t")})
    assert problems_in(Namely, typed) == []


def test_a_draft_without_a_report_is_kept_like_any_other() -> None:
    time = [0.0]
    drafts = Drafts(clock=lambda: time[0])
    key = drafts.add("riley", "namely", "acme", {"t": SecretStr(CANARY)}, None)
    found = drafts.find(key, "riley")
    assert found is not None
    assert CANARY not in repr(found)
    assert drafts.find(key, "sam") is None
    time[0] = timedelta(minutes=15).total_seconds()
    assert drafts.find(key, "riley") is None

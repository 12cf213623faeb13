"""Connecting an integration for which a user signs in, in the web host."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from connector_core import Verdict
from connector_core.host import Host
from connector_core.plugins import registry_of
from oauth_world import Provider, provided
from planted.signing_in import Behaviour, SignsIn
from web_host import client, served_web, web_settings

FORM = "/settings/integrations/example/connect"


@dataclass
class Page:
    status: int
    html: str
    url: str

    @property
    def address(self) -> str:
        """The address at which the user signs in."""
        found = re.search(r'href="(https://acme\.hr\.example/[^"]*)"', self.html)
        assert found
        return unescape(found[1])

    @property
    def action(self) -> str:
        found = re.search(r'<form method="post" action="([^"]*)" data-busy', self.html)
        return found[1] if found else urlsplit(self.url).path


@dataclass
class Site:
    provider: Provider
    host: Host
    root: str
    session: aiohttp.ClientSession
    key: str

    async def get(self, path: str) -> Page:
        async with self.session.get(path if path.startswith("http") else f"{self.root}{path}") as answer:
            return Page(answer.status, await answer.text(), str(answer.url))

    async def post(self, path: str, **fields: str) -> Page:
        async with self.session.post(f"{self.root}{path}", data={"form_key": self.key, **fields}) as answer:
            return Page(answer.status, await answer.text(), str(answer.url))

    async def begin(self) -> Page:
        """Fill in the form; return the page with the address."""
        fields = {f"field.{name}": value for name, value in self.provider.simulator.credentials.items()}
        return await self.post(FORM, name="acme", **fields)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with provided(tmp_path, Behaviour(rotation="at_once"), people=30) as provider:
        settings = provider.settings.model_copy(update={"web": web_settings()})
        async with (
            Host(settings, registry=registry_of(SignsIn)) as host,
            served_web(host) as served,
            client() as session,
        ):
            yield Site(provider, host, served.address, session, await served.signed_in(session))


async def test_the_user_is_sent_back_to_the_web_host_and_the_integration_works_afterwards(site: Site) -> None:
    page = await site.begin()
    assert page.status == 200
    assert parse_qs(urlsplit(page.address).query)["redirect_uri"] == [f"{site.root}/settings/signed-in"]
    review = await site.get(await site.provider.answer_at(page.address))
    assert "Everything may be read." in review.html
    assert "code=" not in review.url
    site.provider.simulator.revoke()
    saved = await site.post(review.action)
    assert urlsplit(saved.url).path == "/integrations/acme"
    site.provider.simulator.revoke()
    assert (await site.host.run("acme")).verdict is Verdict.COMPLETE
    assert site.provider.simulator.oauth.counts == {"authorization_code": 1, "refresh_token": 2}


async def test_the_address_may_be_pasted(site: Site) -> None:
    page = await site.begin()
    review = await site.post(page.action, answer=await site.provider.answer_at(page.address))
    assert "Everything may be read." in review.html


async def test_after_a_refusal_the_user_can_sign_in_again(site: Site) -> None:
    page = await site.begin()
    site.provider.simulator.oauth.denies = True
    refused = await site.get(await site.provider.answer_at(page.address))
    assert refused.status == 422
    assert "Example HR has refused the sign-in (access_denied)." in unescape(refused.html)
    assert refused.address != page.address
    site.provider.simulator.oauth.denies = False
    review = await site.get(await site.provider.answer_at(refused.address))
    assert "Everything may be read." in review.html


async def test_an_answer_with_another_state_or_in_another_session_leads_nowhere(site: Site) -> None:
    page = await site.begin()
    answer = await site.provider.answer_at(page.address)
    wrong = await site.get(answer.replace("state=", "state=x"))
    assert urlsplit(wrong.url).path == "/settings/catalogue"
    async with client() as other, other.get(answer) as unknown:
        assert urlsplit(str(unknown.url)).path == "/sign-in"
    assert site.provider.simulator.oauth.counts == {}


async def test_no_secret_of_the_sign_in_is_in_any_page(site: Site) -> None:
    page = await site.begin()
    review = await site.get(await site.provider.answer_at(page.address))
    saved = await site.post(review.action)
    secrets = {*site.provider.simulator.issued, site.provider.simulator.credentials["client_secret"]}
    assert not [one for one in secrets for shown in (page, review, saved) if one in shown.html + shown.url]

"""The form of a connector with several ways to authenticate, choices, and a key of several lines."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from connector_core.host import Host
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, Settings
from connector_core.testing import environment, new_rsa_key, serve
from planted.ways import BASE, TOKEN, Anywhere, AnywhereSimulator, key
from web_host import TOKEN as SIGN_IN
from web_host import served_web, web_settings
from world import Place, Web

PAGE = "/settings/integrations/anywhere"
NEW = f"{PAGE}/connect"
BY_KEY = {"name": "acme", "field.base_url": BASE, "field.client_id": "app-1", "field.private_key": key()}
SAID = "Fill in API token, or Client id and Private key."


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Web]:
    """A web host whose only connector is the planted one."""
    simulator = AnywhereSimulator(12, 1)
    async with serve(simulator) as served:
        settings = Settings(
            host=HostSettings(store=tmp_path / "people.sqlite", key_file=tmp_path / "key", resolve=served.resolve),
            web=web_settings(),
        )
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            async with (
                Host(settings, registry=registry_of(Anywhere)) as host,
                served_web(host) as web,
                ClientSession(cookie_jar=CookieJar(unsafe=True)) as client,
            ):
                made = Web(Place(served, host, settings), host, web.address, SIGN_IN, client)
                assert (await made.sign_in()).status == 303
                yield made


async def test_a_choice_is_a_list_and_a_key_a_text_of_several_lines(site: Web) -> None:
    page = await site.get(NEW)
    assert SAID in page.text
    select = re.search(r'<select id="field-region" name="field.region".*?</select>', page.html, re.DOTALL)
    assert select is not None
    assert re.findall(r"<option( selected)?>(\w+)</option>", select[0]) == [("", "eu"), ("", "us")]
    area = re.search(
        r'<textarea id="field-private_key" name="field.private_key"[^>]*>(.*?)</textarea>', page.html, re.DOTALL
    )
    assert area is not None
    assert area[1].strip() == ""
    assert "hx-" not in area[0]
    assert "required" not in area[0]
    # One of the ways has to be filled in, so none of their fields is called optional.
    assert re.findall(r"(\w+)\s+\(optional\)", page.text) == ["Name"]


async def test_a_key_connects_as_a_browser_sends_it(site: Web) -> None:
    sent = {**BY_KEY, "field.region": "us", "field.api_token": "", "field.private_key": key().replace("\n", "\r\n")}
    checked = await site.post(NEW, sent)
    assert checked.status == 303, checked.text
    saved = await site.post(checked.location)
    assert saved.location == "/integrations/acme?done=connected"
    (one,) = await site.host.integrations()
    assert dict(one.fields) == {"base_url": BASE, "region": "us", "client_id": "app-1"}
    assert (await site.host.check("acme")).ok
    again = await site.get("/integrations/acme/connect")
    assert "<option selected>us</option>" in again.html
    assert not any(line in again.html for line in key().splitlines())


@pytest.mark.parametrize(
    ("changed", "said", "beside"),
    [
        ({"field.private_key": ""}, "Missing: Private key.", ["private_key"]),
        ({"field.client_id": "", "field.private_key": ""}, "", ["api_token"]),
        ({"field.api_token": TOKEN}, "cannot be used beside API token.", ["api_token", "client_id", "private_key"]),
    ],
    ids=["a part of one", "none", "two"],
)
async def test_anything_but_one_way_is_refused_beside_the_fields_to_correct(
    site: Web, changed: dict[str, str], said: str, beside: list[str]
) -> None:
    answer = await site.post(NEW, {**BY_KEY, **changed})
    assert answer.status == 422
    assert f"{len(beside)} field" in answer.text
    invalid = re.findall(r'<(?:input|textarea) id="field-(\w+)"[^>]*aria-invalid="true"', answer.html)
    assert invalid == beside
    assert said in answer.text
    assert answer.text.count(SAID) >= 2
    assert site.place.served.simulator.requests == []


async def test_after_two_ways_were_typed_either_of_them_can_be_left_out(site: Web) -> None:
    answer = await site.post(NEW, {**BY_KEY, "field.api_token": TOKEN})
    kept = re.findall(r'name="draft" value="([^"]+)"', answer.html)
    again = await site.post(NEW, {**BY_KEY, "field.api_token": "", **({"draft": kept[0]} if kept else {})})
    assert again.status == 303


@pytest.mark.parametrize("wrong", [key()[:-40], "no key"])
async def test_a_key_that_is_not_whole_is_refused_and_never_sent_back(site: Web, wrong: str) -> None:
    answer = await site.post(NEW, {**BY_KEY, "field.private_key": wrong})
    assert answer.status == 422
    assert "Is not a private key in PEM: copy all of it" in answer.text
    assert not any(line in answer.html for line in wrong.splitlines())


async def test_a_key_that_the_provider_does_not_know_is_rejected_and_not_kept(site: Web) -> None:
    other = new_rsa_key()
    answer = await site.post(NEW, {**BY_KEY, "field.private_key": other})
    assert answer.status == 422
    assert "Anywhere HR rejected the credentials." in answer.text
    assert 'name="draft"' not in answer.html
    assert not any(line in answer.html for line in other.splitlines())


async def test_a_choice_that_does_not_exist_is_refused(site: Web) -> None:
    answer = await site.post(NEW, {**BY_KEY, "field.region": "asia"})
    assert answer.status == 422
    assert "Should be 'eu' or 'us'." in answer.text


async def test_the_connectors_page_says_which_ways_and_hosts_there_are(site: Web) -> None:
    page = await site.get(PAGE)
    assert "Reaches only the host of the Base URL" in " ".join(page.text.split())
    assert SAID in page.text
    assert "API · API key or Client credentials" in page.text
    assert "One of <code>eu</code>, <code>us</code>." in page.html


async def test_the_json_api_tells_ways_choices_and_lines(site: Web) -> None:
    async with site.client.get(f"{site.address}/api/v1/connectors/anywhere") as response:
        shown = await response.json()
    assert shown["hosts"] == ["the host of the Base URL"]
    assert shown["ways"] == [["api_token"], ["client_id", "private_key"]]
    fields = {one["name"]: one for one in shown["fields"]}
    assert (fields["region"]["choices"], fields["region"]["required"]) == (["eu", "us"], False)
    assert {name for name, one in fields.items() if one["lines"]} == {"private_key"}

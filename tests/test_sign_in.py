"""A user's sign-in: with a browser of this machine, by pasting, and all the ways in which it goes wrong."""

import asyncio
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connector_core.errors import (
    ConnectorCoreError,
    InvalidCredentialsError,
    ProtocolError,
    RejectedCredentialsError,
)
from connector_core.sign_in import SignIn
from installed import Folder
from oauth_world import REDIRECT, Provider, provided
from planted.signing_in import Behaviour
from terminal import Terminal
from world import DISCOVER

BROWSER = """#!{python}
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile={ca!r})
context.check_hostname = False
address = sys.argv[1].replace("https://acme.hr.example/", "https://127.0.0.1:{port}/")
print(urllib.request.build_opener(urllib.request.HTTPSHandler(context=context)).open(address).read().decode())
"""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with provided(tmp_path, Behaviour(), people=30) as provider:
        yield provider


async def begin(provider: Provider) -> SignIn:
    async with provider.host() as host:
        begun = await host.sign_in("example", "acme", provider.simulator.credentials, redirect_uri=REDIRECT)
    assert begun
    return begun


async def connect(provider: Provider, begun: SignIn, answer: str) -> None:
    async with provider.host() as host:
        await host.connect("example", "acme", provider.simulator.credentials, tokens=begun.tokens(answer))


# ---- the address, and what comes back


async def test_the_address_asks_for_a_code_with_pkce_and_a_state_of_its_own(provider: Provider) -> None:
    one, other = [parse_qs(urlsplit((await begin(provider)).address).query) for _ in range(2)]
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {"state", "code_challenge"}
    assert (one["response_type"], one["client_id"], one["redirect_uri"]) == (["code"], ["example-client"], [REDIRECT])
    assert (one["scope"], one["code_challenge_method"]) == (["people.read offline"], ["S256"])


@pytest.mark.parametrize("form", ["address", "query", "code"])
async def test_the_address_its_query_or_the_code_alone_connects_and_later_runs_work(
    provider: Provider, form: str
) -> None:
    begun = await begin(provider)
    address = await provider.answer_at(begun.address)
    query = urlsplit(address).query
    answers = {"address": f"  {address}\n", "query": f"?{query}", "code": parse_qs(query)["code"][0]}
    await connect(provider, begun, answers[form])
    assert provider.simulator.oauth.counts == {"authorization_code": 1}
    provider.simulator.revoke()
    async with provider.host() as host:
        await host.run("acme")
    assert provider.simulator.oauth.counts == {"authorization_code": 1, "refresh_token": 1}


async def test_examining_first_and_connecting_later_uses_the_code_once(provider: Provider) -> None:
    begun = await begin(provider)
    tokens = begun.tokens(await provider.answer_at(begun.address))
    async with provider.host() as host:
        await host.examine("example", "acme", provider.simulator.credentials, tokens=tokens)
        provider.simulator.revoke()
        await host.connect("example", "acme", provider.simulator.credentials, tokens=tokens)
        await host.check("acme")
    assert provider.simulator.oauth.counts == {"authorization_code": 1, "refresh_token": 1}


async def test_a_user_who_denies_access_is_told_so_in_one_sentence(provider: Provider) -> None:
    provider.simulator.oauth.denies = True
    begun = await begin(provider)
    with pytest.raises(RejectedCredentialsError) as refused:
        begun.tokens(await provider.answer_at(begun.address))
    assert refused.value.message == "Example HR has refused the sign-in (access_denied)."


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"state": "another"}, RejectedCredentialsError, "another sign-in"),
        ({"iss": "https://elsewhere.example"}, RejectedCredentialsError, "does not come from Example HR"),
        ({"code": ""}, InvalidCredentialsError, "no code"),
        ({"error": "quotes a person, P. Doe"}, RejectedCredentialsError, "has refused the sign-in."),
    ],
)
async def test_an_answer_that_is_not_as_awaited_is_refused(
    provider: Provider, changed: dict[str, str], error: type[ConnectorCoreError], said: str
) -> None:
    begun = await begin(provider)
    answer = {
        name: values[0] for name, values in parse_qs(urlsplit(await provider.answer_at(begun.address)).query).items()
    }
    with pytest.raises(error) as refused:
        begun.tokens(f"{REDIRECT}?{urlencode(answer | changed)}")
    assert said in refused.value.message
    assert "Doe" not in refused.value.message + refused.value.hint


async def test_a_code_that_is_used_twice_or_late_is_refused_with_advice(provider: Provider) -> None:
    begun = await begin(provider)
    answer = await provider.answer_at(begun.address)
    await connect(provider, begun, answer)
    with pytest.raises(RejectedCredentialsError, match="did not accept the code") as refused:
        await connect(provider, begun, answer)
    assert "Connect again" in refused.value.hint


async def test_without_a_refresh_token_nothing_is_saved(provider: Provider) -> None:
    provider.simulator.oauth.gives_refresh_tokens = False
    begun = await begin(provider)
    with pytest.raises(ProtocolError, match="no refresh token"):
        await connect(provider, begun, await provider.answer_at(begun.address))
    async with provider.host() as host:
        assert await host.integrations() == []


async def test_connecting_without_a_sign_in_says_what_is_missing(provider: Provider) -> None:
    async with provider.host() as host:
        with pytest.raises(InvalidCredentialsError, match="No user has signed in at Example HR"):
            await host.connect("example", "acme", provider.simulator.credentials)


async def test_no_secret_of_a_sign_in_is_in_its_text(provider: Provider) -> None:
    begun = await begin(provider)
    shown = repr(begun) + repr(begun.tokens(await provider.answer_at(begun.address)).latest)
    verifier, state = begun._verifier.get_secret_value(), begun._state.get_secret_value()
    assert not [one for one in (verifier, state, *provider.simulator.issued) if one in shown]


async def test_the_how_tos_program_connects(provider: Provider) -> None:
    text = (Path(__file__).parents[1] / "docs" / "howto" / "sign-in.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python title=.*?\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(program, "sign_in.py", "exec"), names)  # noqa: S102 - a program of this repository
    # What the reader of the how-to has to write.
    names["answer_at"] = provider.answer_at
    async with provider.host() as host:
        await names["connect"](host, "example", "acme", dict(provider.simulator.credentials), REDIRECT)
        await host.check("acme")


# ---- the command line


@pytest.fixture
def command(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a command that connects to the provider, in a folder where the connector is allowed."""
    folder = Folder(tmp_path / "installed")
    folder.path.mkdir()
    folder.add(
        """
        from connector_core import hookimpl
        from planted.signing_in import SignsIn

        @hookimpl
        def discovery_connectors():
            return [SignsIn]
        """,
        name="example",
        distribution="example",
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder.path), str(Path(__file__).parent)]))
    resolve = "\n".join(f'"{host}" = "{to}"' for host, to in provider.served.resolve.items())
    (tmp_path / "plugins.toml").write_text(
        f'[host]\nstore = "{provider.store}"\n[host.resolve]\n{resolve}\n[plugins.example]\n'
    )
    monkeypatch.setenv("DISCOVER_CLIENT_SECRET", provider.simulator.credentials["client_secret"])
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    return [*"connect example --name acme --domain acme.hr.example --client-id example-client".split()]


def shown_address(text: str) -> str:
    return next(line for line in text.split() if line.startswith("https://acme.hr.example/oauth2/authorize?"))


def test_the_address_of_another_machines_browser_is_pasted_on_the_terminal(
    provider: Provider, command: list[str]
) -> None:
    terminal = Terminal(*command)
    terminal.wait_for("paste its")
    terminal.type("nonsense with spaces\n")
    terminal.wait_for("There is no code")
    terminal.type(asyncio.run(provider.answer_at(shown_address(terminal.seen))) + "\n")
    terminal.wait_for("acme (Acme) is connected.")
    assert terminal.end() == 0
    asyncio.run(provider.check())


def test_ctrl_c_ends_the_wait(command: list[str]) -> None:
    terminal = Terminal(*command)
    terminal.wait_for("paste its")
    assert terminal.interrupt() == 130


def test_without_a_terminal_the_answer_comes_to_the_port_and_only_with_the_right_state(
    provider: Provider, command: list[str]
) -> None:
    with subprocess.Popen([DISCOVER, *command], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        seen = ""
        while "back to" not in seen:
            seen += process.stderr.readline()
        answer = asyncio.run(provider.answer_at(shown_address(seen)))
        wrong = answer.replace("state=", "state=x")
        for address in (wrong, answer.replace("/callback", "/elsewhere")):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address)  # noqa: S310 - this machine's
            assert (refused.value.code, refused.value.read()) == (
                404,
                b"Nothing is awaited here. Go back to the terminal.\n",
            )
        with urllib.request.urlopen(answer) as page:  # noqa: S310 - this machine's
            assert page.read() == b"The sign-in is back at the command line. You can close this page.\n"
            assert page.headers["Cache-Control"] == "no-store"
        process.communicate(timeout=20)
        assert process.returncode == 0
    asyncio.run(provider.check())


def test_the_browser_of_this_machine_is_opened(
    provider: Provider, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        BROWSER.format(python=sys.executable, ca=str(provider.served.ca_file), port=provider.served.port)
    )
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    done = subprocess.run([DISCOVER, *command], capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False)
    assert (done.returncode, "acme (Acme) is connected." in done.stdout) == (0, True), done.stderr

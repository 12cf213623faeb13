"""A provider where a user signs in, and hosts that reach it: in this process, and in others."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from connector_core.host import Host
from connector_core.http import Tokens, tls_context
from connector_core.plugins import registry_of
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.stored_tokens import StoredTokens
from connector_core.testing import Served, environment
from planted.signing_in import Behaviour, SignInSimulator, SignsIn
from world import serve_in_thread

HTTP = HttpSettings(first_wait=0.01, tries=2, page_timeout=5.0)
REDIRECT = "http://127.0.0.1:4444/callback"


@dataclass
class Provider:
    """The served provider, the store, and the settings of hosts."""

    served: Served
    settings: Settings

    @property
    def simulator(self) -> SignInSimulator:
        assert isinstance(self.served.simulator, SignInSimulator)
        return self.served.simulator

    @property
    def store(self) -> Path:
        return self.settings.host.store

    @property
    def refreshes(self) -> int:
        return self.simulator.oauth.counts["refresh_token"]

    @asynccontextmanager
    async def host(self) -> AsyncIterator[Host]:
        async with Host(self.settings, registry=registry_of(SignsIn)) as host:
            yield host

    async def connect(self) -> None:
        """Connect acme, for a user who has signed in elsewhere."""
        token = SecretStr(self.simulator.oauth.consent("people.read offline"))
        async with self.host() as host:
            await host.connect("example", "acme", {**self.simulator.credentials, "refresh_token": token})

    async def check(self) -> None:
        async with self.host() as host:
            await host.check("acme")

    async def stored(self) -> Tokens:
        """Return the tokens that are stored now."""
        async with self.host() as host:
            tokens = host._tokens("acme", SignsIn)
            assert isinstance(tokens, StoredTokens)
            async with tokens.turn() as found:
                return found

    async def answer_at(self, address: str) -> str:
        """Return the address that the user's browser is sent back to."""
        sent_to = urlsplit(address)
        there = f"https://127.0.0.1:{self.served.port}{sent_to.path}?{sent_to.query}"
        async with (
            aiohttp.ClientSession() as session,
            session.get(there, ssl=tls_context(), server_hostname=sent_to.hostname, allow_redirects=False) as answer,
        ):
            return answer.headers["Location"]

    def code(self, work: str) -> tuple[str, str]:
        """Return imports and a line of code that does this with ``provider``, in another process."""
        values = {"store": str(self.store), "resolve": self.served.resolve}
        imports = f"import asyncio, sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport oauth_world\n"
        return imports + f"provider = oauth_world.elsewhere(**{values!r})", f"asyncio.run(provider.{work}())"


def elsewhere(store: str, resolve: dict[str, str]) -> Provider:
    """Return the provider as another process reaches it."""
    served = Served(SignInSimulator(0, 1), 0, Path())
    return Provider(served, Settings(host=HostSettings(store=Path(store), resolve=resolve, http=HTTP)))


@contextmanager
def provided(folder: Path, behaviour: Behaviour, people: int = 60) -> Iterator[Provider]:
    """Serve the provider by another thread."""
    with (
        serve_in_thread(SignInSimulator(people, 1, behaviour)) as served,
        environment({"SSL_CERT_FILE": str(served.ca_file), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}),
    ):
        settings = Settings(host=HostSettings(store=folder / "store.sqlite", resolve=served.resolve, http=HTTP))
        yield Provider(served, settings)


def now(work: object) -> None:
    """Run a coroutine to its end."""
    asyncio.run(work)  # type: ignore[arg-type]

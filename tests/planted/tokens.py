"""Example HR with tokens that the client fetches for itself: a connector that keeps every rule, and bad ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from aiohttp import web
from pydantic import Field

from connector_core import (
    Account,
    ClientCredentials,
    Connector,
    Credentials,
    RejectedCredentialsError,
    SecretStr,
    TenantDomain,
    Wire,
)
from connector_core.testing import Answer, AuthorizationServer, SimulatorOptions
from planted.example import Example
from planted.signing_in import SIGN_IN, SignsIn
from planted.simulator import ExampleSimulator

SCOPE, AUDIENCE = "people.read", "https://hr.example/api"


class TokenCredentials(Credentials):
    domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Your company's address.")
    client_id: str = Field(title="Client id", description="From Settings > Applications.")
    client_secret: SecretStr = Field(title="Client secret", description="From Settings > Applications.")


AUTH = ClientCredentials("/token", scope=SCOPE, audience=AUDIENCE)


class FetchesTokens(Example, Connector[TokenCredentials]):
    manifest = Example.manifest.model_copy(update={"auth": AUTH, "simulator": "planted.tokens"})


class TriesCredentialsTwice(FetchesTokens):
    """Takes a rejection for a failure that may pass."""

    async def check(self) -> Account:
        try:
            return await super().check()
        except RejectedCredentialsError:
            return await super().check()


class Token(Wire):
    access_token: str = ""


class FetchesATokenByHand(FetchesTokens):
    """Fetches a token of its own, without the scope."""

    async def check(self) -> Account:
        secret = self.credentials.secrets()["client_secret"].get_secret_value()
        await self.optional(self.api.post("/token", Token, body={"client_secret": secret}), "no_token")
        return await super().check()


class MistakesTheLifetime(FetchesTokens):
    """Looks for the lifetime under a wrong key, at a provider that answers 403 to a token that has expired."""

    manifest = Example.manifest.model_copy(
        update={"auth": replace(AUTH, lifetime="lifetime"), "simulator": "planted.forbidding"}
    )


class IsForbiddenWithARevokedToken(FetchesTokens):
    """Has a provider that answers 403 to a token that was revoked, as to a permission that is missing."""

    manifest = FetchesTokens.manifest.model_copy(update={"simulator": "planted.forbidding"})


class OverlooksTheRefreshToken(SignsIn):
    """Names a copy of the access token that has no refresh token beside it."""

    manifest = SignsIn.manifest.model_copy(
        update={"auth": replace(SIGN_IN, token="copy.access_token"), "simulator": "planted.copying"}
    )


class TokenSimulator(ExampleSimulator):
    credentials: Mapping[str, str] = {
        "domain": ExampleSimulator.host,
        "client_id": "example-client",
        "client_secret": "simulated-example-secret-71f3",
    }
    oauth: AuthorizationServer

    def __init__(self, people: int, seed: int) -> None:
        super().__init__(people, seed)
        self.oauth = AuthorizationServer(
            issuer=f"https://{self.host}",
            client_id=self.credentials["client_id"],
            client_secret=self.credentials["client_secret"],
            token_path="/v1/token",
            scopes=frozenset({SCOPE}),
            audience=AUDIENCE,
            issued=self.issued,
        )

    def answer(self, request: web.Request) -> Answer:
        return self.oauth.answer(request) or super().answer(request)

    def accepts(self, request: web.Request) -> bool:
        return self.oauth.accepts(request)


def simulator(options: SimulatorOptions) -> TokenSimulator:
    return TokenSimulator(options.people, options.seed)

"""Example HR where a user signs in: an authorization code, and refresh tokens that rotate. Keeps every rule."""

from collections.abc import Mapping
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from connector_core import (
    NOT_OBTAINED,
    AuthorizationCode,
    ClientSecret,
    Connector,
    Credentials,
    Obtained,
    SecretStr,
    TenantDomain,
)
from connector_core.testing import Answer, AuthorizationServer, SimulatorOptions, Switches
from planted.example import Example
from planted.simulator import ExampleSimulator

SCOPE = "people.read offline"


class SignInCredentials(Credentials):
    domain: Annotated[str, TenantDomain("hr.example")] = Field(title="Domain", description="Your company's address.")
    client_id: str = Field(title="Client id", description="From Settings > Applications.")
    client_secret: SecretStr = Field(title="Client secret", description="From Settings > Applications.")
    refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED


SIGN_IN = AuthorizationCode(
    authorize_url="https://{domain}/oauth2/authorize",
    token_url="https://{domain}/oauth2/token",
    client=ClientSecret(),
    scope=SCOPE,
)


class SignsIn(Example, Connector[SignInCredentials]):
    manifest = Example.manifest.model_copy(update={"auth": SIGN_IN, "simulator": "planted.signing_in"})


class Behaviour(Switches):
    rotation: Literal["on_use", "at_once", "none"] = "on_use"
    """When a refresh token ends: when its successor is used, when it is used itself, or never."""


class SignInSimulator(ExampleSimulator):
    credentials: Mapping[str, str] = {
        "domain": ExampleSimulator.host,
        "client_id": "example-client",
        "client_secret": "simulated-example-secret-52d1",
    }
    oauth: AuthorizationServer

    def __init__(self, people: int, seed: int, behaviour: Behaviour | None = None) -> None:
        super().__init__(people, seed)
        self.oauth = AuthorizationServer(
            issuer=f"https://{self.host}",
            client_id=self.credentials["client_id"],
            client_secret=self.credentials["client_secret"],
            scopes=frozenset(SCOPE.split()),
            rotation=(behaviour or Behaviour()).rotation,
            revokes_family=True,
            issued=self.issued,
        )

    def answer(self, request: web.Request) -> Answer:
        return self.oauth.answer(request) or super().answer(request)

    def accepts(self, request: web.Request) -> bool:
        return self.oauth.accepts(request)


def simulator(options: SimulatorOptions) -> SignInSimulator:
    return SignInSimulator(options.people, options.seed, Behaviour.parse(options.behaviour))

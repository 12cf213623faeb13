"""A connector of a provider that operators run themselves, with two ways to authenticate."""

from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field

from connector_core import (
    Advice,
    BaseUrl,
    ClientCredentials,
    Credentials,
    Header,
    Identifier,
    PrivateKey,
    PrivateKeyJwt,
    SecretStr,
)
from connector_core.testing import BODY, Answer, SimulatorOptions, json_answer, new_rsa_key
from planted.example import Example
from planted.simulator import JSON, ExampleSimulator

HOST = "people.acme.example"
BASE = f"https://{HOST}:8443/v1"
TOKEN = "canary-api-token-77aa"


class AnywhereCredentials(Credentials):
    base_url: Annotated[str, BaseUrl()] = Field(
        title="Base URL", description="The address of your server.", examples=["https://people.example.com/v1"]
    )
    region: Literal["eu", "us"] = Field("eu", title="Region", description="The region of your server.")
    api_token: SecretStr | None = Field(None, title="API token", description="From Settings > API.")
    client_id: Annotated[str, Identifier()] | None = Field(None, title="Client id", description="From Settings > Apps.")
    private_key: Annotated[SecretStr, PrivateKey()] | None = Field(
        None, title="Private key", description="That of the app, in PEM."
    )


class Anywhere(Example):
    credentials_type = AnywhereCredentials
    manifest = Example.manifest.model_copy(
        update={
            "name": "anywhere",
            "title": "Anywhere HR",
            "hosts": ("{base_url}",),
            "base_url": "{base_url}",
            "auth": Header("Authorization", "api_token", prefix="SSWS "),
            "auth_alternatives": (ClientCredentials("/token", client=PrivateKeyJwt(), scope="people.{region}"),),
            "rejected": Advice("Anywhere HR rejected the credentials.", (), "Make others."),
            "simulator": "planted.ways",
        }
    )


@cache
def key() -> str:
    """The private key of the app."""
    return new_rsa_key()


class AnywhereSimulator(ExampleSimulator):
    host = HOST
    credentials = {"base_url": BASE, "api_token": TOKEN}  # noqa: RUF012 - read only

    def __init__(self, people: int, seed: int) -> None:
        super().__init__(people, seed)
        self.other_credentials = ({"base_url": BASE, "client_id": "app-1", "private_key": key()},)
        self.forms: list[dict[str, str]] = []

    def accepts(self, request: web.Request) -> bool:
        sent = request.headers.get("Authorization", "")
        return sent == f"SSWS {TOKEN}" or sent.removeprefix("Bearer ") in self.issued

    def answer(self, request: web.Request) -> Answer:
        if self.path_of(request) == "/token":
            return self._token(dict(parse_qsl(request[BODY].decode(), strict_parsing=True)))
        return super().answer(request)

    def _token(self, form: dict[str, str]) -> Answer:
        self.forms.append(form)
        public: Any = load_pem_private_key(key().encode(), None).public_key()
        try:
            jwt.decode(form["client_assertion"], public, ["RS256"], audience=f"{BASE}/token", issuer="app-1")
        except (KeyError, jwt.InvalidTokenError):
            return json_answer({"error": "invalid_client"}, 401, JSON)
        token = f"canary-issued-{len(self.issued)}"
        self.issued.add(token)
        return json_answer({"access_token": token, "expires_in": 3600}, 200, JSON)


def simulator(options: SimulatorOptions) -> AnywhereSimulator:
    return AnywhereSimulator(options.people, options.seed)

"""Signatures: the header that says whose requests they are, fixed or with a token that is fetched and renewed."""

from collections.abc import Mapping
from typing import Protocol

import aiohttp
from multidict import CIMultiDict
from pydantic import SecretStr

from connector_core.http.auth.fixed import fixed
from connector_core.http.auth.proofs import Signed, signing_key
from connector_core.http.auth.tokens import Send, client_credentials
from connector_core.proxies import Proxy
from connector_core.sdk.authentication import AuthorizationCode, ClientCredentials, PrivateKeyJwt
from connector_core.sdk.credentials import Credentials
from connector_core.sdk.manifest import Manifest

__all__ = ["Send", "Signature", "Signed", "check_key", "signature", "signing"]


class Signature(Protocol):
    """The headers that sign a request."""

    async def headers(self) -> Signed: ...

    async def discard(self, rejected: Signed) -> bool:
        """Forget these headers, which were rejected. Return True if there may be others."""
        ...


def signature(manifest: Manifest, credentials: Credentials, send: Send) -> Signature:
    """Return the signature that the manifest declares, which is resolved. ``send`` fetches a token if one is needed."""
    auth, fields = manifest.auth, _as_secrets(credentials)
    if isinstance(auth, ClientCredentials):
        return client_credentials(auth, fields, manifest.base_url, send)
    if isinstance(auth, AuthorizationCode):
        raise NotImplementedError
    return fixed(auth, fields)


def check_key(manifest: Manifest, credentials: Credentials) -> None:
    """Raise InvalidCredentialsError if the key that signs assertions cannot do so."""
    client = getattr(manifest.auth, "client", None)
    if isinstance(client, PrivateKeyJwt):
        signing_key(client, _as_secrets(credentials))


def _as_secrets(credentials: Credentials) -> Mapping[str, SecretStr]:
    return {
        name: value if isinstance(value, SecretStr) else SecretStr(str(value))
        for name, value in vars(credentials).items()
        if value is not None
    }


def signing(signed: Signed, proxy: Proxy | None) -> aiohttp.ClientMiddlewareType:
    """Return a middleware that signs a request at the last moment: aiohttp's frames have its headers as locals.

    The proxy is sent its own credentials only, with the request for a tunnel.
    """

    async def sign(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update({name: value.get_secret_value() for name, value in signed.items()})
        if proxy and proxy.authorization:
            request.proxy_headers = CIMultiDict({"Proxy-Authorization": proxy.authorization.get_secret_value()})
        return await send(request)

    return sign

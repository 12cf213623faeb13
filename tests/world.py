"""The types that tests speak in: a simulated tenant with a host, and the outcome of a command."""

import json
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from connector_core import Credentials, Department, Employee, Manifest, Report
from connector_core.host import Host
from connector_core.http import HttpApi, open_session, tls_context
from connector_core.http.limits import Limits
from connector_core.outcomes import CheckReport
from connector_core.settings import HostSettings, HttpSettings, Settings
from connector_core.testing import Served, Simulator, environment, serve
from connectors.namely.simulator import Behaviour, NamelySimulator, Tenant

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "namely"
"""Recorded answers, where this checkout lies beside them."""
_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = tuple(sorted(_PROJECT["entry-points"]["connector_core"]))
"""The connectors of this distribution."""
DISCOVER = Path(sys.executable).with_name("discover")


@dataclass
class Place:
    """One simulated tenant and a host that may reach it."""

    served: Served
    host: Host
    settings: Settings

    @property
    def simulator(self) -> NamelySimulator:
        assert isinstance(self.served.simulator, NamelySimulator)
        return self.served.simulator

    @property
    def tenant(self) -> Tenant:
        assert isinstance(self.simulator.directory, Tenant)
        return self.simulator.directory

    async def connect(self, **changed: str) -> None:
        await self.host.connect("namely", "acme", {**self.served.simulator.credentials, **changed})

    async def connect_with_new_token(self) -> None:
        self.tenant.token = f"{self.tenant.token}-again"
        await self.connect(personal_access_token=self.tenant.token)

    def people(self) -> dict[str, Employee]:
        return {one.source_id: one for one in self.host.entities("acme", Employee)}


@dataclass
class Provider:
    """Any connector's simulator, and a host that may reach it."""

    name: str
    simulator: Any
    host: Host

    async def connect(self, **changed: str) -> CheckReport:
        return await self.host.connect(self.name, "acme", {**self.simulator.credentials, **changed})

    async def run(self, **more: Any) -> Report:
        return await self.host.run("acme", **more)

    def people(self) -> dict[str, Employee]:
        return {one.source_id: one for one in self.host.entities("acme", Employee)}

    def departments(self) -> dict[str, Department]:
        return {one.source_id: one for one in self.host.entities("acme", Department)}


class StartProvider(Protocol):
    async def __call__(self, name: str, people: int = ..., **behaviour: str) -> Provider: ...


class Start(Protocol):
    async def __call__(
        self,
        people: int = ...,
        *,
        simulator: Callable[[Tenant, Behaviour], Simulator] | None = ...,
        http: Mapping[str, Any] | None = ...,
        options: Mapping[str, Any] | None = ...,
        **behaviour: Any,
    ) -> Place: ...


@asynccontextmanager
async def reached(
    simulator: Simulator, manifest: Manifest, credentials: Credentials, **http: Any
) -> AsyncIterator[HttpApi]:
    """The client alone, before a served simulator."""
    async with serve(simulator) as served:
        settings = HostSettings(resolve=served.resolve, http=HttpSettings(**http))
        session = open_session(settings.endpoints())
        with environment({"SSL_CERT_FILE": str(served.ca_file)}):
            tls = tls_context()
        limits = Limits(manifest.limits)
        api = HttpApi(session, tls, manifest, credentials, settings=settings.http, limits=limits, closes_session=True)
        try:
            yield api
        finally:
            await api.aclose()


@dataclass
class Outcome:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Discover(Protocol):
    def __call__(self, *arguments: str) -> Outcome: ...


@dataclass
class Running:
    """`discover simulate` in a process of its own, as an operator starts it."""

    host: str
    port: int
    ca_file: str
    token: str

    def settings(self, **tables: str) -> str:
        extra = "\n".join(tables.values())
        return f'{extra}\n[plugins.namely]\n[host.resolve]\n"{self.host}" = "127.0.0.1:{self.port}"\n'

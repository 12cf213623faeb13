"""Placeholder."""

from collections.abc import Mapping
from typing import Any, Protocol

from connector_core.host import Host


class Engine(Protocol):
    async def start(self, name: str, *, delta: bool = False) -> None: ...
    async def cancel(self, name: str) -> None: ...
    def running(self) -> Mapping[str, Any]: ...
    async def aclose(self) -> None: ...


class LocalEngine:
    def __init__(self, host: Host) -> None:
        self._host = host

    async def start(self, name: str, *, delta: bool = False) -> None:
        await self._host.run(name, delta=delta)

    async def cancel(self, name: str) -> None: ...

    def running(self) -> Mapping[str, Any]:
        return {}

    async def aclose(self) -> None: ...

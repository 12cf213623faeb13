"""Placeholder."""

from types import TracebackType
from typing import Self

from connector_core.host import Host
from connector_core.scheduling.engine import Engine, LocalEngine

__all__ = ["Engine", "LocalEngine", "Service"]


class Service:
    def __init__(self, host: Host) -> None:
        self.engine = LocalEngine(host)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.engine.aclose()

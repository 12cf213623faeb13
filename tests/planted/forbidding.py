"""Local simulator of Example HR with tokens, which answers 403 to one that is not valid any more."""

from dataclasses import replace

from aiohttp import web

from connector_core.testing import Answer, SimulatorOptions
from planted.tokens import TokenSimulator


class ForbiddingSimulator(TokenSimulator):
    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        return replace(answer, status=403) if answer.status == 401 and request.path != "/v1/token" else answer


def simulator(options: SimulatorOptions) -> ForbiddingSimulator:
    return ForbiddingSimulator(options.people, options.seed)

"""Local simulator of Example HR where a user signs in, which sends a copy of the access token."""

import json
from dataclasses import replace

from aiohttp import web

from connector_core.testing import Answer, SimulatorOptions
from planted.signing_in import SignInSimulator


class CopyingSimulator(SignInSimulator):
    def answer(self, request: web.Request) -> Answer:
        answer = super().answer(request)
        if request.path != "/oauth2/token" or answer.status != 200:
            return answer
        tokens = json.loads(answer.body)
        return replace(answer, body=json.dumps({**tokens, "copy": {"access_token": tokens["access_token"]}}).encode())


def simulator(options: SimulatorOptions) -> CopyingSimulator:
    return CopyingSimulator(options.people, options.seed)

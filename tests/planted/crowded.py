"""Local simulator of Example HR, which accepts few requests at once, and a connector that says so."""

from aiohttp import web

from connector_core import ConcurrencyLimit
from connector_core.testing import Answer, Simulator, SimulatorOptions, json_answer
from planted.example import Example
from planted.simulator import JSON, ExampleSimulator

AT_ONCE = 3


class CrowdedSimulator(ExampleSimulator):
    def answer(self, request: web.Request) -> Answer:
        if self.requests_under_way("/people") > AT_ONCE:
            return json_answer({"error": "too many requests at once"}, 429, JSON)
        return super().answer(request)


class Crowded(Example):
    manifest = Example.manifest.model_copy(
        update={
            "limits": (*Example.manifest.limits, ConcurrencyLimit("/people", AT_ONCE)),
            "simulator": "planted.crowded",
        }
    )


def simulator(options: SimulatorOptions) -> Simulator:
    return CrowdedSimulator(options.people, options.seed)

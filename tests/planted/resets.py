"""Local simulator of Example HR, which says in a header of its own when it accepts requests again."""

from connector_core.testing import Simulator, SimulatorOptions
from planted.simulator import ExampleSimulator


class OwnHeaderSimulator(ExampleSimulator):
    reset_header = "X-Quota-Renewed"


def simulator(options: SimulatorOptions) -> Simulator:
    return OwnHeaderSimulator(options.people, options.seed)

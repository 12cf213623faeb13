"""Local simulator of Namely: a generated tenant or recorded pages, served as the API serves them.

Each fact that public material leaves open is a switch (``behaviour.py``).
"""

from connector_core.testing import Simulator, SimulatorOptions
from connectors.namely.simulator.behaviour import Behaviour
from connectors.namely.simulator.recorded import recorded_directory
from connectors.namely.simulator.server import NamelySimulator
from connectors.namely.simulator.tenant import Tenant

__all__ = ["Behaviour", "NamelySimulator", "Tenant", "simulator"]


def simulator(options: SimulatorOptions) -> Simulator:
    behaviour = Behaviour.parse(options.behaviour)
    if options.recorded:
        # `count` is the total in the recordings of 2015 and 2016.
        recorded = behaviour.model_copy(update={"count_means": "total"})
        return NamelySimulator(recorded_directory(options.recorded), recorded)
    return NamelySimulator(Tenant(options.people, options.seed, behaviour), behaviour)

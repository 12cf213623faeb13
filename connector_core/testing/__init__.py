"""The author's test kit: what a connector's simulator is built on."""

from connector_core.testing.faults import Fault, Faults
from connector_core.testing.server import (
    Answer,
    Served,
    Simulator,
    SimulatorOptions,
    json_answer,
    load,
    serve,
)

__all__ = [
    "Answer",
    "Fault",
    "Faults",
    "Served",
    "Simulator",
    "SimulatorOptions",
    "json_answer",
    "load",
    "serve",
]

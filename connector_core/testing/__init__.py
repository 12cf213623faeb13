"""Test kit for connector authors: the base classes of a connector's simulator."""

from connector_core.testing.answers import BODY, Answer, Request, json_answer
from connector_core.testing.fault_script import Fault, Faults
from connector_core.testing.keys import another_key, new_rsa_key
from connector_core.testing.listing_faults import Listed
from connector_core.testing.organisation import Organisation, Person, StaffSimulator
from connector_core.testing.server import Served, Simulator, SimulatorOptions, environment, load, serve
from connector_core.testing.switches import Switches

__all__ = [
    "BODY",
    "Answer",
    "Fault",
    "Faults",
    "Listed",
    "Organisation",
    "Person",
    "Request",
    "Served",
    "Simulator",
    "SimulatorOptions",
    "StaffSimulator",
    "Switches",
    "another_key",
    "environment",
    "json_answer",
    "load",
    "new_rsa_key",
    "serve",
]

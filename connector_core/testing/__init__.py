"""Test kit for connector authors: the base classes of a connector's simulator."""

from connector_core.testing.answers import BODY, Answer, Request, json_answer
from connector_core.testing.assertions import OAuthError, simulated_key
from connector_core.testing.fault_script import Fault, Faults
from connector_core.testing.keys import another_key, new_rsa_key
from connector_core.testing.listing_faults import Listed
from connector_core.testing.oauth import AuthorizationServer
from connector_core.testing.organisation import Organisation, Person, StaffSimulator
from connector_core.testing.rsa_keys import simulated_rsa_key
from connector_core.testing.server import Simulator, SimulatorOptions, environment, load
from connector_core.testing.serving import Served, serve
from connector_core.testing.switches import Switches

__all__ = [
    "BODY",
    "Answer",
    "AuthorizationServer",
    "Fault",
    "Faults",
    "Listed",
    "OAuthError",
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
    "simulated_key",
    "simulated_rsa_key",
]

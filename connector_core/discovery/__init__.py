"""One run: check ‖ read → verify → plan → guard → apply → report."""

from connector_core.discovery.check import check
from connector_core.discovery.context import BegunCallback, ProgressCallback, RunContext
from connector_core.discovery.run import discover

__all__ = ["BegunCallback", "ProgressCallback", "RunContext", "check", "discover"]

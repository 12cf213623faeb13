"""One run: check ‖ read → verify → plan → guard → apply → report."""

from connector_core.discovery.check import check
from connector_core.discovery.context import ProgressCallback, RunContext
from connector_core.discovery.run import discover
from connector_core.discovery.tenant import refuse_other_tenant

__all__ = ["ProgressCallback", "RunContext", "check", "discover", "refuse_other_tenant"]

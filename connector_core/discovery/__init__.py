"""One run: read, certify, plan, guard, apply."""

from connector_core.discovery.check import check
from connector_core.discovery.run import discover
from connector_core.discovery.work import Work

__all__ = ["Work", "check", "discover"]

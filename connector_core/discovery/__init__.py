"""One run: read, certify, plan, guard, apply."""

from connector_core.discovery.check import check
from connector_core.discovery.run import Work, discover

__all__ = ["Work", "check", "discover"]

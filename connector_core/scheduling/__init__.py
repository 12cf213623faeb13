"""Scheduled runs and notices: an engine that runs, a scheduler that says when, and a notifier that tells of it."""

from connector_core.scheduling.engine import Engine, LiveRun, Problem
from connector_core.scheduling.local import LocalEngine
from connector_core.scheduling.notices import Notifier
from connector_core.scheduling.scheduler import Scheduler
from connector_core.scheduling.service import Service

__all__ = ["Engine", "LiveRun", "LocalEngine", "Notifier", "Problem", "Scheduler", "Service"]

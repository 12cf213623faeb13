"""The command line: ``discover``."""

from connector_core.cli.main import main

__all__ = ["main"]

"""The command line: ``discover``."""

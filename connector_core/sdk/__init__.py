"""The parts of a connector. Authors import them from ``connector_core``."""

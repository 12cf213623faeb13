"""What a connector is written with. Connectors import these names from ``connector_core``."""

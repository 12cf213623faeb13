"""What a connector raises and should not: turned into an error that names the place, never the data."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from connector_core.errors import ConnectorCoreError, DiscoveryError
from connector_core.sdk.connector import AnyConnector


def refusal(connector: AnyConnector) -> str:
    """Said of a 401 where ``connector.check`` passes: this is how the provider forbids one resource."""
    return f"{connector.manifest.title} refuses it to this token, which is good elsewhere"


@contextmanager
def mapped(connector: AnyConnector) -> Iterator[None]:
    """Within this context a connector's bug becomes a DiscoveryError. Its message could hold a person, so it goes."""
    try:
        yield
    except ConnectorCoreError:
        raise
    except Exception as error:  # noqa: BLE001 - the seam between the host and other people's code
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DiscoveryError(
            f"The connector {connector.manifest.name} failed with {type(error).__name__} "
            f"in {last.name}, line {last.lineno} of {last.filename}.",
            hint="Report this to the connector's author.",
        ) from None

"""A plugin's exceptions, mapped to ours: they name the place in the connector, never the data."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from connector_core.errors import ConnectorCoreError, DiscoveryError
from connector_core.sdk.connector import AnyConnector
from connector_core.secrecy import presentable

_LONGEST = 1000
"""Characters of each text of an error."""


@contextmanager
def connector_errors(connector: AnyConnector) -> Iterator[None]:
    """Within this context a connector's bug becomes a DiscoveryError, without its message: that may hold a person.

    The texts of our errors are kept, without secrets and cut: a connector may have written them.
    """
    try:
        yield
    except ConnectorCoreError as error:
        error.edit(lambda text: presentable(text, _LONGEST))
        raise
    except Exception as error:  # noqa: BLE001 - the seam between the host and plugins' code
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DiscoveryError(
            f"The connector {connector.manifest.name} failed with {type(error).__name__} "
            f"in {last.name}, line {last.lineno} of {last.filename}.",
            hint="Report this to the connector's author.",
        ) from None

"""The base of every table of plugins.toml, and the types of its values."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# At least what a clock can measure, at most a day.
Seconds = Annotated[float, Field(ge=0.001, le=86_400)]


class SettingsTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Endpoint:
    """An address and a port, written ``127.0.0.1:8443``."""

    address: str
    port: int

    @classmethod
    def parse(cls, value: object) -> "Endpoint":
        address, _, port = str(value).rpartition(":")
        if not address.strip("[]") or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError("is not an address and a port such as 127.0.0.1:8443")
        return cls(address.strip("[]"), int(port))


def endpoint(value: str) -> str:
    """Return the value if it is an address and a port. Raises ValueError otherwise."""
    Endpoint.parse(value)
    return value

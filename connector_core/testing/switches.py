"""The switches of a simulator: one for each thing that public material leaves unknown about its provider."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from connector_core.errors import SettingsError


class Switches(BaseModel):
    """The base of a simulator's ``Behaviour``. `discover simulate NAME --set SWITCH=VALUE` sets one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        try:
            return cls.model_validate(
                {name: int(value) if value.isdecimal() else value for name, value in values.items()}
            )
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in problem["loc"])
            raise SettingsError(
                f"--set {name}: {problem['msg']}.", hint=f"The switches are {', '.join(cls.model_fields)}."
            ) from None

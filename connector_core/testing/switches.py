"""Switches of a simulator: one for each fact about its provider that public material leaves open."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from connector_core.errors import SettingsError
from connector_core.problems import problems


class Switches(BaseModel):
    """Base of a simulator's ``Behaviour``. `discover simulate NAME --set SWITCH=VALUE` sets one.

    The sentence below a field describes it on the connector's page::

        class Behaviour(Switches):
            page_limit: Literal["clamped", "refused"] = "clamped"
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Read the values of ``--set``. Raises SettingsError."""
        try:
            return cls.model_validate(
                {name: int(value) if value.isdecimal() else value for name, value in values.items()}
            )
        except ValidationError as error:
            problem = next(problems(error, cls))
            raise SettingsError(
                f"--set {'.'.join(problem.place)}: {problem.said}.",
                hint=f"The switches are {', '.join(cls.model_fields)}.",
            ) from None

"""The fields of a connector's form, as requests bring them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, SecretStr

from connector_core.sdk.connector import AnyConnector
from connector_core.web.api.shapes import Shape

FieldName = Annotated[str, Field(min_length=1, max_length=100)]
FieldValue = Annotated[SecretStr, Field(max_length=10_000)]
Values = Annotated[
    dict[FieldName, FieldValue],
    Field(max_length=50, description="The values of the form's fields by name. Secrets are never sent back."),
]


class Fields(Shape):
    fields: Values


def plain_fields(connector: type[AnyConnector], values: Mapping[str, SecretStr]) -> dict[str, str | SecretStr]:
    """Return the values with those fields in the clear that the form does not keep secret."""
    public = {one.name for one in connector.credentials_type.form() if not one.secret}
    return {name: value.get_secret_value() if name in public else value for name, value in values.items()}

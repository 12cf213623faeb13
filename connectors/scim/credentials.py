"""The credentials and the options: all that an operator fills in."""

from typing import Annotated, Literal

from pydantic import Field

from connector_core import BaseUrl, Credentials, Identifier, Options, SecretStr


class ScimCredentials(Credentials):
    base_url: Annotated[str, BaseUrl()] = Field(
        title="Base URL", description="The address of the SCIM API.", examples=["https://directory.example.com/scim/v2"]
    )
    token: SecretStr | None = Field(None, title="Token", description="For bearer tokens.")
    # Without a colon, which separates the user from the password in the header.
    user: Annotated[str, Identifier(without=":")] | None = Field(None, title="User", description="For Basic.")
    password: SecretStr | None = Field(None, title="Password", description="For Basic.")
    client_id: Annotated[str, Identifier()] | None = Field(None, title="Client ID", description="For OAuth.")
    client_secret: SecretStr | None = Field(None, title="Client secret", description="For OAuth.")
    sign_in_url: Annotated[str, BaseUrl()] | None = Field(None, title="Sign-in URL", description="Issues OAuth tokens.")
    scope: str = Field("", title="Scope", description="For OAuth, if the server wants one.")


class ScimOptions(Options):
    departments: Literal["department", "division", "cost_center", "groups"] = Field(
        "department", description="Source of departments: one of the names that users have, or all `groups`."
    )
    total: Literal["announced", "ignored"] = Field(
        "announced", description="`ignored` where the server's totals are wrong: two readings must agree then."
    )

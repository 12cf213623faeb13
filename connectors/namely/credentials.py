from typing import Annotated

from pydantic import Field

from connector_core import Credentials, Options, SecretStr, TenantDomain


class NamelyCredentials(Credentials):
    domain: Annotated[str, TenantDomain("namely.com")] = Field(
        title="Domain",
        description="The company's address at Namely, without https://.",
        examples=["company.namely.com"],
    )
    personal_access_token: SecretStr = Field(
        title="Personal access token",
        description="From Namely: your name (top right) > API > Personal Access Tokens. Shown only once.",
    )


class NamelyOptions(Options):
    department_group_types: tuple[str, ...] = Field(
        default=(),
        title="Department group types",
        description="Titles or ids of the group types that are departments. If empty, Namely's own Department type.",
    )

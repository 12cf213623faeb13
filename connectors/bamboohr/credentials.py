from typing import Annotated

from pydantic import Field

from connector_core import Credentials, SecretStr, Subdomain


class BambooHRCredentials(Credentials):
    company: Annotated[str, Subdomain("bamboohr.com")] = Field(
        title="Company",
        description="The part before .bamboohr.com in the address of your BambooHR.",
        examples=["acme"],
    )
    api_key: SecretStr = Field(
        title="API key",
        description="From BambooHR: your name > API Keys > Add New Key. Shown only once.",
    )

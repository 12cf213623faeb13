from pydantic import Field

from connector_core import Credentials, SecretStr


class HiBobCredentials(Credentials):
    service_user_id: str = Field(
        title="Service user ID",
        description="From HiBob: System Settings > Integrations > Service users.",
        examples=["SERVICE-12345"],
        pattern=r"^[!-9;-~]+$",
    )
    token: SecretStr = Field(
        title="Token",
        description="The service user's. Shown once, when it is created.",
    )

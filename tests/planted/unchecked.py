"""Credentials that accept any domain, and a manifest for them: what the client itself refuses shows only then."""

from connector_core import Bearer, Category, Credentials, Manifest, SecretStr


class Fields(Credentials):
    domain: str
    token: SecretStr


MANIFEST = Manifest(
    name="example",
    title="Example",
    description="For tests.",
    category=Category.HRIS,
    authentication="API",
    hosts=("*.example.com",),
    base_url="https://{domain}/api",
    auth=Bearer("token"),
)

"""The user of a request."""

from connector_core.settings import Role
from connector_core.web.access import User
from connector_core.web.api.operations import Operations
from connector_core.web.api.shapes import Shape
from connector_core.web.site import Site

operations = Operations("Users")


class Me(Shape):
    """The user whom a request names."""

    name: str
    role: Role
    form_key: str | None
    """The value of X-Form-Key for changes; null for programs that send the token, which need none."""


@operations.add("GET", "/me")
async def me(site: Site, user: User) -> Me:
    """Return the user of the request."""
    return Me(name=user.name, role=user.role, form_key=None if user.is_program else site.access.form_key(user))

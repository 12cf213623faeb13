"""Commands that hints name, as a browser shows them: a link where a page does the same, else the command as a command.

Hints are written once, for all faces. Each command in one is ``discover VERB``, with the name of an integration or a
connector behind most verbs, and options.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from connector_core.settings import Role

_COMMAND = re.compile(
    r"`?(?P<command>discover (?:(?P<bare>list|doctor|serve|simulate|settings)|(?P<verb>[a-z]+) (?P<operand>[\w-]+))"
    r"(?: --name (?P<name>[\w-]+)| --[a-z-]+)*)`?"
    r"|`?(?P<option>--[a-z][a-z-]+(?: [A-Z]+\b)?)`?"
)


@dataclass(frozen=True, slots=True)
class Page:
    """The page that does what a command does. ``{name}`` is the integration."""

    path: str
    text: str
    role: Role = Role.VIEWER


_PLAN = Page("/integrations/{name}/plan", "the plan of {name}")
_CATALOGUE = Page("/settings/catalogue", "the catalogue")
_RECONNECT = Page("/integrations/{name}/connect", "reconnect {name}", Role.ADMINISTRATOR)
PAGES: Mapping[str, Page] = MappingProxyType(
    {
        "apply": _PLAN,
        "discard": _PLAN,
        "check": Page("/integrations/{name}#connection", "check {name}"),
        "connect": _CATALOGUE,
        "history": Page("/integrations/{name}/history", "The history of {name}"),
        "list": _CATALOGUE,
        "run": Page("/integrations/{name}", "run {name}"),
        "schedule": Page("/integrations/{name}/schedule", "the schedule of {name}", Role.ADMINISTRATOR),
    }
)
"""By verb. A command that is not here has no page: it is shown as it is."""
OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "--accept FIELD": "the fields accepted",
        "--change-tenant": "the other company confirmed",
    }
)
"""What options are called that a form has."""


@pass_context
def in_browser(context: Context, text: str) -> Markup:
    """Return a hint with a link in place of each command that a page replaces. Other commands are marked as such.

    Where the role of the user does not open the page, its words tell who may.
    """
    user = context.get("user")
    role, found, last = user.role if user else Role.VIEWER, Markup(), 0
    for match in _COMMAND.finditer(text):
        found += escape(text[last : match.start()]) + _shown(match, role)
        last = match.end()
    return found + escape(text[last:])


def _shown(match: re.Match[str], role: Role) -> Markup:
    if option := match["option"]:
        return escape(OPTIONS[option]) if option in OPTIONS else Markup("<code>{}</code>").format(option)
    verb, name = match["bare"] or match["verb"], match["name"] or match["operand"] or ""
    page = PAGES.get(verb)
    if verb == "connect" and match["name"] and not match["operand"].isupper():
        page = _RECONNECT
    if page is None:
        return Markup("<code>{}</code>").format(match["command"])
    text = page.text.format(name=name)
    if not role.may(page.role):
        return Markup("{} (as {})").format(text, page.role)
    return Markup('<a href="{}">{}</a>').format(page.path.format(name=name), text)

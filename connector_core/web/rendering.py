"""Pages from templates."""

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from connector_core.explanations import MappedField
from connector_core.field_changes import FieldChange
from connector_core.messages import counted, message
from connector_core.phrases import ago, costs
from connector_core.web.access import USER
from connector_core.web.commands import in_browser
from connector_core.web.site import site_of
from connector_core.web.tiles import tile

STATIC = files("connector_core.web") / "static"


@cache
def environment() -> Environment:
    """Return the templates. Everything in them is escaped."""
    made = Environment(
        loader=PackageLoader("connector_core.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=ago,
        costs=costs,
        message=message,
        moment=moment,
        number=number,
        counted=_counted,
        sentence=sentence,
        segment=segment,
        label=label_of,
        compact=_compact,
        plural=_plural,
        heading=field_in_words,
        in_browser=in_browser,
        mapped=_mapped,
    )
    made.globals.update(static=static_address, tile=tile)
    return made


def render(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """Return a page, or a part of one. Every template knows the user, the key of its forms, and the request's path."""
    user, site = request.get(USER), site_of(request)
    known = {
        "user": user,
        "form_key": site.access.form_key(user) if user else "",
        "by_proxy": site.access.by_proxy,
        "path": request.path,
    }
    text = environment().get_template(template).render({**known, **values})
    return web.Response(text=text, status=status, content_type="text/html")


def is_fragment(request: web.Request) -> bool:
    """Return True if a page asks for a part of itself. Where it goes back in the history, it asks for the whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def moment(value: datetime | None) -> str:
    """Return a time as people read it, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if value else ""


def number(value: float | None) -> str:
    """Return a number with separators, or a dash for one that is not known."""
    return "–" if value is None else f"{value:,}"  # noqa: RUF001 - a dash is meant


def segment(text: str) -> str:
    """Return a text as one part of a path or query: unlike ``urlencode`` of templates, with each slash encoded."""
    return quote(text, safe="")


def _plural(kind: str) -> str:
    return f"{kind}s"


def field_in_words(name: str) -> str:
    """Return the name of an entity's field in words: ``job title``, and ``departments`` for their ids."""
    return name.replace("_source_ids", "s").replace("_source_id", "").replace("_", " ")


def label_of(field: str) -> str:
    """Return a field as people read it: ``Job title``, and ``Manager`` for the link to one."""
    return "Id" if field == "source_id" else sentence(field_in_words(field))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mapped(one: MappedField) -> str:
    return FieldChange(one.field, None, one.value, one.names).new_text


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _counted(value: int, noun: str) -> str:
    return counted(value, noun)


@cache
def static_address(name: str) -> str:
    """Return the address of a shipped file, which changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"

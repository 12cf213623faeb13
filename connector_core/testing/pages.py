"""The parts of a connector's README that quote the program: tables between two markers.

The tier alone is no quotation: it takes half a minute to find, so the page keeps it, and tests hold it to the truth.
A part between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is what NAME of ``PARTS`` gives for the connector.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from connector_core.errors import (
    ForbiddenError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField

MARKED = re.compile(r"(<!-- generated: (\w+)(?: ([\w-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_TIER = re.compile(r"<!-- generated: tier -->\n.*?\*\*(\w+)\*\*.*\n<!-- end -->")


def page_of(connector: type[AnyConnector]) -> Path:
    """The README beside the connector's module."""
    return Path(inspect.getfile(connector)).with_name("README.md")


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def meanings(model: type) -> dict[str, str]:
    """What the strings below a class's attributes say."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        node.target.id: " ".join(str(ast.literal_eval(following.value)).split())
        for node, following in pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(following, ast.Expr)
    }


def facts(connector: type[AnyConnector]) -> str:
    """Category, authentication, hosts, limits, and how long a token lives."""
    manifest = connector.manifest
    limits = "; ".join(f"{one.requests} requests of `{one.path}` in any {one.per:g} s" for one in manifest.limits)
    lifetime = manifest.token_lifetime
    rows = [
        ("category", manifest.category),
        ("authentication", manifest.authentication),
        ("hosts", ", ".join(f"`{host}`" for host in manifest.hosts)),
        ("limits", limits or "none known"),
        ("throttled by", ", ".join(map(str, sorted(manifest.throttled_by)))),
        ("token lifetime", f"{lifetime.days} days" if lifetime else "unlimited"),
    ]
    return table(("", ""), rows)


def capabilities(connector: type[AnyConnector]) -> str:
    """Each kind: the products it serves, the provider's resource, and the permission it needs."""
    title = connector.manifest.title
    rows = [
        (f"{name}s", ", ".join(sorted(one.products)), one.description, one.resource, one.permission)
        for name, one in connector.declarations.items()
    ]
    return table(("entity", "product", "description", f"{title} resource", "permission"), rows)


def provider_setup(connector: type[AnyConnector]) -> str:
    """The operator's steps at the provider."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(connector.manifest.provider_setup, 1))


def credentials(connector: type[AnyConnector]) -> str:
    """The fields of the form."""
    rows = [(one.title, f"`{one.name}`", _sort_of_value(one), one.help) for one in connector.credentials_type.form()]
    return table(("field", "name", "value", "help"), rows)


def _sort_of_value(field: FormField) -> str:
    if field.secret:
        return "secret"
    return f"such as `{field.example}`" if field.example else "text"


def setup_here(connector: type[AnyConnector]) -> str:
    """The operator's steps on this side, as commands."""
    manifest = connector.manifest
    flags = " ".join(_flag(one) for one in connector.credentials_type.form())
    connect = f"discover connect {manifest.name} --name acme"
    asks = f"asks for the fields, checks them at {manifest.title}, and saves them"
    steps = [
        f"`{connect}` {asks}. Without a terminal: `{connect} {flags}`.",
        "`discover run acme --plan` reads all, and shows what it would store.",
        "`discover run acme` applies what is safe: as often as the data should be fresh.",
    ]
    if listed := [f"{name}s" for name, one in connector.declarations.items() if one.changes]:
        steps.append(f"`discover run acme --delta`, in between, reads only what has changed of {', '.join(listed)}.")
    if lifetime := manifest.token_lifetime:
        steps.append(f"Before the credentials are {lifetime.days} days old, connect again: the data is kept.")
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _flag(field: FormField) -> str:
    flag = f"--{field.name.replace('_', '-')}"
    return f"{flag}-file FILE" if field.secret else f"{flag} {field.example or field.name.upper()}"


def errors(connector: type[AnyConnector]) -> str:
    """What may be said of the provider and the credentials, and what to do."""
    manifest = connector.manifest
    rejected, title = manifest.rejected, manifest.title
    waits = f"Nothing: the run waits. Where {title} goes on refusing, it ends as deferred: run again later."
    again = "Nothing: it is asked again. Where it lasts, the kind is incomplete, and nothing of it is removed."
    other = f"See that nothing stands between this machine and {title}. If nothing does, report it."
    throttled = " or ".join(
        # A server in trouble answers 5xx, too: only with the header is it about too many requests.
        f"{one} with a Retry-After" if one >= 500 else str(one)
        for one in sorted(manifest.throttled_by)
    )
    permissions = "; ".join(f"{name}s: {one.permission}" for name, one in connector.declarations.items())
    rows = [
        (rejected.message, RejectedCredentialsError.code, rejected.hint),
        (f"… {title} answered 403, forbidden", ForbiddenError.code, f"A permission is missing. {permissions}"),
        (f"… {title} answered {throttled}, too many requests", ThrottledError.code, waits),
        (f"… {title} answered 5xx, did not answer in time, or broke the connection", UnavailableError.code, again),
        ("… is not as the API promises, or not the API", ProtocolError.code, other),
    ]
    return table(("what is said", "code", "what to do"), [(said, f"`{code}`", remedy) for said, code, remedy in rows])


def options(connector: type[AnyConnector]) -> str:
    """The options in plugins.toml."""
    rows = [
        (f"`{key}`", field.description or "", f"`{_plain(field.get_default())}`")
        for key, field in connector.options_type.model_fields.items()
    ]
    return table(("option", "meaning", "default"), rows) if rows else "None."


def exemptions(connector: type[AnyConnector]) -> str:
    """The rules of the kit that are not kept, and why."""
    rows = [(f"`{rule}`", reason) for rule, reason in sorted(connector.manifest.exemptions.items())]
    return table(("rule", "why it is not kept"), rows) if rows else "None: it keeps every rule of the kit."


def tier(connector: type[AnyConnector], found: str = "") -> str:
    """The tier that the kit has found, recorded."""
    command = f"`discover test {connector.manifest.name} --write`"
    return f"Its tier is **{found}**, as {command} has found." if found else f"Not proven yet: {command}."


def tier_in(text: str) -> str:
    """The tier that a page records, or nothing."""
    found = _TIER.search(text)
    return found[1] if found else ""


def with_tier(text: str, found: str) -> str:
    """The page with this tier recorded; ``current`` words it."""
    return MARKED.sub(lambda one: f"{one[1]}**{found}**\n{one[4]}" if one[2] == tier.__name__ else one[0], text)


def switches(connector: type[AnyConnector]) -> str:
    """The simulator's switches, where its module has a ``Behaviour``."""
    module = connector.manifest.simulator
    model = getattr(importlib.import_module(module), "Behaviour", None) if module else None
    if model is None:
        return "None."
    said = meanings(model)
    rows = []
    for key, field in model.model_fields.items():
        choices = [str(one) for one in get_args(field.annotation)] or [
            "text" if field.annotation is str else "a number"
        ]
        default = "none" if field.default == "" else f"`{field.default}`"
        rows.append((f"`{key}`", ", ".join(choices), default, said.get(key, "")))
    return table(("switch", "values", "default", "what it decides"), rows)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


PARTS: Mapping[str, Callable[[type[AnyConnector]], str]] = {
    part.__name__: part
    for part in (
        facts,
        capabilities,
        provider_setup,
        credentials,
        setup_here,
        options,
        errors,
        tier,
        exemptions,
        switches,
    )
}


def parts_in(text: str) -> set[str]:
    """The names of the marked parts."""
    return {found[2] for found in MARKED.finditer(text)}


def current(text: str, connector: type[AnyConnector]) -> str:
    """The text with every marked part that is the connector's made anew."""

    def remake(found: re.Match[str]) -> str:
        start, name, _, end = found.groups()
        if name == tier.__name__:
            return f"{start}{tier(connector, tier_in(text))}\n{end}"
        return f"{start}{PARTS[name](connector)}\n{end}" if name in PARTS else found[0]

    return MARKED.sub(remake, text)

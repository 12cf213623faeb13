"""The parts of a connector's README that quote the program: tables between two markers.

A part between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is what NAME of ``PARTS`` gives for the connector.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, get_args

from connector_core.connector import AnyConnector

MARKED = re.compile(r"(<!-- generated: (\w+)(?: ([\w-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)


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
    title = connector.manifest.title
    rows = [
        (f"{name}s", ", ".join(sorted(one.products)), one.description, one.resource, one.permission)
        for name, one in connector.declarations.items()
    ]
    return table(("entity", "product", "description", f"{title} resource", "permission"), rows)


def provider_setup(connector: type[AnyConnector]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(connector.manifest.provider_setup, 1))


def credentials(connector: type[AnyConnector]) -> str:
    rows = [
        (one.title, f"`{one.name}`", "secret" if one.secret else f"such as `{one.example}`", one.help)
        for one in connector.credentials_type.form()
    ]
    return table(("field", "name", "value", "help"), rows)


def options(connector: type[AnyConnector]) -> str:
    rows = [
        (f"`{key}`", field.description or "", f"`{_plain(field.get_default())}`")
        for key, field in connector.options_type.model_fields.items()
    ]
    return table(("option", "meaning", "default"), rows) if rows else "None."


def exemptions(connector: type[AnyConnector]) -> str:
    """The rules of the kit that it does not keep, and why."""
    rows = [(f"`{rule}`", reason) for rule, reason in sorted(connector.manifest.exemptions.items())]
    return table(("rule", "why it is not kept"), rows) if rows else "None: it keeps every rule of the kit."


def switches(connector: type[AnyConnector]) -> str:
    """The simulator's switches, where its module has a ``Behaviour``."""
    module = connector.manifest.simulator
    model = getattr(importlib.import_module(module), "Behaviour", None) if module else None
    if model is None:
        return "None."
    said = meanings(model)
    rows = []
    for key, field in model.model_fields.items():
        choices = [str(one) for one in get_args(field.annotation)] or ["a number"]
        rows.append((f"`{key}`", ", ".join(choices), f"`{field.default}`", said.get(key, "")))
    return table(("switch", "values", "default", "what it decides"), rows)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


PARTS: Mapping[str, Callable[[type[AnyConnector]], str]] = {
    part.__name__: part for part in (facts, capabilities, provider_setup, credentials, options, exemptions, switches)
}


def parts_in(text: str) -> set[str]:
    """The names of the marked parts."""
    return {found[2] for found in MARKED.finditer(text)}


def current(text: str, connector: type[AnyConnector]) -> str:
    """The text with every marked part that is the connector's made anew."""

    def remake(found: re.Match[str]) -> str:
        start, name, _, end = found.groups()
        return f"{start}{PARTS[name](connector)}\n{end}" if name in PARTS else found[0]

    return MARKED.sub(remake, text)

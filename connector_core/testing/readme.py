"""Generated parts of a connector's README: tables between two markers that quote the program.

A part between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is what the function NAME of ``PARTS`` returns for the
connector. Only the tier is recorded instead of generated, since finding it takes half a minute; tests compare it with
the tier that the kit has found.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from connector_core.operator_pages import hosts_in_words, known_errors, limit_in_words, ways_in_words
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField
from connector_core.settings import limits_of

MARKED = re.compile(r"(<!-- generated: (\w+)(?: ([\w-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_TIER = re.compile(r"<!-- generated: tier -->\n.*?\*\*(\w+)\*\*.*\n<!-- end -->")


def readme_of(connector: type[AnyConnector]) -> Path:
    """Return the path of the README beside the connector's module."""
    return Path(inspect.getfile(connector)).with_name("README.md")


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def facts(connector: type[AnyConnector]) -> str:
    """Category, authentication, hosts, limits, and the lifetime of a token."""
    manifest = connector.manifest
    limits = "; ".join(limit_in_words(one, "`") for one in limits_of(manifest))
    lifetime = manifest.token_lifetime
    rows = [
        ("category", manifest.category),
        ("authentication", manifest.authentication),
        ("hosts", ", ".join(one if " " in one else f"`{one}`" for one in hosts_in_words(connector))),
        *((f'`address = "{name}"`', f"`{base_url}`") for name, base_url in manifest.addresses.items()),
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
    """Steps of the operator at the provider."""
    return _numbered(connector.manifest.provider_setup)


def credentials(connector: type[AnyConnector]) -> str:
    """Fields of the credentials form."""
    rows = [(one.title, f"`{one.name}`", _value_of(one), one.help) for one in connector.credentials_type.form()]
    fields = table(("field", "name", "value", "help"), rows)
    ways = ways_in_words(connector)
    return f"{ways}\n\n{fields}" if ways else fields


def _value_of(field: FormField) -> str:
    if field.choices:
        return " or ".join(f"`{one}`" for one in field.choices)
    if field.secret or field.lines:
        return f"{'secret' if field.secret else 'text'}{', of several lines' if field.lines else ''}"
    return f"such as `{field.example}`" if field.example else "text"


def setup_here(connector: type[AnyConnector]) -> str:
    """Steps of the operator on this side, as commands."""
    manifest = connector.manifest
    # Where there are several ways, the first one is shown. What may be left out is left out.
    fields = [one for one in connector.credentials_type.form() if one.required or one.name in manifest.auth.fields]
    flags = " ".join(map(_flag, fields))
    connect = f"discover connect {manifest.name} --name acme"
    purpose = f"asks for the credentials, checks them with {manifest.title}, and saves them"
    steps = [
        f"`{connect}` {purpose}. Without a terminal: `{connect} {flags}`.",
        "`discover run acme --plan` reads everything, and shows what would change.",
        "`discover run acme` applies what is safe. Run it as often as the data should be fresh.",
    ]
    if with_changes := [f"{name}s" for name, one in connector.declarations.items() if one.delta]:
        steps.append(
            f"Between full runs, `discover run acme --delta` reads only what has changed in {', '.join(with_changes)}."
        )
    if lifetime := manifest.token_lifetime:
        steps.append(f"Connect again before the credentials are {lifetime.days} days old. Stored data is kept.")
    return _numbered(steps)


def _numbered(steps: Iterable[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _flag(field: FormField) -> str:
    flag = f"--{field.name.replace('_', '-')}"
    if field.secret or field.lines:
        return f"{flag}-file FILE"
    return f"{flag} {field.example or next(iter(field.choices), field.name.upper())}"


def errors(connector: type[AnyConnector]) -> str:
    """Errors about the provider and the credentials, and what to do about each."""
    rows = [(one.message, f"`{one.code}`", one.advice) for one in known_errors(connector)]
    return table(("message", "code", "what to do"), rows)


def options(connector: type[AnyConnector]) -> str:
    """Options in plugins.toml."""
    rows = [
        (f"`{key}`", field.description or "", f"`{_toml_value(field.get_default())}`")
        for key, field in connector.options_type.model_fields.items()
    ]
    return table(("option", "meaning", "default"), rows) if rows else "None."


def _toml_value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def exemptions(connector: type[AnyConnector]) -> str:
    """Rules of the kit that the connector breaks by permission, and why."""
    rows = [(f"`{rule}`", reason) for rule, reason in sorted(connector.manifest.exemptions.items())]
    return table(("rule", "reason"), rows) if rows else "None: it keeps every rule of the kit."


def tier(connector: type[AnyConnector], recorded: str = "") -> str:
    """Tier that the kit has found, as recorded."""
    command = f"`discover test {connector.manifest.name} --write`"
    return f"Its tier is **{recorded}**, recorded by {command}." if recorded else f"Not proven yet. Run {command}."


def tier_in(text: str) -> str:
    """Return the tier that a README records, or an empty string."""
    found = _TIER.search(text)
    return found[1] if found else ""


def with_tier(text: str, tier_name: str) -> str:
    """Return the README with this tier recorded; ``regenerated`` adds the wording."""
    return MARKED.sub(lambda one: f"{one[1]}**{tier_name}**\n{one[4]}" if one[2] == tier.__name__ else one[0], text)


def switches(connector: type[AnyConnector]) -> str:
    """Switches of the simulator, if its module has a ``Behaviour``."""
    module = connector.manifest.simulator
    model = getattr(importlib.import_module(module), "Behaviour", None) if module else None
    if model is None:
        return "None."
    rows = []
    for key, field in model.model_fields.items():
        choices = [str(one) for one in get_args(field.annotation)] or [
            "text" if field.annotation is str else "a number"
        ]
        default = "none" if field.default == "" else f"`{field.default}`"
        rows.append((f"`{key}`", ", ".join(choices), default, " ".join((field.description or "").split())))
    return table(("switch", "values", "default", "what it decides"), rows)


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
    """Return the names of the generated parts in a README."""
    return {found[2] for found in MARKED.finditer(text)}


def regenerated(text: str, connector: type[AnyConnector]) -> str:
    """Return the README with each of its generated parts up to date."""

    def regenerate(found: re.Match[str]) -> str:
        start, name, _, end = found.groups()
        if name == tier.__name__:
            return f"{start}{tier(connector, tier_in(text))}\n{end}"
        return f"{start}{PARTS[name](connector)}\n{end}" if name in PARTS else found[0]

    return MARKED.sub(regenerate, text)

"""Writes what documents quote from the program: tables and signatures between markers.

``python -m docs.generate`` writes; ``--check`` only says what is not current. A part of a document between
``<!-- generated: NAME ARGUMENT -->`` and ``<!-- end -->`` is what the function NAME gives.
"""

import ast
import contextlib
import importlib
import inspect
import io
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from connector_core import errors, hookspecs, settings
from connector_core.cli.main import app, invoke
from connector_core.connector import AnyConnector
from connector_core.plugins import load

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- generated: (\w+) ?([\w-]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def commands(_: str) -> str:
    """Every command with the first sentence of its help."""
    rows = []
    for name in app.resolved_commands():
        if not name.startswith("-"):
            help_text = inspect.getdoc(app[name].default_command) if app[name].default_command else app[name].help
            rows.append((f"`discover {name}`", (help_text or "").splitlines()[0]))
    return table(("command", "does"), rows)


def help_of(name: str) -> str:
    """What ``--help`` prints."""
    os.environ["COLUMNS"] = "100"  # The same wherever it is made.
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        invoke([*name.split("-"), "--help"])
    return "```text\n" + "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines()) + "\n```"


def error_tree(_: str) -> str:
    tree = (errors.__doc__ or "").partition("::\n")[2].partition("\n\nNo message")[0]
    return "```text\n" + inspect.cleandoc(tree).strip() + "\n```"


def error_codes(_: str) -> str:
    found = [
        one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.ConnectorCoreError)
    ]
    rows = [(f"`{one.code}`", f"`{one.__name__}`", str(one.exit_code), "yes" if one.retryable else "") for one in found]
    return table(("code", "class", "exit", "retried"), rows)


def hooks(_: str) -> str:
    parts = []
    for name, hook in vars(hookspecs).items():
        if name.startswith("discovery_"):
            # Names without the modules that they come from.
            signature = re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(inspect.signature(hook)))
            parts.append(f"### {name}\n\n```python\ndef {name}{signature}\n```\n\n{inspect.getdoc(hook)}")
    return "\n\n".join(parts)


def keys(name: str) -> str:
    """The keys of one settings table, with defaults and meanings."""
    model: type[BaseModel] = getattr(settings, name)
    meanings = _attribute_docs(model)
    rows = []
    for key, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if isinstance(default, BaseModel) or default is None else f"`{_toml(default)}`"
        rows.append((f"`{key}`", shown, meanings.get(key, "")))
    return table(("key", "default", "meaning"), rows)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else "{}" if isinstance(value, dict) else f'"{value}"'


def _attribute_docs(model: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class is a class
    found = {}
    for node, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(following, ast.Expr):
            found[node.target.id] = " ".join(str(ast.literal_eval(following.value)).split())
    return found


def _connector(name: str) -> type[AnyConnector]:
    return load(settings.Settings()).connector(name)


def capabilities(name: str) -> str:
    found = _connector(name)
    rows = [
        (f"{one.kind.__name__}s", ", ".join(sorted(one.products)), one.description, one.resource, one.permission)
        for one in found.declarations.values()
    ]
    return table(("entity", "product", "description", f"{found.manifest.title} resource", "permission"), rows)


def credentials(name: str) -> str:
    rows = [
        (one.title, f"`{one.name}`", "secret" if one.secret else f"such as `{one.example}`", one.help)
        for one in _connector(name).credentials_type.form()
    ]
    return table(("field", "name", "value", "help"), rows)


def provider_setup(name: str) -> str:
    steps = _connector(name).manifest.provider_setup
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def facts(name: str) -> str:
    manifest = _connector(name).manifest
    limits = "; ".join(f"{one.requests} requests of `{one.path}` in any {one.per:g} s" for one in manifest.limits)
    rows = [
        ("category", manifest.category),
        ("authentication", manifest.authentication),
        ("hosts", ", ".join(f"`{host}`" for host in manifest.hosts)),
        ("limits", limits),
        ("throttled by", ", ".join(str(status) for status in sorted(manifest.throttled_by))),
        ("token lifetime", f"{manifest.token_lifetime.days} days" if manifest.token_lifetime else "unlimited"),
    ]
    return table(("", ""), [(key, str(value)) for key, value in rows])


def options(name: str) -> str:
    rows = [
        (f"`{key}`", field.description or "", f"`{list(field.get_default())}`")
        for key, field in _connector(name).options_type.model_fields.items()
    ]
    return table(("option", "meaning", "default"), rows)


def switches(name: str) -> str:
    """The simulator's switches."""
    model = importlib.import_module(f"connectors.{name}.simulator.behaviour").Behaviour
    meanings = _attribute_docs(model)
    rows = []
    for key, field in model.model_fields.items():
        choices = [str(one) for one in get_args(field.annotation)] or ["a number"]
        rows.append((f"`{key}`", ", ".join(choices), f"`{field.default}`", meanings.get(key, "")))
    return table(("switch", "values", "default", "what it decides"), rows)


def current(text: str) -> str:
    """The document with every marked part made anew."""

    def remake(found: re.Match[str]) -> str:
        start, name, argument, end = found.groups()
        return f"{start}{globals()[name](argument)}\n{end}"

    return MARKED.sub(remake, text)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("connectors/*/README.md")])


def main() -> int:
    stale = []
    for document in documents():
        text = document.read_text(encoding="utf-8")
        made = current(text)
        if made != text:
            stale.append(str(document.relative_to(ROOT)))
            if "--check" not in sys.argv:
                document.write_text(made, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"Not current: {', '.join(stale)}. Run: make generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

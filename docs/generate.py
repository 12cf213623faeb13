"""Writes what documents quote from the program: tables and signatures between markers.

``python -m docs.generate`` writes; ``--check`` only says what is not current. A part of a document between
``<!-- generated: NAME ARGUMENT -->`` and ``<!-- end -->`` is what the function NAME gives; in a connector's README,
what NAME gives in ``connector_core.testing.readme``. A README that a document quotes stays as it is quoted.
"""

import ast
import contextlib
import inspect
import io
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from connector_core import errors, hookspecs, messages, public, settings
from connector_core.cli.main import app, invoke
from connector_core.cli.settings import keys_of
from connector_core.plugins import load
from connector_core.sdk import values
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.entities import Product
from connector_core.testing import readme
from connector_core.testing.kit.rules import RULES
from connector_core.testing.listing_faults import LISTING_FAULTS
from connector_core.testing.network_faults import NETWORK_FAULTS, THROTTLES
from connector_core.testing.readme import MARKED, PARTS, readme_of, table, tier_in
from connector_core.testing.spellings import SPELLINGS
from connector_core.web import errors as of_the_web
from connector_core.web.api import OPERATIONS, PREFIX, document_of
from connector_core.web.failures import STATUSES, status_of
from docs.reference import reference

__all__ = ["current", "documents", "lines_of", "main", "reference"]
ROOT = Path(__file__).parents[1]


def commands(_: str) -> str:
    """Every command with the first sentence of its help."""
    rows = []
    for name in app.resolved_commands():
        if not name.startswith("-"):
            help_text = inspect.getdoc(app[name].default_command) if app[name].default_command else app[name].help
            rows.append((f"`discover {name}`", (help_text or "").partition("\n\n")[0].replace("\n", " ")))
    return table(("command", "does"), rows)


def help_of(name: str) -> str:
    """The output of ``--help``."""
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


def web_errors(_: str) -> str:
    """Every error of requests to the web host, with its status, and those that HTTP itself names."""
    found = [
        one
        for one in vars(of_the_web).values()
        if inspect.isclass(one) and issubclass(one, errors.ConnectorCoreError) and one is not errors.ConnectorCoreError
    ]
    rows = [(f"`{one.code}`", str(status_of(one)), " ".join((one.__doc__ or "").split())) for one in found]
    return table(("code", "status", "meaning"), rows)


def reasons(_: str) -> str:
    """Every reason code, with its message and what to do about it."""
    parts = []
    for heading, group in messages.GROUPS.items():
        rows = [(f"`{code}`", _template(said.text), _template(said.action)) for code, said in group.items()]
        parts.append(f"## {heading}\n\n" + table(("code", "message", "what to do"), rows))
    return "\n\n".join(parts)


def _template(text: str) -> str:
    """A message with its parameters as names: ``{rows:row}`` becomes ``{rows} rows``."""
    return re.sub(r"\{(\w+)(?::(\w+))?[^}]*\}", lambda one: f"{{{one[1]}}}" + (f" {one[2]}s" if one[2] else ""), text)


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
    found = keys_of(getattr(settings, name))
    rows = [(f"`{one.key}`", f"`{one.default}`" if one.default else "", one.meaning) for one in found]
    return table(("key", "default", "meaning"), rows)


def rules(_: str) -> str:
    """Every rule of the kit."""
    return table(
        ("rule", "tier", "promise", "check"),
        [(f"`{one.name}`", str(one.tier), one.promise, one.how) for one in RULES.values()],
    )


def vocabulary(_: str) -> str:
    """The functions that mappings share."""
    rows = []
    for name, function in vars(values).items():
        if name in public.__all__ and getattr(function, "__module__", "") == values.__name__:
            parameters = [str(one).partition(":")[0] for one in inspect.signature(function).parameters.values()]
            rows.append((f"`{name}({', '.join(parameters)})`", " ".join((inspect.getdoc(function) or "").split())))
    return table(("function", "meaning"), rows)


def page_parts(_: str) -> str:
    """The generated parts of a connector's README."""
    return table(("part", "what it holds"), [(f"`{name}`", inspect.getdoc(part) or "") for name, part in PARTS.items()])


def faults(_: str) -> str:
    """Every fault that can be scripted, with what it does."""
    rows = [("`500`, any status", "Send the HTML page of a proxy with this status.")]
    rows += [(f"`{name}`", inspect.getdoc(fault) or "") for name, fault in NETWORK_FAULTS.items()]
    rows += [(f"`{name}`", f"Throttle the request. {description}") for name, (description, _) in THROTTLES.items()]
    rows += [(f"`{name}`", description) for name, description in (LISTING_FAULTS | SPELLINGS).items()]
    return table(("fault", "what the simulator does"), rows)


def connectors(_: str) -> str:
    """Every connector of this distribution: what it discovers, how long it is, how far it is proven."""
    rows = []
    for one in _connectors().values():
        manifest, page = one.manifest, readme_of(one)
        exempt = f", {len(manifest.exemptions)} exempt" if manifest.exemptions else ""
        rows.append(
            (
                f"[{manifest.title}]({Path(os.path.relpath(page, ROOT / 'docs')).as_posix()})",
                manifest.category,
                manifest.authentication,
                *(_kinds(one, product) for product in Product),
                str(lines_of(page.parent)),
                (tier_in(page.read_text(encoding="utf-8")) or "not proven") + exempt,
            )
        )
    headings = ("connector", "category", "authentication", *Product, "lines", "tier")
    return table(headings, rows)


def _kinds(connector: type[AnyConnector], product: Product) -> str:
    return ", ".join(f"{kind}s" for kind, one in connector.declarations.items() if product in one.products)


def lines_of(package: Path) -> int:
    """The lines of a connector's modules that are code: no blank one, comment or docstring; and no simulator's."""
    modules = [
        one for one in package.rglob("*.py") if "simulator" not in one.relative_to(package).with_suffix("").parts
    ]
    return sum(_code_lines(one.read_text(encoding="utf-8")) for one in modules)


def _code_lines(text: str) -> int:
    said = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") for number, line in lines if number not in said)


def operations(_: str) -> str:
    """Every operation of the JSON API."""
    rows = [(f"`{one.method} {PREFIX}{one.path}`", one.role.value, one.summary) for one in OPERATIONS]
    return table(("request", "role", "does"), rows)


def statuses(_: str) -> str:
    """The status of each error of the web host."""
    return table(("code", "status"), [(f"`{kind.code}`", str(status)) for kind, status in STATUSES])


def current(text: str) -> str:
    """The document with every marked part made anew."""

    def remake(found: re.Match[str]) -> str:
        start, name, argument, end = found.groups()
        if name in PARTS:
            return found[0]
        return f"{start}{globals()[name](argument or '')}\n{end}"

    return MARKED.sub(remake, text)


def documents() -> dict[Path, str]:
    """Every document, as it should be."""
    made = {}
    for connector in _connectors().values():
        page = readme_of(connector)
        made[page] = readme.regenerated(page.read_text(encoding="utf-8"), connector)
    for one in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        made[one] = current(one.read_text(encoding="utf-8"))
    made[ROOT / "docs/openapi.json"] = json.dumps(document_of(OPERATIONS), indent=1) + "\n"
    return made


def _connectors() -> Mapping[str, type[AnyConnector]]:
    return load(settings.Settings()).connectors


def main() -> int:
    stale = []
    for document, made in documents().items():
        if made != document.read_text(encoding="utf-8"):
            stale.append(str(document.relative_to(ROOT)))
            if "--check" not in sys.argv:
                document.write_text(made, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"Not current: {', '.join(stale)}. Run: make generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The author's reference and the page of providers: nothing is missing, and every line of code in them is true."""

import ast
import builtins
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from test_site import build

from connector_core import public, testing
from docs.reference import GROUPS, Documented, documented, markdown, public_names

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTED = {name: documented(name) for name in public_names()}
PAGES = ("providers", "new-connector")
IMPORTS = """
import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from pydantic import Field
from connector_core.settings import HostSettings
"""


def lines_of_code() -> dict[str, str]:
    """Return every worked line, and every snippet of the pages, by where it stands."""
    found = {f"{name}_{at}": line for name, one in DOCUMENTED.items() for at, line in enumerate(one.examples)}
    for page in PAGES:
        text = (ROOT / f"docs/howto/{page}.md").read_text(encoding="utf-8")
        found |= {f"{page}_{at}": code for at, code in enumerate(FENCE.findall(text))}
    return found


def as_module(lines: dict[str, str]) -> str:
    """Return a module with a function for each piece of code, or a class where it is a method of a connector."""
    at_hand = (ROOT / "tests/at_hand.py").read_text(encoding="utf-8")
    from_testing = ", ".join(sorted({*testing.__all__} - {"Person"}))
    doors = f"from connector_core import {', '.join(public.__all__)}\nfrom connector_core.testing import {from_testing}"
    parts = [IMPORTS, doors, at_hand]
    for place, code in lines.items():
        name = re.sub(r"\W", "_", place)
        if code.startswith("@") and "(self" in code:
            head = f"class In_{name}(Acme):"
        elif "yield " in code and "def " not in code:
            head = f"async def in_{name}(self: Acme, request: web.Request) -> AsyncIterator[Page[Employee]]:"
        else:
            head = f"async def in_{name}(self: Acme, request: web.Request) -> None:"
        parts.append(f"{head}  # {place}\n{textwrap.indent(code, '    ')}\n")
    return "\n\n".join(parts)


def test_every_public_name_is_in_one_group() -> None:
    grouped = [name for _, names in GROUPS.values() for name in names.split()]
    assert sorted(grouped) == sorted(public_names())


@pytest.mark.parametrize("one", DOCUMENTED.values(), ids=list(DOCUMENTED))
def test_every_public_name_has_a_docstring_and_a_worked_line_of_its_own(one: Documented) -> None:
    text = one.doc.partition("Example:")[0].strip()
    assert len(text.split()) >= 3
    assert one.examples
    assert any(re.search(rf"\b{one.name.rpartition('.')[2]}\b", line) for line in one.examples) or one.value in OTHERS


OTHERS: list[Any] = [
    public.Api,
    public.Run,
    public.KindReport,
    public.KindPlan,
    public.Certificate,
    public.Change,
    public.Report,
]
OTHERS += [public.ConnectorCoreError, public.HandPages, public.Page, public.PlaceInListing, testing.Person]
OTHERS += [testing.Simulator, testing.Served, testing.Request, testing.StaffSimulator, public.Entity, public.hookimpl]
"""Values that an author is given, and does not write."""


def test_every_line_of_code_is_true_to_the_types(tmp_path: Path) -> None:
    module = tmp_path / "worked_lines.py"
    module.write_text(as_module(lines_of_code()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", str(module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    source = module.read_text(encoding="utf-8").splitlines()
    found = [f"{source[int(one[1]) - 1].strip()}: {one[2]}" for one in re.finditer(r":(\d+): error: (.*)", done.stdout)]
    assert (found, done.stdout, done.stderr) == ([], "", "")


def comparisons() -> Iterator[Any]:
    """Yield the worked lines that compare values, and need no name at hand."""
    names = {**vars(builtins), **vars(public), "UTC": UTC, "date": date, "datetime": datetime}
    for one in DOCUMENTED.values():
        for line in one.examples:
            tree = ast.parse(line).body[0]
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Compare) and used <= names.keys():
                yield pytest.param(line, names, id=one.name)


@pytest.mark.parametrize(("line", "names"), list(comparisons()))
def test_a_worked_line_that_compares_is_so(line: str, names: dict[str, Any]) -> None:
    assert eval(line, dict(names)) is True  # noqa: S307 - a line of our own docstrings


def test_most_values_have_a_line_that_compares() -> None:
    assert len(list(comparisons())) >= 10


def test_a_docstring_becomes_markdown() -> None:
    doc = """Return ``it``. Example: ``it(1) == 2``.

    A block::

        it(2)

    Args:
        one: The first,
            at length.
        two: The second.
    """
    assert markdown(inspect.cleandoc(doc)) == (
        "Return `it`.\n\nA block:\n\n```python\nit(2)\n```\n\n- `one`: The first, at length.\n- `two`: The second.\n\n"
        "```python\nit(1) == 2\n```"
    )


# ---- the site


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Build the site, and return its index for the search."""
    made = tmp_path_factory.mktemp("site")
    done = build(ROOT, made)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads((made / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    return found


@pytest.mark.parametrize(
    "words",
    [
        *("cursor", "GraphQL", "OAuth", "refresh token", "Link header", "OData", "next URL", "SCIM", "private key JWT"),
        *("mutual TLS", "delta link", "tombstone", "concurrency limit", "client credentials", "bare array", "throttle"),
    ],
)
@pytest.mark.parametrize("page", ["howto/providers.html"])
def test_search_finds_the_words_of_authors(index: list[dict[str, str]], words: str, page: str) -> None:
    hits = [
        one["location"]
        for one in index
        if all(re.search(rf"\b{word}", f"{one['title']} {one['text']}", re.IGNORECASE) for word in words.split())
    ]
    assert any(hit.startswith(page) for hit in hits)


def test_every_name_has_a_section_in_the_reference(index: list[dict[str, str]]) -> None:
    sections = {one["title"] for one in index if one["location"].startswith("reference.html#")}
    assert set(public_names()) <= sections


def test_every_row_of_the_page_leads_to_code_and_into_the_reference() -> None:
    text = (ROOT / "docs/howto/providers.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^### (.*)\n\n((?:.*\n)*?)(?=^##|\Z)", text, re.MULTILINE))
    assert len(parts) >= 30
    for heading, part in parts.items():
        if heading != "No total at all":
            assert FENCE.search(part), heading
            assert "](../reference.md#" in part or "`hosts`" in part, heading

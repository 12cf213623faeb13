"""The site is built from the documents without a warning and without a network, and its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import lines_of
from docs.sources import outside, relinked

ROOT = Path(__file__).parents[1]
HIDDEN = re.compile(r"<pre.*?</pre>|<code.*?</code>", re.DOTALL)


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Not --quiet: mkdocs then counts no warnings, and --strict is met by anything.
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    done = build(ROOT, made)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
    assert said == []
    return made


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The documents, to be spoiled."""
    for folder in ("docs", "connectors"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [*ROOT.glob("*.md"), ROOT / "mkdocs.yml", ROOT / "LICENSE", ROOT / "plugins.toml"]:
        shutil.copy(file, tmp_path)
    return tmp_path


def test_every_document_and_every_connector_has_a_page(site: Path) -> None:
    pages = {page.relative_to(site).with_suffix(".md").as_posix() for page in site.rglob("*.html")} - {"404.md"}
    documents = {one.relative_to(ROOT / "docs").as_posix() for one in ROOT.glob("docs/**/*.md")}
    assert pages == documents | set(outside(ROOT).values())
    assert {"connectors/namely.md", "explanation/architecture.md", "changes.md"} <= pages
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        assert f'href="{Path(page).with_suffix(".html").as_posix()}"' in home, f"{page} is not in the navigation"


def test_no_program_is_in_the_site(site: Path) -> None:
    assert not [*site.rglob("*.py"), *site.rglob("*.pyc"), *site.rglob("*.md")]


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loaded = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text(encoding="utf-8")) == [], page
    assert (site / "search" / "search_index.json").is_file()


def test_tables_and_fences_come_out_as_such(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = HIDDEN.sub("", page.read_text(encoding="utf-8"))
        assert "| --- |" not in text, page
        assert "```" not in text, page
    assert (site / "connectors" / "namely.html").read_text(encoding="utf-8").count("<table>") >= 6


BROKEN = (
    ("docs/index.md", "[nowhere](nowhere.md)"),
    ("docs/howto/plans.md", "[no such part](../explanation/plans.md#no-such-part)"),
    ("connectors/namely/README.md", "[nowhere](../../docs/nowhere.md)"),
    ("ARCHITECTURE.md", "[no such part](docs/kit.md#no-such-part)"),
)


def test_each_broken_link_and_each_page_outside_the_navigation_fails_the_build(copied: Path) -> None:
    for place, link in BROKEN:
        with (copied / place).open("a", encoding="utf-8") as document:
            document.write(f"\n{link}\n")
    (copied / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(copied, copied / "site")
    assert done.returncode == 1
    # One warning for each, and each of them alone would abort the build.
    assert done.stderr.count("WARNING") == len(BROKEN) + 1
    assert "forgotten.md" in done.stderr


@pytest.mark.slow
def test_a_connector_that_is_added_needs_no_other_line(copied: Path) -> None:
    shutil.copytree(copied / "connectors" / "namely", copied / "connectors" / "another")
    done = build(copied, copied / "site")
    assert done.returncode == 0, done.stderr
    assert 'href="connectors/another.html"' in (copied / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("connectors/namely.md", "[errors](../../docs/errors.md)", "[errors](../errors.md)"),
        ("connectors/namely.md", "[kit](../../docs/kit.md#rules)", "[kit](../kit.md#rules)"),
        ("connectors.md", "[Namely](../connectors/namely/README.md)", "[Namely](connectors/namely.md)"),
        ("explanation/architecture.md", "[the kit](docs/kit.md)", "[the kit](../kit.md)"),
        ("explanation/plans.md", "[facts](facts.md#drift)", "[facts](facts.md#drift)"),
        ("tutorial.md", "[more](../README.md#write-a-connector)", "[more](index.md)"),
        ("index.md", "[licence](../LICENSE)", "licence"),
        ("index.md", "[code](../docs/generate.py)", "code"),
        ("index.md", "[nowhere](nowhere.md)", "[nowhere](nowhere.md)"),
        ("index.md", "[part](#words)", "[part](#words)"),
        ("index.md", "[web](https://example.com/docs)", "[web](https://example.com/docs)"),
    ],
)
def test_links_lead_to_pages_where_there_are_pages_and_else_to_nothing(page: str, link: str, becomes: str) -> None:
    assert relinked(f"See {link}.", page, ROOT) == f"See {becomes}."


def test_what_is_built_is_not_in_git() -> None:
    assert "\nsite_dir: site\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_lines_of_a_connector_are_those_of_code(tmp_path: Path) -> None:
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "server.py").write_text("a = 1\n")
    (tmp_path / "simulator.py").write_text("a = 1\n")
    (tmp_path / "wire.py").write_text('"""Words."""\n\n# why\na = 1  # and how\n\n\nb = """\n# text\n"""\n')
    (tmp_path / "README.md").write_text("# Words\n")
    assert lines_of(tmp_path) == 3

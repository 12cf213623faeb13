"""Pages of the site whose documents lie outside of docs/, and the links between both: hooks of mkdocs.

A document is written for where it lies, so that its links work there, too. In the site they lead to the pages that are
made of the same files. What a link leads to that is no page, such as LICENSE, is named without a link.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def outside(root: Path) -> dict[Path, str]:
    """The documents outside of docs/, and the page that each becomes."""
    connectors = sorted(root.glob("connectors/*/README.md"))
    return {
        root / "ARCHITECTURE.md": "explanation/architecture.md",
        root / "CHANGELOG.md": "changes.md",
        root / "SECURITY.md": "explanation/security.md",
        **{document: f"connectors/{document.parent.name}.md" for document in connectors},
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the connectors to the navigation: what is there is read, and nothing is listed twice."""
    pages = [uri for uri in outside(_root(config)).values() if uri.startswith("connectors/")]
    for section in config.nav or []:
        if isinstance(section, dict) and "Connectors" in section:
            section["Connectors"].extend(pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for document, uri in outside(_root(config)).items():
        files.append(File.generated(config, uri, content=document.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - by name
    return relinked(markdown, page.file.src_uri, _root(config))


def relinked(markdown: str, uri: str, root: Path) -> str:
    """The text of the page ``uri`` with every link to a document made one to its page; without those to other files."""
    docs, pages = root / "docs", outside(root)
    here = next((document for document, page in pages.items() if page == uri), docs / uri).parent

    def relink(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        file = Path(os.path.normpath(here / target))
        if file == root / "README.md":
            # Two faces of one thing: it welcomes in the repository, the index in the site.
            leads_to, anchor = "index.md", ""
        elif file in pages:
            leads_to = pages[file]
        elif file.is_relative_to(docs) and file.suffix == ".md":
            leads_to = file.relative_to(docs).as_posix()
        else:
            # What is not there at all stays a link, and mkdocs warns of it.
            return text if file.exists() else found[0]
        return f"[{text}]({posixpath.relpath(leads_to, posixpath.dirname(uri) or '.')}{anchor})"

    return _LINK.sub(relink, markdown)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent

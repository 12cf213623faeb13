"""A connector of one's own: ``new``."""

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.form import somebody_is_there
from connector_core.cli.output import console, count, print_json
from connector_core.errors import SettingsError
from connector_core.scaffold import places
from connector_core.scaffold.rendering import render


@Parameter(name="*")
@dataclass(frozen=True)
class Answers:
    """The questions of the template, each a flag. On a terminal those that are not answered here are asked."""

    title: str | None = None
    """What the provider is called. [default: after NAME]"""
    host: str | None = None
    """The host of its API; *.acme.example where each company has a domain of its own. [default: api.NAME.example]"""
    auth: Literal["bearer", "header", "basic", "client-credentials"] | None = None
    """How a request says whose it is. [default: bearer]"""
    paging: Literal["page", "offset", "whole"] | None = None
    """How a listing is cut: by page number, by offset, or one answer holds all. [default: page]"""
    kinds: Annotated[tuple[Literal["employees", "departments"], ...], Parameter(negative="", show_default=False)] = ()
    """A kind of entity; employees always are one. May be given more than once. [default: both]"""


NO_ANSWERS = Answers()


def new(
    name: str,
    /,
    *,
    answers: Answers = NO_ANSWERS,
    into: Path | None = None,
    in_tree: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Writes a connector that keeps every rule of the kit at once, against an invented provider.

    Args:
        name: What operators type, and the module: acmehr.
        answers: The template's.
        into: An empty folder for a distribution of its own. [default: NAME-connector]
        in_tree: Into this checkout of connector-core, beside the connectors that it has.
    """
    if into and in_tree:
        raise SettingsError("--into and --in-tree exclude each other.", hint="Leave one of them out.")
    places.check_name(name, flags.registry().entries)
    if in_tree:
        root = places.checkout(Path.cwd())
        places.check_tree(root, name)
    else:
        root = places.free_folder(into or Path(f"{name.replace('_', '-')}-connector"))
    given = {question: answer for question, answer in asdict(answers).items() if answer}
    if "kinds" in given:
        given["kinds"] = list(dict.fromkeys(("employees", *answers.kinds)))
    rendered = render(name, given, in_tree=in_tree, ask=_can_be_asked(flags))
    files = places.in_tree(root, name, rendered) if in_tree else places.apart(root, rendered)
    places.write(files)
    _tell(root, name, [str(file.relative_to(root)) for file in files], in_tree=in_tree, flags=flags)
    return 0


def _can_be_asked(flags: Flags) -> bool:
    # Questions are asked on standard output, which must not be a program's.
    return somebody_is_there() and sys.stdout.isatty() and not flags.json


def _tell(root: Path, name: str, files: list[str], *, in_tree: bool, flags: Flags) -> None:
    """What was written, and the next commands."""
    known = "make setup   (or: pip install -e . --no-deps)" if in_tree else 'pip install -e ".[tests]"'
    following = [
        *([] if root.resolve() == Path.cwd().resolve() else [f"cd {shlex.quote(str(root))}"]),
        known,
        f"discover test {name}",
        *(["make generate"] if in_tree else []),
    ]
    if flags.json:
        print_json({"connector": name, "folder": str(root), "files": files, "next": following})
        return
    out = console()
    out.print(f"{count(len(files), 'file')} written in {root}:")
    for file in files:
        out.print(f"  {file}")
    out.print("\nNext:")
    for line in following:
        out.print(f"  {line}")
    guide = "docs/howto/new-connector.md" if in_tree else "README.md"
    out.print(f"\nThe provider is invented: {guide} says what to replace by its facts, in order.")

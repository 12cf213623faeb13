"""New connectors: ``new``."""

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console
from connector_core.cli.questions import is_interactive
from connector_core.errors import SettingsError
from connector_core.messages import counted
from connector_core.scaffold import places
from connector_core.scaffold.rendering import render


@Parameter(name="*")
@dataclass(frozen=True)
class Answers:
    """Answers to the template's questions, each a flag. On a terminal the others are asked for."""

    title: str | None = None
    """The provider's name. [default: after NAME]"""
    host: str | None = None
    """Host of its API: *.acme.example, one for each company; operator, typed at connect. [default: api.NAME.example]"""
    auth: (
        Literal[
            "bearer",
            "header",
            "prefixed-header",
            "basic",
            "client-credentials",
            "client-credentials-basic",
            "private-key-jwt",
            "authorization-code",
        ]
        | None
    ) = None
    """Authentication of requests; authorization-code where a user signs in. [default: bearer]"""
    paging: Literal["page", "offset", "cursor", "next-url", "link-header", "graphql", "whole"] | None = None
    """Paging of listings: by number, by what a page tells of the next one, or not at all. [default: page]"""
    total: Literal["listing", "count", "none"] | None = None
    """Source of the number of rows in a listing: its own answers, another request, or none. [default: listing]"""
    kinds: Annotated[tuple[Literal["employees", "departments"], ...], Parameter(negative="", show_default=False)] = ()
    """A kind of entity; employees are always included. May be given more than once. [default: both]"""


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
    """Create a connector for an invented provider, which passes every rule of the kit as it is.

    Args:
        name: The connector's name and module, such as acmehr.
        answers: The template's.
        into: Create a distribution in this empty folder. [default: NAME-connector]
        in_tree: Create it in this checkout of connector-core, beside the other connectors.
    """
    if into and in_tree:
        raise SettingsError("Give --into or --in-tree, not both.")
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
    files = places.in_tree(root, name, rendered) if in_tree else places.standalone(root, rendered)
    places.write(files)
    _print_result(root, name, [str(file.relative_to(root)) for file in files], in_tree=in_tree, flags=flags)
    return 0


def _can_be_asked(flags: Flags) -> bool:
    # The template's engine asks on standard output, which may be read by a program.
    return is_interactive() and sys.stdout.isatty() and not flags.json


def _print_result(root: Path, name: str, files: list[str], *, in_tree: bool, flags: Flags) -> None:
    """Print the files that were written, and the commands that come next."""
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
    out.print(f"{counted(len(files), 'file')} written to {root}:")
    for file in files:
        out.print(f"  {file}")
    out.print("\nNext:")
    for line in following:
        out.print(f"  {line}")
    guide = "docs/howto/new-connector.md" if in_tree else "README.md"
    out.print(f"\nThe provider is invented. {guide} says, step by step, what to replace with your provider's facts.")

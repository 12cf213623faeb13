"""The author's reference: every name of ``connector_core`` and ``connector_core.testing``, from the sources.

A worked line stands in the docstring of its name: ``Example:`` and code in double backquotes, or a literal block behind
two colons. Tests check the types of all of them, and evaluate those that compare.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any

from connector_core import public, testing
from connector_core.errors import ConnectorCoreError
from connector_core.testing.readme import table

TESTING = "testing."
"""Begins the heading of a name of ``connector_core.testing``."""
GROUPS: Mapping[str, tuple[str, str]] = {
    "The connector": (
        """
        A class that reads one provider, its decorated methods, and what the host gives it.
        """,
        """
        Connector Context Account Options discovers fetches witnesses changes changes_since hookimpl
        """,
    ),
    "The manifest": (
        """
        What a connector declares: data only.
        """,
        """
        Manifest Category Advice RateLimit ConcurrencyLimit RateHeaders
        """,
    ),
    "Ways to authenticate": (
        """
        Each names the fields of the credentials that it uses. A manifest takes them in `auth`, `auth_alternatives`
        and `client_certificate`.
        """,
        """
        Bearer Header Basic ClientCredentials ClientSecret PrivateKeyJwt AuthorizationCode ClientCertificate
        """,
    ),
    "Fields of credentials": (
        """
        The form that an operator fills in, and what each field accepts.
        """,
        """
        Credentials SecretStr TenantDomain Subdomain Identifier BaseUrl PrivateKey Pem Obtained NOT_OBTAINED
        """,
    ),
    "Wire models": (
        """
        The parts of the provider's responses that are read. All else is skipped by the parser.
        """,
        """
        Wire Row Listing ArrayListing Titled Maybe UNSET field from_header
        """,
    ),
    "Requests and paging": (
        """
        The client that the host gives a connector, and how a listing is cut into pages.
        """,
        """
        Api PageNumber Offset Cursor NextUrl LinkHeader SinglePage Streamed Body Paging HandPages
        """,
    ),
    "Pages of a listing": (
        """
        Rows, and what they tell about the whole listing.
        """,
        """
        Page PlaceInListing TotalSource ExpectedIds References Rejection RowRejectedError
        """,
    ),
    "Entities": (
        """
        What is discovered.
        """,
        """
        Entity Employee Department Product Status WorkerType DepartmentKind
        """,
    ),
    "Values": (
        """
        What a mapping makes of the provider's values.
        """,
        """
        text first as_tuple link full_name day moment words lookup IdsByName department_fields named_units
        named_unit_fields normal_form
        """,
    ),
    "Errors": (
        """
        [By whose fault they are](errors.md). The host raises them; a connector may raise those below `ProviderError`,
        and catch them where a kind can do without a response.
        """,
        """
        ConnectorCoreError Call ProviderError UnavailableError ThrottledError ForbiddenError NotFoundError
        CursorExpiredError InsecureError ProtocolError MalformedError CredentialsError InvalidCredentialsError
        RejectedCredentialsError OtherTenantError SettingsError UnknownIntegrationError PlanChangedError PluginError
        PluginLoadError PluginContractError PluginConflictError PluginRefusedError DiscoveryError StoreError BusyError
        """,
    ),
    "Results of runs": (
        """
        What [observers](howto/observe.md) and [embedding programs](howto/embed.md) are given.
        """,
        """
        Report Run Verdict KindReport Certificate Standing KindPlan Change Operation State Reason Code
        """,
    ),
    "Simulators and the kit": (
        """
        Names of `connector_core.testing`: [a simulator](howto/simulator.md), and what serves it in tests.
        """,
        """
        testing.Simulator testing.StaffSimulator testing.Organisation testing.Person testing.Listed testing.Switches
        testing.simulated_rsa_key
        testing.SimulatorOptions testing.Answer testing.json_answer testing.BODY testing.Request testing.Fault
        testing.Faults testing.serve testing.Served testing.load testing.environment testing.AuthorizationServer
        testing.OAuthError testing.simulated_key testing.new_rsa_key testing.another_key
        """,
    ),
}
"""Headings, with a sentence and the names below each."""
BORROWED: Mapping[str, str] = {
    "UNSET": "The value of a field that did not come: it keeps what is stored. Null is ``None``, which empties it. "
    "Example: ``title: Maybe[str] = UNSET``",
    "field": "Declare a field of a wire model under the provider's own key, or with a default that is made anew. "
    'Example: ``rows: list[Person] = field(name="people")``',
    "SecretStr": "Field type of a secret. It is shown as asterisks wherever it is printed, and only the host opens it. "
    'Example: ``api_key: SecretStr = Field(title="API key", description="From Settings > API.")``',
}
"""Docstrings of names that come from other libraries."""

_EXAMPLE = re.compile(r"\s*Example: ``(.+?)``\.?", re.DOTALL)
_BLOCK = re.compile(r"::\n\n((?: {4}.*\n|\n)+)")
_ARGUMENT = re.compile(r"^    (\*{0,2}\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Documented:
    """One public name, and its docstring."""

    name: str
    value: Any
    doc: str

    @property
    def examples(self) -> list[str]:
        """The worked lines."""
        blocks = [textwrap.dedent(one) for one in _BLOCK.findall(f"{self.doc}\n")]
        return [" ".join(one.split()) for one in _EXAMPLE.findall(self.doc)] + [one.strip("\n") for one in blocks]

    @property
    def heading(self) -> str:
        """The heading: with the module, where it is not ``connector_core``."""
        return self.name


def public_names() -> list[str]:
    """Return every public name, as its heading is."""
    return [*public.__all__, *(f"{TESTING}{name}" for name in testing.__all__)]


def documented(heading: str) -> Documented:
    """Return a public name with its docstring: its own, and not that of a class above it."""
    name = heading.removeprefix(TESTING)
    door: ModuleType = testing if heading.startswith(TESTING) else public
    value = getattr(door, name)
    if name in BORROWED:
        return Documented(heading, value, BORROWED[name])
    module = importlib.import_module(_sources(door)[name])
    doc = _strings(ast.parse(inspect.getsource(module)).body).get(name, "")
    if not doc and (inspect.isclass(value) or callable(value)):
        doc = vars(value).get("__doc__") or "" if inspect.isclass(value) else value.__doc__ or ""
    return Documented(heading, value, inspect.cleandoc(doc))


def reference(_: str) -> str:
    """Every public name, in groups."""
    parts = []
    for group, (intro, names) in GROUPS.items():
        parts.append(f"## {group}\n\n{' '.join(intro.split())}")
        parts += [_entry(documented(name)) for name in names.split()]
    return "\n\n".join(parts) + "\n"


@cache
def _sources(door: ModuleType) -> dict[str, str]:
    """Return the module that each name of a door is imported from."""
    body = ast.parse(inspect.getsource(door)).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    return {one.name: node.module or "" for node in imports for one in node.names}


def _entry(one: Documented) -> str:
    parts = [f"### {one.heading}"]
    if signature := _signature(one):
        parts.append(f"```python\n{signature}\n```")
    parts.append(markdown(one.doc))
    if inspect.isclass(one.value) and one.name not in BORROWED:
        parts += _members(one.value)
    return "\n\n".join(parts)


def markdown(doc: str) -> str:
    """Return a docstring as Markdown, with its worked lines as code at the end."""
    examples = [" ".join(one.split()) for one in _EXAMPLE.findall(doc)]
    text = _EXAMPLE.sub("", doc)
    text, _, arguments = text.partition("Args:\n")
    text = _BLOCK.sub(lambda found: f":\n\n```python\n{textwrap.dedent(found[1]).strip()}\n```\n\n", f"{text}\n")
    text = text.replace("Example:\n\n```", "```")
    text = _without_quotes(text).strip()
    if arguments:
        rows = [f"- `{name}`: {_without_quotes(' '.join(what.split()))}" for name, what in _ARGUMENT.findall(arguments)]
        text += "\n\n" + "\n".join(rows)
    for example in examples:
        text += f"\n\n```python\n{example}\n```"
    return text


def _without_quotes(text: str) -> str:
    """Return a text whose code is in single backquotes, except for fences."""
    return re.sub(r"(?<!`)``(?!`)", "`", text)


def _signature(one: Documented) -> str:
    """Return what is written in a call of a function or class, or how a class is derived; empty for constants."""
    value, name = one.value, one.name.removeprefix(TESTING)
    if one.name in BORROWED:
        return ""
    if inspect.isclass(value):
        bases = _definition(value).bases
        named = ", ".join([ast.unparse(base) for base in bases])
        return f"class {name}({named})" if named else f"class {name}"
    function = inspect.unwrap(value) if callable(value) else None
    if not inspect.isfunction(function):
        return ""
    return _call(_parsed(function))


def _call(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the first line of a function, over several lines if it is long."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    before = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    arguments = _arguments(node)
    line = f"{before} {node.name}({', '.join(arguments)}){returns}"
    if len(line) <= 100:
        return line
    return f"{before} {node.name}(\n" + "".join([f"    {one},\n" for one in arguments]) + f"){returns}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the parameters as they are written, without ``self``."""
    given = node.args
    defaults = [None] * (len(given.posonlyargs) + len(given.args) - len(given.defaults)) + [*given.defaults]
    positional = [*given.posonlyargs, *given.args]
    found = [_parameter(one, default) for one, default in zip(positional, defaults, strict=True)]
    if given.posonlyargs:
        found.insert(len(given.posonlyargs), "/")
    if given.vararg:
        found.append(f"*{_parameter(given.vararg, None)}")
    elif given.kwonlyargs:
        found.append("*")
    found += [_parameter(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg:
        found.append(f"**{_parameter(given.kwarg, None)}")
    return [one for one in found if one not in {"self", "cls"}]


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    annotated = f"{one.arg}: {ast.unparse(one.annotation)}" if one.annotation else one.arg
    if default is None:
        return annotated
    return f"{annotated} = {ast.unparse(default)}" if one.annotation else f"{annotated}={ast.unparse(default)}"


def _members(value: type[Any]) -> Iterator[str]:
    """Yield the fields of a class as a table, and its methods with their docstrings."""
    body = _definition(value).body
    said = _strings(body)
    if issubclass(value, Enum):
        members = [one for one in value if one.name in said or len(value) < 20]
        yield table(
            ("member", "value", "meaning"),
            [(f"`{one.name}`", f"`{one.value}`", _cell(said.get(one.name, ""))) for one in members],
        )
    else:
        if rows := list(_fields(body, said)):
            yield table(("field", "type", "default", "meaning"), rows)
        if issubclass(value, ConnectorCoreError):
            yield f"Its code is `{value.code}`, and a command that it ends exits with {value.exit_code}."
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (doc := ast.get_docstring(node)):
            if not node.name.startswith("_"):
                yield f"**{node.name}**\n\n```python\n{_marked(node)}{_call(node)}\n```\n\n{markdown(doc)}"
        elif (
            isinstance(node, ast.FunctionDef) and node.name == "__init__" and not issubclass(value, ConnectorCoreError)
        ):
            yield f"```python\n{value.__name__}({', '.join(_arguments(node))})\n```"


def _marked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the decorators that tell how a method is called."""
    names = [ast.unparse(one) for one in node.decorator_list]
    return "".join([f"@{name}\n" for name in names if name in {"property", "classmethod", "staticmethod"}])


def _fields(body: Iterable[ast.stmt], said: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a class's fields."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            kinds = [f"`{one.strip()}`" for one in _alternatives(node.annotation)]
            default = f"`{shown}`" if (shown := _default(node.value)) else ""
            yield f"`{node.target.id}`", " or ".join(kinds), default, _cell(said.get(node.target.id, ""))


def _default(value: ast.expr | None) -> str:
    """Return a field's default as it is written; empty where it has none."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field":
        given = {one.arg: one.value for one in value.keywords}
        if "default_factory" in given:
            return f"{ast.unparse(given['default_factory'])}()"
        value = given.get("default")
    return ast.unparse(value).replace("|", "or") if value else ""


def _alternatives(annotation: ast.expr) -> list[str]:
    """Return the parts of a union: a bar would end the cell of a table."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return [*_alternatives(annotation.left), *_alternatives(annotation.right)]
    return [ast.unparse(annotation).replace(" | ", ", ")]


def _cell(doc: str) -> str:
    return " ".join(_without_quotes(doc).split())


def _strings(body: Iterable[ast.stmt]) -> dict[str, str]:
    """Return the strings below assignments, by the names that are assigned."""
    found = {}
    for node, following in pairwise(body):
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(following.value.value, str):
                    found[target.id] = following.value.value
    return found


def _definition(value: type[Any]) -> ast.ClassDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    if not isinstance(node, ast.ClassDef):
        raise TypeError(f"{value} is no class")
    return node


def _parsed(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise TypeError(f"{function} is no function")
    return node

"""The kit on the command line: ``test``."""

from contextlib import nullcontext
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, error_console, print_json, table
from connector_core.errors import SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit import SUITES, Judgement, Result, Standing, jobs, prove
from connector_core.testing.pages import current, page_of, with_tier

BROKEN = 4
"""The exit code: a rule that is not kept is the connector's fault."""
_COLOURS = {Standing.KEPT: "green", Standing.EXEMPT: "yellow"}


def prove_connector(
    connector: str,
    /,
    *,
    suite: tuple[str, ...] = (),
    write: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Proves a connector offline, against its own simulator: every rule, and the tier that it reaches.

    Args:
        connector: As `discover list` names it.
        suite: Only this suite, such as faults. May be given more than once.
        write: First make the generated parts of the connector's README anew; when all suites have run, write the tier.
    """
    found = flags.host().registry.connector(connector)
    chosen = suite or SUITES
    wanted = jobs(chosen)
    if write:
        _write(found)
    out = error_console()
    shown = out.status(f"Proving {connector} …") if out.is_terminal and not flags.json else nullcontext()
    with shown as status:
        left = list(wanted)

        def told(job: str) -> None:
            left.remove(job)
            if status:
                status.update(f"Proving {connector}: {', '.join(left) or 'judging'} …")

        result = prove(found, chosen, told=told)
    if write and result.suites == SUITES:
        _write(found, result)
    if flags.json:
        print_json(_json(result))
    else:
        _print(result)
    return 0 if result.passed else BROKEN


def _write(connector: type[AnyConnector], result: Result | None = None) -> None:
    """Makes the parts of the README anew, and records the tier of a whole run."""
    page = page_of(connector)
    if not page.is_file():
        raise SettingsError(f"There is no {page}.", hint="Write one, with the markers of the parts: docs/kit.md.")
    text = page.read_text(encoding="utf-8")
    page.write_text(current(with_tier(text, str(result.tier)) if result else text, connector), encoding="utf-8")


def _print(result: Result) -> None:
    out = console()
    rows = [
        (one.rule.name, str(one.rule.tier), Text(one.standing, style=_COLOURS.get(one.standing, "red")), _what(one))
        for one in result.judgements
    ]
    out.print(table(("Rule", "Tier", "Standing", "What"), rows))
    for one in result.unknown_exemptions:
        out.print(f"The manifest exempts {one}, which is no rule.", style="bold red")
    out.print(table(("Measured", ""), sorted((result.notes.measures | _counts(result)).items())))
    whole = result.suites == SUITES
    verdict = f"{result.connector}: {result.tier}" if whole else f"{result.connector}: {', '.join(result.suites)}"
    kept = sum(one.good for one in result.judgements)
    out.print(
        f"{verdict}   {kept} of {len(result.judgements)} rules kept, in {result.seconds:.0f} s",
        style="bold green" if result.passed else "bold red",
    )


def _what(one: Judgement) -> str:
    return one.said or one.rule.promise


def _counts(result: Result) -> dict[str, str]:
    return {what: f"{number:,}" for what, number in result.notes.counts.items()}


def _json(result: Result) -> dict[str, Any]:
    return {
        "connector": result.connector,
        "tier": str(result.tier) if result.suites == SUITES else None,
        "passed": result.passed,
        "seconds": round(result.seconds, 1),
        "rules": [
            {"name": one.rule.name, "tier": str(one.rule.tier), "standing": one.standing, "said": one.said}
            for one in result.judgements
        ],
        "unknown_exemptions": list(result.unknown_exemptions),
        "measures": {**result.notes.measures, **result.notes.counts},
    }

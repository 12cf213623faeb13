"""The kit: ``test``."""

from contextlib import nullcontext
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from connector_core.cli.encoding import print_json
from connector_core.cli.flags import DEFAULT, Flags
from connector_core.cli.output import console, error_console, table
from connector_core.errors import SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.testing.kit import SUITES, Judgement, Result, Standing, jobs, prove
from connector_core.testing.readme import PARTS, readme_of, regenerated, with_tier

BROKEN = 4
"""Exit code for a rule that is broken: the connector's fault."""
_COLOURS = {Standing.KEPT: "green", Standing.EXEMPT: "yellow"}


def prove_connector(
    connector: str,
    /,
    *,
    suite: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    write: Annotated[bool, Parameter(negative="")] = False,
    flags: Flags = DEFAULT,
) -> int:
    """Test a connector offline against its simulator: every rule of the kit, and the tier it reaches.

    Args:
        connector: Its name in `discover list`.
        suite: Only this suite, such as faults. May be given more than once.
        write: Regenerate the tables of the connector's README; if all suites run, record the tier, too.
    """
    found = flags.host().registry.connector(connector)
    chosen = suite or SUITES
    wanted = jobs(chosen)
    if write:
        _write(found)
    out = error_console()
    spinner = out.status(f"Testing {connector} …") if out.is_terminal and not flags.json else nullcontext()
    with spinner as status:
        left = list(wanted)

        def done(job: str) -> None:
            left.remove(job)
            if status:
                status.update(f"Testing {connector}: {', '.join(left) or 'judging'} …")

        result = prove(found, chosen, on_done=done)
    if write and result.suites == SUITES:
        _write(found, result)
    if flags.json:
        print_json(_json(result))
    else:
        _print(result)
    return 0 if result.passed else BROKEN


def _write(connector: type[AnyConnector], result: Result | None = None) -> None:
    """Regenerate the parts of the README, and record the tier if all suites have run."""
    page = readme_of(connector)
    if not page.is_file():
        markers = " ".join(f"<!-- generated: {name} -->" for name in PARTS)
        raise SettingsError(
            f"{page} does not exist.", hint=f"Write one with these markers, each with <!-- end --> below it: {markers}"
        )
    text = page.read_text(encoding="utf-8")
    page.write_text(regenerated(with_tier(text, str(result.tier)) if result else text, connector), encoding="utf-8")


def _print(result: Result) -> None:
    out = console()
    rows = [
        (one.rule.name, str(one.rule.tier), Text(one.standing, style=_COLOURS.get(one.standing, "red")), _what(one))
        for one in result.judgements
    ]
    out.print(table(("Rule", "Tier", "Standing", "What"), rows))
    out.print()
    for one in result.unknown_exemptions:
        out.print(f"The manifest exempts {one}, which is not a rule.", style="bold red")
    if measured := sorted((result.findings.measures | _counts(result)).items()):
        out.print(table(("Measured", ""), measured))
        out.print()
    whole = result.suites == SUITES
    verdict = f"{result.connector}: {result.tier}" if whole else f"{result.connector}: {', '.join(result.suites)}"
    kept = sum(one.good for one in result.judgements)
    out.print(
        f"{verdict}   {kept} of {len(result.judgements)} rules kept, in {result.seconds:.0f} s",
        style="bold green" if result.passed else "bold red",
    )


def _what(one: Judgement) -> str:
    return one.detail or one.rule.promise


def _counts(result: Result) -> dict[str, str]:
    return {what: f"{number:,}" for what, number in result.findings.counts.items()}


def _json(result: Result) -> dict[str, Any]:
    return {
        "connector": result.connector,
        "tier": str(result.tier) if result.suites == SUITES else None,
        "passed": result.passed,
        "seconds": round(result.seconds, 1),
        "rules": [
            {"name": one.rule.name, "tier": str(one.rule.tier), "standing": one.standing, "said": one.detail}
            for one in result.judgements
        ],
        "unknown_exemptions": list(result.unknown_exemptions),
        "measures": {**result.findings.measures, **result.findings.counts},
    }

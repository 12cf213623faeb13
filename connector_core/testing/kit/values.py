"""Suite ``values``: other spellings of a value store the same, and one that cannot be read empties nothing."""

import operator
from typing import Any

from connector_core.sdk.texts import normal_form
from connector_core.testing.kit.findings import Findings
from connector_core.testing.kit.harness import Harness, RunResult
from connector_core.testing.kit.reading import differences
from connector_core.testing.spellings import SPELLINGS

_MADE_OF_SEVERAL = frozenset({"display_name"})
"""Fields that may be made of other values where one cannot be read: a preferred name, or the full one."""


async def examine(harness: Harness, findings: Findings) -> None:
    harness.reset()
    store = await harness.connected_store()
    plain = await harness.run(store)
    for kind in SPELLINGS:
        harness.reset()
        result = await harness.run(await harness.connected_store(), kind)
        _check_spelling(kind, result, plain, findings)
    for path in {one.path for one in harness.simulator.listings if one.people}:
        for kind in ("bad_values", "bad_row"):
            harness.reset()
            with harness.copy_of(store) as copy:
                result = await harness.run(copy, f"{kind}:{path}")
            _check_unreadable(harness, f"{kind} at {path}", result, plain, findings)


def _check_spelling(kind: str, result: RunResult, plain: RunResult, findings: Findings) -> None:
    if not result.complete:
        findings.fail("values.spelling", f"{kind}: {result.outcome.strip()}")
    for difference in differences(result, plain, same=_look_the_same if kind == "lookalikes" else operator.eq):
        findings.fail("values.spelling", f"{kind}: {difference}")


def _check_unreadable(harness: Harness, case: str, result: RunResult, plain: RunResult, findings: Findings) -> None:
    if result.error:
        findings.fail("values.unreadable", f"{case}: {result.error.message}")
    for difference in differences(result, plain, ignored=_MADE_OF_SEVERAL):
        findings.fail("values.unreadable", f"{case}: {difference}")
    for one in result.certificates:
        # A row that mentions something unreadable may mention one more of a derived kind.
        if case.startswith("bad_values") and one.rejected and not harness.connector.declarations[one.kind].derived:
            findings.fail("values.unreadable", f"{case}: {one.kind} rows rejected, such as {one.rejected[0]}")
        if any(rejected.source_id is None for rejected in one.rejected):
            findings.fail("values.unreadable", f"{case}: {one.kind} rows are rejected without their ids")


def _look_the_same(one: Any, other: Any) -> bool:
    texts = isinstance(one, str) and isinstance(other, str)
    return normal_form(one) == normal_form(other) if texts else bool(one == other)

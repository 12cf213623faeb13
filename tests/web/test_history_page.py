"""The history: runs with counts and verdicts, and head-counts over time as charts and tables."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from connector_core.errors import RejectedCredentialsError
from connector_core.outcomes import Operation
from connector_core.store import Headcount, Selection
from connector_core.web.charts import Bars
from connector_core.web.headcount_charts import joins_and_leaves, thinned
from world import StartWeb, Web

PATH = "/integrations/acme/history"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def day(days_ago: float, created: int = 0, losses: int = 0, active: int = 100) -> Headcount:
    return Headcount(NOW - timedelta(days=days_ago), "run", active, active, created, 0, losses, losses)


# ---- sums


def test_days_without_a_change_are_bars_of_nothing_up_to_now() -> None:
    assert joins_and_leaves([day(4, 2, 1), day(1, 0, 3)], NOW) == [
        Bars("02-26", 2, 1),
        Bars("02-27", 0, 0),
        Bars("02-28", 0, 0),
        Bars("03-01", 0, 3),
        Bars("03-02", 0, 0),
    ]


@pytest.mark.parametrize(
    ("days", "bars", "first", "last"),
    [
        (31, 32, "01-30", "03-02"),
        # Weeks begin on Mondays, and NOW is one.
        (32, 6, "01-26", "03-02"),
        (189, 28, "08-25", "03-02"),
        (190, 8, "2025-08", "2026-03"),
        (1096, 37, "2023-03", "2026-03"),
        (1500, 5, "2022", "2026"),
    ],
)
def test_the_longer_the_span_the_longer_a_bar(days: int, bars: int, first: str, last: str) -> None:
    found = joins_and_leaves([day(days, 1), day(0, 2, 1)], NOW)
    assert (len(found), found[0], found[-1].label) == (bars, Bars(first, 1, 0), last)
    assert (sum(one.up for one in found), sum(one.down for one in found)) == (3, 1)


def test_without_a_join_or_a_leave_there_is_no_bar() -> None:
    assert joins_and_leaves([day(3), day(1)], NOW) == []


def test_of_many_head_counts_as_many_are_kept_as_can_be_seen_with_both_ends() -> None:
    counts = [day(n) for n in range(2_000, 0, -1)]
    kept = thinned(counts)
    assert 200 < len(kept) <= 301
    assert (kept[0], kept[-1]) == (counts[0], counts[-1])
    assert all(one.at < two.at for one, two in pairwise(kept))
    assert thinned(counts[:3]) == counts[:3]
    assert thinned([]) == []


# ---- the page


def tables(html: str) -> list[list[list[str]]]:
    """Return the texts of the cells of each table."""
    return [
        [
            [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r"<table.*?</table>", html, re.DOTALL)
    ]


async def insert(site: Web, *counts: Headcount) -> None:
    for one in counts:
        values = (one.stored, one.active, one.created, one.updated, one.removed, one.losses)
        site.place.execute(
            "INSERT INTO headcounts (integration, kind, run_id, at, stored, active, created, updated, removed, losses) "
            f"VALUES ('acme', 'Employee', 'x', '{one.at.isoformat(timespec='microseconds')}', "
            f"{', '.join(map(str, values))})"
        )


async def test_before_the_first_run_the_page_says_so(web: StartWeb) -> None:
    page = await (await web(connected=True)).get(PATH)
    assert "No run yet" in page.text
    assert '<svg class="chart"' not in page.html


async def test_runs_are_listed_with_verdict_rows_changes_and_duration(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.evolve()
    await site.host.run("acme")
    await site.host.run("acme", apply=False)
    page = await site.get(PATH)
    *_, runs = tables(page.html)
    header, last, second, first = runs
    assert header == ["Started", "Verdict", "Rows read", "Changes", "Duration", "Requests"]
    assert (last[1], second[1], first[1]) == ("plan waiting", "plan replaced", "complete")
    assert "none applied" in last[3]
    assert re.fullmatch(r"[\d.]+ seconds", first[4])
    assert "60 created" in first[3]
    (counted,) = [one for one in await site.host.headcounts("acme", "Employee") if one.updated]
    assert f"{counted.created} created, {counted.updated} updated" in second[3]
    assert "Employees 60" in " ".join(first[2].split())


async def test_a_plan_that_a_later_run_replaced_is_not_decided(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.tenant.hire()
    first = await site.host.run("acme", apply=False)
    await site.host.run("acme", apply=False)
    shown = [row[1] for row in tables((await site.get(PATH)).html)[-1][1:]]
    assert shown == ["plan waiting", "plan replaced", "complete"]
    items = (await site.get("/api/v1/integrations/acme/runs")).json()["items"]
    assert [one["outcome"] for one in items] == shown
    assert "plan replaced" in (await site.get(f"/integrations/acme/runs/{first.run.id}")).parts
    await site.host.apply("acme")
    assert [row[1] for row in tables((await site.get(PATH)).html)[-1][1:]] == ["plan decided", *shown[1:]]


async def test_requests_of_a_run_that_failed_are_known_and_of_one_that_was_killed_not(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.tenant.token = "a-new-token"
    with pytest.raises(RejectedCredentialsError):
        await site.host.run("acme")
    (failed,) = await site.host.history("acme", 1)
    assert failed.requests
    assert tables((await site.get(PATH)).html)[-1][1][5] == str(failed.requests)
    site.place.execute(f"UPDATE runs SET requests = 0, error = 'interrupted' WHERE id = '{failed.run.id}'")
    assert tables((await site.get(PATH)).html)[-1][1][5] == "–"  # noqa: RUF001 - a dash is meant
    assert (await site.get(f"/api/v1/integrations/acme/runs/{failed.run.id}")).json()["requests"] is None


async def test_what_a_plan_changed_in_parts_is_added_up(web: StartWeb) -> None:
    site = await web(scanned=True)
    site.place.simulator.evolve()
    await site.host.run("acme", apply=False)
    for operation in (Operation.REMOVE, Operation.UPDATE, Operation.CREATE):
        await site.host.apply("acme", only=Selection(frozenset({("Employee", operation)})))
    *_, runs = tables((await site.get(PATH)).html)
    assert "1 created, 1 removed, 2 updated" in runs[1][3]


async def test_a_run_without_a_verdict_is_listed_by_its_error(web: StartWeb) -> None:
    site = await web(connected=True)
    site.place.tenant.token = "another"
    with pytest.raises(RejectedCredentialsError):
        await site.host.run("acme")
    page = await site.get(PATH)
    assert re.search(r'<span class="badge bad">failed: [a-z ]+</span>', page.html)


async def test_the_first_reading_is_a_head_count_and_no_join(web: StartWeb) -> None:
    site = await web(scanned=True)
    page = await site.get(PATH)
    assert page.html.count('<svg class="chart"') == 1
    assert "No person joined or left in this span." in page.text


async def test_each_chart_is_a_table_too_with_the_same_numbers(web: StartWeb) -> None:
    site = await web(scanned=True)
    now = datetime.now(UTC)
    at = [now + timedelta(seconds=1), now + timedelta(seconds=2)]
    await insert(site, Headcount(at[0], "x", 64, 60, 5, 0, 1, 2), Headcount(at[1], "x", 60, 56, 0, 0, 4, 4))
    page = await site.get(PATH)
    active, moves, _ = tables(page.html)
    first, *_ = await site.host.headcounts("acme", "Employee")
    assert [row[1] for row in active[1:]] == ["56", "60", str(first.active)]
    assert [sum(int(row[column]) for row in moves[1:]) for column in (1, 2)] == [5, 6]
    assert 'aria-label="Joined and left. 5 joined and 6 left in all."' in page.html
    assert re.search(rf'aria-label="Active employees. From {first.active} on \S+ to 56 on', page.html)


async def test_a_year_of_runs_is_shown_by_month_and_a_part_of_it_on_request(web: StartWeb) -> None:
    site = await web(scanned=True)
    now = datetime.now(UTC)
    site.place.execute("DELETE FROM headcounts")
    await insert(
        site, *[Headcount(now - timedelta(days=360 - n), "x", 100 + n, 90 + n, 1, 0, 0, 0) for n in range(361)]
    )
    page = await site.get(PATH)
    active, moves, _ = tables(page.html)
    assert len(moves) - 1 in {12, 13}
    assert sum(int(row[1]) for row in moves[1:]) == 361
    assert active[1][1] == "450"
    month = await site.fragment(f"{PATH}?span=30")
    assert "<!doctype html>" not in month.html
    _, days = tables(month.html)
    assert sum(int(row[1]) for row in days[1:]) in {30, 31}
    assert 'aria-current="true"' in month.html.partition("30 days")[0]
    assert (await site.get(f"{PATH}?span=nothing")).status == 200


async def test_more_runs_are_shown_on_request(web: StartWeb) -> None:
    site = await web(scanned=True)
    (run,) = await site.host.history("acme")
    site.place.execute(
        "WITH RECURSIVE c(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM c WHERE k < 30) "
        "INSERT INTO runs (id, integration, connector, product, kinds, started_at, finished_at, verdict) "
        "SELECT 'copy' || k, integration, connector, product, kinds, started_at, finished_at, verdict "
        f"FROM runs, c WHERE id = '{run.run.id}'"
    )
    page = await site.get(PATH)
    assert len(tables(page.html)[-1]) == 26
    assert "Show up to 250 runs" in page.text
    assert len(tables((await site.get(f"{PATH}?show=250")).html)[-1]) == 32

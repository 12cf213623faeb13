"""Charts: every number is where it belongs, and no text becomes markup."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from connector_core.web.charts import Bars, Point, bar_chart, line_chart, share_bar

START = datetime(2026, 1, 1, tzinfo=UTC)


def drawn(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314 - it was drawn here


def test_a_line_goes_up_where_the_value_does() -> None:
    chart = drawn(line_chart("Employees", [Point(START + timedelta(days=n), 100 + n) for n in range(4)]))
    path = next(one.get("d", "") for one in chart if one.get("class") == "line")
    heights = [float(one) for one in re.findall(r"V([\d.]+)", path)]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3
    assert chart.get("aria-label") == "Employees. From 100 on 2026-01-01 to 103 on 2026-01-04."


def test_one_point_is_a_chart_and_none_is_nothing() -> None:
    assert line_chart("Employees", []) == ""
    chart = drawn(line_chart("Employees", [Point(START, 7)]))
    assert [one.tag for one in chart].count("circle") == 1


def test_bars_are_as_high_as_their_numbers_are_large() -> None:
    bars = [Bars("Jan", 4, 0), Bars("Feb", 2, 1), Bars("Mar", 0, 4)]
    chart = drawn(bar_chart("Joins and leaves", bars, up="joins", down="leaves"))
    height = {
        name: [float(one.get("height", "")) for one in chart if one.get("class") == name] for name in ("up", "down")
    }
    unit = height["up"][0] / 4
    assert height["up"] == [round(unit * one.up, 1) for one in bars]
    assert [round(one / unit) for one in height["down"]] == [0, 1, 4]
    assert "6 joins and 5 leaves in all." in (chart.get("aria-label") or "")


def test_texts_are_escaped() -> None:
    chart = line_chart('<script>"', [Point(START, 1)])
    assert "<script>" not in chart
    assert drawn(chart).get("aria-label", "").startswith('<script>"')
    assert drawn(share_bar(1, 2, 'a "b" <c>')).get("aria-label") == 'a "b" <c>'

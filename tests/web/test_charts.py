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
        name: [float(one.get("height", "")) for one in chart.iter("rect") if one.get("class") == name]
        for name in ("up", "down")
    }
    unit = height["up"][0] / 4
    assert height["up"] == [round(unit * one.up, 1) for one in bars]
    assert [round(one / unit) for one in height["down"]] == [0, 1, 4]
    assert "6 joins and 5 leaves in all." in (chart.get("aria-label") or "")


def test_texts_are_escaped() -> None:
    chart = line_chart('<script>"', [Point(START, 1)])
    assert "<script>" not in chart
    assert drawn(chart).get("aria-label", "").startswith('<script>"')


def test_each_pair_of_bars_says_its_numbers() -> None:
    chart = drawn(bar_chart("Joined and left", [Bars("Jan", 4, 0), Bars("Feb", 1200, 1)], up="joined", down="left"))
    assert [one.text for one in chart.iter("title")] == ["Jan: 4 joined, 0 left", "Feb: 1,200 joined, 1 left"]


def test_a_small_difference_looks_small_and_no_line_goes_below_zero() -> None:
    chart = drawn(line_chart("Employees", [Point(START, 1200), Point(START + timedelta(days=9), 1201)]))
    path = next(one.get("d", "") for one in chart if one.get("class") == "line")
    (first,), (last,) = re.findall(r"^M[\d.]+ ([\d.]+)", path), re.findall(r"V([\d.]+)$", path)
    assert 0 < float(first) - float(last) < 20
    low = drawn(line_chart("Employees", [Point(START, 0), Point(START + timedelta(days=9), 1)]))
    assert not [one.text for one in low.iter("text") if one.text and one.text.startswith("-")]


def test_few_labels_name_days_and_the_minutes_of_a_single_day() -> None:
    def labels(**span: int) -> list[str | None]:
        chart = drawn(line_chart("Employees", [Point(START, 1), Point(START + timedelta(**span), 2)]))
        return [one.text for one in chart.iter("text")][-3:]

    assert labels(days=30) == ["2026-01-01", "2026-01-16", "2026-01-31"]
    assert labels(hours=3) == ["00:00", "01:30", "03:00"]
    bars = [Bars(str(number), 1, 1) for number in range(365)]
    assert (
        len([one for one in drawn(bar_chart("x", bars, up="a", down="b")).iter("text") if one.get("y") == "222.0"]) == 5
    )


def test_a_bar_shows_the_share_and_the_part_of_it() -> None:
    widths = [one.get("width") for one in drawn(share_bar(30, 60, 6)).iter("rect")]
    assert widths == ["100", "50.0", "10.0"]
    assert [one.get("width") for one in drawn(share_bar(0, 0)).iter("rect")] == ["100", "0.0", "0.0"]

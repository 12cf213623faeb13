"""Cron expressions: the times they name on every kind of day, their words, and errors that name the part."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from connector_core import SettingsError
from connector_core.cron import check_cron, in_words, next_time, next_times

BERLIN = "Europe/Berlin"


def local(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold)


def said(cron: str, count: int, after: datetime) -> list[str]:
    return [f"{one:%d %H:%M %z}" for one in next_times(cron, BERLIN, count, after=after)]


def test_an_expression_is_in_the_time_zone_of_the_settings() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert [one.isoformat() for one in next_times("0 6 * * *", BERLIN, 2, after=noon)] == [
        "2026-07-02T06:00:00+02:00",
        "2026-07-03T06:00:00+02:00",
    ]
    assert next_time("0 6 * * *", BERLIN, after=noon) == datetime(2026, 7, 2, 4, tzinfo=UTC)
    assert next_time("0 6 * * *", "UTC", after=noon) == datetime(2026, 7, 2, 6, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_comes_at_the_end_of_the_gap() -> None:
    # On 29 March 2026 02:00 is followed by 03:00.
    assert said("30 2 * * *", 3, local("2026-03-28 12:00")) == ["29 03:00 +0200", "30 02:30 +0200", "31 02:30 +0200"]


def test_a_time_that_comes_twice_is_taken_once() -> None:
    # On 25 October 2026 03:00 is followed by 02:00.
    assert said("30 2 * * *", 2, local("2026-10-24 12:00")) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_a_time_that_has_passed_once_does_not_come_again_within_the_hour_that_is_repeated() -> None:
    after = local("2026-10-25 02:10", fold=1)
    assert said("30 2 * * *", 1, after) == ["26 02:30 +0100"]


@pytest.mark.parametrize("midnight", ["2026-03-29 00:00", "2026-10-25 00:00"])
def test_every_so_many_minutes_are_real_minutes_on_the_days_that_change_the_clocks(midnight: str) -> None:
    times = next_times("*/30 * * * *", BERLIN, 20, after=local(midnight))
    moments = [one.astimezone(UTC) for one in times]
    assert {after - before for before, after in pairwise(moments)} == {timedelta(minutes=30)}


def test_the_next_time_is_always_ahead() -> None:
    for hours in range(0, 24 * 400, 7):
        after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=hours % 60)
        for cron in ("30 2 * * *", "*/30 * * * *", "0 */2 * * *", "15 3 * * 0"):
            found = next_time(cron, BERLIN, after=after)
            assert found is not None
            assert found > after


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/30 * * * *", "every 30 minutes"),
        ("0 * * * *", "every hour"),
        ("5 * * * *", "every hour at minute 5"),
        ("0 */4 * * *", "every 4 hours"),
        ("0 6 * * *", "every day at 06:00"),
        ("0 6,18 * * *", "every day at 06:00 and 18:00"),
        ("0 6 * * 1", "on Mondays at 06:00"),
        ("0 6 * * mon", "on Mondays at 06:00"),
        ("30 5 * * 6,0", "on Saturdays and Sundays at 05:30"),
        ("0 6 * * 1-5", "on weekdays at 06:00"),
        ("0 6 1 * *", "on day 1 of every month at 06:00"),
        ("*/15 6-20 * * *", "every 15th minute from 06:00 through 20:59"),
        ("*/7 * * * *", "every seventh minute of every hour"),
        ("0 0 L * *", "at 00:00 on the last day of every month"),
    ],
)
def test_an_expression_is_said_in_words(cron: str, words: str) -> None:
    assert in_words(cron) == words


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("61 * * * *", "In the cron expression '61 * * * *' the minute '61' is not valid."),
        ("0 24 * * *", "In the cron expression '0 24 * * *' the hour '24' is not valid."),
        ("0 0 30 2 *", "In the cron expression '0 0 30 2 *' the day of month '30' is not valid."),
        ("0 0 * * 8", "In the cron expression '0 0 * * 8' the day of week '8' is not valid."),
        ("* * * *", "The cron expression '* * * *' has 4 fields, and needs five."),
        ("* * * * * *", "The cron expression '* * * * * *' has 6 fields, and needs five."),
        ("@daily", "The cron expression '@daily' has 1 field, and needs five."),
        ("", "The cron expression '' has 0 fields, and needs five."),
        ("0 0 31 2 1#5/0", "In the cron expression '0 0 31 2 1#5/0' the day of week '1#5/0' is not valid."),
        (f"{'1,' * 200}1 * * * *", "The cron expression has more than 200 characters."),
    ],
)
def test_an_expression_that_is_not_valid_is_refused_with_the_part_and_an_example(cron: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_cron(cron)
    assert caught.value.message == problem
    assert '"*/30 * * * *"' in caught.value.hint


def test_an_expression_is_kept_with_single_spaces() -> None:
    assert check_cron("  0   6 * * 1-5 ") == "0 6 * * 1-5"

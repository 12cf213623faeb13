"""Cron expressions: checked, in words, and the times that they name in a time zone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from connector_core.errors import SettingsError
from connector_core.messages import counted

_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_LONGEST = 200
"""Characters of an expression."""
_EXAMPLE = 'Write minute, hour, day of the month, month and day of the week, such as "*/30 * * * *" or "0 6 * * 1-5".'
_DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_SHORT = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def check_cron(cron: str) -> str:
    """Return a cron expression with single spaces. SettingsError says which part of it is not valid."""
    fields = cron.split()
    said = " ".join(fields)
    if len(said) > _LONGEST:
        raise SettingsError(f"The cron expression has more than {_LONGEST} characters.", hint=_EXAMPLE)
    if len(fields) != len(_FIELDS):
        raise SettingsError(
            f"The cron expression {said!r} has {counted(len(fields), 'field')}, and needs five.", hint=_EXAMPLE
        )
    try:
        comes = next(CronSim(said, datetime.now(UTC)), None)
    except CronSimError as error:
        wrong = next((one for one in _FIELDS if str(error).endswith(one)), "")
        value = fields[_FIELDS.index(wrong)] if wrong else said
        name = wrong.replace("-", " ") or "expression"
        raise SettingsError(
            f"In the cron expression {said!r} the {name} {value!r} is not valid.", hint=_EXAMPLE
        ) from None
    if comes is None:
        raise SettingsError(f"The cron expression {said!r} names a time that never comes.", hint=_EXAMPLE)
    return said


def next_times(cron: str, timezone: str, count: int = 5, *, after: datetime | None = None) -> list[datetime]:
    """Return the next times that an expression names, in the time zone.

    Where the clocks go forward, a time of day that is skipped comes at the end of the gap; where they go back, one that
    comes twice is taken once. Every so many minutes or hours are real ones on both days.
    """
    return list(islice(_times(cron, timezone, after or datetime.now(UTC)), count))


def next_time(cron: str, timezone: str, *, after: datetime) -> datetime | None:
    """Return the first time behind a moment, in UTC; None where there is no expression."""
    found = next(_times(cron, timezone, after), None) if cron else None
    return found.astimezone(UTC) if found else None


def _times(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(timezone)
    # The same time of day may come twice, so what cronsim finds may lie behind us: moments are compared in UTC.
    last = after.astimezone(UTC)
    for found in CronSim(check_cron(cron), after.astimezone(zone)):
        moment = found.astimezone(UTC)
        if moment > last:
            last = moment
            yield moment.astimezone(zone)


def in_words(cron: str) -> str:
    """Return an expression in English: ``every 30 minutes``, ``every day at 06:00``, ``on Mondays at 06:00``."""
    said = check_cron(cron)
    minute, hour, day, month, weekday = said.upper().split()
    if (day, month, weekday) == ("*", "*", "*") and (often := _often(minute, hour)):
        return often
    times = _times_of_day(minute, hour)
    if times and month == "*":
        if day == "*" and (days := _weekdays(weekday)):
            return f"{days} at {times}"
        if day.isdigit() and weekday == "*":
            return f"on day {int(day)} of every month at {times}"
    explained = CronSim(said, datetime.now(UTC)).explain()
    return explained[:1].lower() + explained[1:]


def _often(minute: str, hour: str) -> str:
    if hour == "*" and (every := _step(minute, 60)):
        return "every minute" if every == 1 else f"every {every} minutes"
    if hour == "*" and minute.isdigit():
        return f"every hour at minute {int(minute)}" if int(minute) else "every hour"
    if minute.isdigit() and hour != "*" and (every := _step(hour, 24)):
        behind = f" at minute {int(minute)}" if int(minute) else ""
        return f"every {every} hours{behind}" if every > 1 else f"every hour{behind}"
    return ""


def _step(field: str, size: int) -> int:
    """Return the step of ``*/30``, if it divides the hour or the day evenly; else 0."""
    if field == "*":
        return 1
    start, _, step = field.partition("/")
    even = start == "*" and step.isdigit() and size % int(step) == 0
    return int(step) if even else 0


def _times_of_day(minute: str, hour: str) -> str:
    hours = hour.split(",")
    if not (minute.isdigit() and all(one.isdigit() for one in hours)):
        return ""
    return _listed([f"{int(one):02}:{int(minute):02}" for one in hours])


def _weekdays(field: str) -> str:
    if field == "*":
        return "every day"
    if field in {"1-5", "MON-FRI"}:
        return "on weekdays"
    numbers = [str(_SHORT.index(one)) if one in _SHORT else one for one in field.split(",")]
    return f"on {_listed([_DAYS[int(one)] for one in numbers])}" if all(one.isdigit() for one in numbers) else ""


def _listed(words: list[str]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))

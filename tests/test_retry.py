"""The retry policy: which failed requests are sent again, and when."""

import pytest

from connector_core import (
    Call,
    ForbiddenError,
    MalformedError,
    ProtocolError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from connector_core.http.retry import Failures, RetryPolicy
from connector_core.settings import HttpSettings

CALL = Call("GET", "/people")
DOWN = UnavailableError("it is down", call=CALL)
GATEWAY = UnavailableError("it did not answer the gateway", call=CALL, gateway=True)
THROTTLED = ThrottledError("too many requests", call=CALL)
SETTINGS = HttpSettings(tries=4, first_wait=0.5, throttle_tries=3, throttle_wait=60, longest_wait=300)


def waits(*errors: ProviderError, divisible: bool = False) -> list[float | None]:
    """The wait after each of these errors, up to the one after which it gives up."""
    policy, failures, found = RetryPolicy(SETTINGS, divisible=divisible), Failures(), list[float | None]()
    for error in errors:
        failures = failures.plus(error)
        found.append(policy.wait(error, failures))
        if found[-1] is None:
            break
    return found


def test_waits_double_with_jitter_up_to_ten_seconds_until_the_attempts_are_used_up() -> None:
    first, second, third, fourth = waits(DOWN, DOWN, DOWN, DOWN)
    assert first is not None
    assert second is not None
    assert third is not None
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 1.5
    assert 2.0 <= third <= 2.5
    assert fourth is None
    policy = RetryPolicy(HttpSettings(tries=100))
    assert policy.wait(DOWN, Failures(attempts=99)) == 10


@pytest.mark.parametrize("error", [ForbiddenError("no", call=CALL), ProtocolError("no", call=CALL)])
def test_an_error_that_does_not_pass_is_final(error: ProviderError) -> None:
    assert waits(error) == [None]


def test_a_body_that_cannot_be_parsed_is_requested_again() -> None:
    assert waits(MalformedError("no", call=CALL)) != [None]


def test_a_throttle_is_waited_out_for_as_long_as_it_asks_without_jitter() -> None:
    assert waits(ThrottledError("", call=CALL, retry_after=7)) == [7]
    assert waits(ThrottledError("", call=CALL, retry_after=300)) == [300]
    assert waits(ThrottledError("", call=CALL, retry_after=301)) == [None]


def test_a_throttle_that_says_nothing_is_waited_out_for_ever_longer() -> None:
    first, second, third = waits(THROTTLED, THROTTLED, THROTTLED)
    assert first is not None
    assert second is not None
    assert 1 <= first <= 2 <= second <= 3
    assert third is None
    policy = RetryPolicy(HttpSettings(throttle_tries=100, throttle_wait=60))
    assert policy.wait(THROTTLED, Failures(throttled=99)) == 60


def test_being_throttled_uses_up_no_attempts() -> None:
    found = waits(DOWN, DOWN, DOWN, THROTTLED, DOWN, DOWN, DOWN, THROTTLED, DOWN, DOWN, DOWN, DOWN)
    assert found.index(None) == len(found) - 1 == 11


def test_a_second_error_of_a_gateway_is_final_where_smaller_pages_can_be_requested_instead() -> None:
    assert len(waits(*[GATEWAY] * 4)) == 4
    assert waits(GATEWAY, GATEWAY, divisible=True)[1] is None
    assert waits(GATEWAY, DOWN, GATEWAY, divisible=True)[2] is None
    assert len(waits(DOWN, GATEWAY, DOWN, DOWN, divisible=True)) == 4

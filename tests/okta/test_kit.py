"""Okta keeps every rule of the kit."""

import pytest

from connector_core.testing.plugin import kit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

test_okta = kit("okta")

"""Fixtures: a place for a store, and a store that is opened there."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from connector_core.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with aclosing(Store(path)) as opened:
        yield opened

"""A store that is deleted, replaced or damaged: an error, never a complete run, and never quoted."""

from pathlib import Path

import pytest
from attacks import FULL
from stores import ACCOUNT, changed_by_hand, connected

from connector_core import Employee, StoreError
from connector_core.outcomes import Progress
from connector_core.store import Store
from world import Start


@pytest.mark.attack(
    "The store, or its log, is deleted or replaced while it is open", "An error for every call that follows", FULL
)
@pytest.mark.parametrize("gone", ["all of it", "its log", "its name"])
async def test_a_store_that_is_deleted_while_it_is_open_is_an_error(path: Path, store: Store, gone: str) -> None:
    await store.integrations.save("acme", "namely", {}, b"", ACCOUNT)
    if gone == "its name":
        await connected(path.with_name("new.sqlite"))
        path.with_name("new.sqlite").replace(path)
    else:
        for suffix in ["-wal"] if gone == "its log" else ["", "-wal", "-shm"]:
            path.with_name(path.name + suffix).unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
            await store.integrations.save("beta", "namely", {}, b"", ACCOUNT)
    with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
        await store.integrations.all()


@pytest.mark.attack("The store is deleted while a run is reading", "An error, never complete", FULL)
@pytest.mark.jumping
async def test_a_run_whose_store_is_deleted_is_not_complete(namely: Start) -> None:
    place = await namely(scanned=True)

    def delete(_: Progress) -> None:
        place.settings.host.store.unlink(missing_ok=True)

    with pytest.raises(StoreError, match="was deleted or replaced"):
        await place.run(progress=delete)


@pytest.mark.attack("A value in the store is damaged", "An error of the store that does not quote it", FULL)
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE integrations SET account_name = CAST(x'63616e617279ff' AS TEXT)",
        "UPDATE integrations SET fields = '{\"canary'",
        "UPDATE integrations SET created_at = 'canary'",
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = CAST(x'4352454154452063616e617279ff' AS TEXT)",
    ],
)
async def test_a_damaged_value_is_an_error_of_the_store_that_does_not_quote_it(
    path: Path, store: Store, damage: str
) -> None:
    await connected(path)
    changed_by_hand(path, damage)
    with pytest.raises(StoreError, match="is damaged: it holds a value that cannot be read") as caught:
        await store.integrations.all()
    assert "canary" not in str(caught.value)
    assert "from a copy" in caught.value.hint


@pytest.mark.jumping
@pytest.mark.parametrize("damage", ["'canary'", "CAST(x'63616e617279ff' AS TEXT)"])
async def test_a_damaged_row_is_an_error_of_the_store(namely: Start, damage: str) -> None:
    place = await namely(scanned=True)
    changed_by_hand(place.settings.host.store, f"UPDATE bodies SET body = {damage}")
    for one in place.tenant.people:
        one.title = "Another one"
    with pytest.raises(StoreError) as listed:
        _ = [one async for one in place.host.entities("acme", Employee)]
    with pytest.raises(StoreError) as run:
        await place.run()
    assert "canary" not in f"{listed.value} {run.value}"


async def test_a_name_that_is_not_unicode_is_no_damage(store: Store) -> None:
    with pytest.raises(StoreError, match="not valid Unicode"):
        await store.integrations.find("\udcff")

"""Listing faults change values where they are: in the row itself, or under a key of it."""

from typing import Any

import pytest

from connector_core.testing import Listed
from connector_core.testing.listing_faults import apply_fault

VALUES = {"id": 1, "name": "Ada", "email": "ada@acme.example", "team": "Sales", "office": None}
FLAT = Listed("/people", "data", "total")
WRAPPED = Listed("/people", "data", "total", values="attributes")


def answer(listed: Listed) -> dict[str, Any]:
    row = {"type": "Person", "attributes": dict(VALUES)} if listed.values else dict(VALUES)
    return {"data": [row, row], "total": 2}


def rows(kind: str, listed: Listed) -> list[dict[str, Any]]:
    found = apply_fault(kind, listed, answer(listed))["data"]
    if listed.values:
        assert all(row["type"] == "Person" for row in found)
        return [row["attributes"] for row in found]
    return list(found)


@pytest.mark.parametrize("listed", [FLAT, WRAPPED], ids=["rows", "wrapped rows"])
def test_a_bad_row_keeps_its_id_and_every_other_value_has_a_wrong_type(listed: Listed) -> None:
    bad, good = rows("bad_row", listed)
    assert bad["id"] == 1
    assert {str(value) for key, value in bad.items() if key != "id"} == {"{'not': 'as promised'}"}
    assert good == VALUES


@pytest.mark.parametrize("listed", [FLAT, WRAPPED], ids=["rows", "wrapped rows"])
def test_the_two_halves_of_the_keys_share_the_id_only_and_have_all_keys_together(listed: Listed) -> None:
    (half, _), (other, _) = rows("half_keys", listed), rows("other_keys", listed)
    assert half.keys() & other.keys() == {"id"}
    assert {**half, **other} == VALUES
    assert len(half) > 1
    assert len(other) > 1

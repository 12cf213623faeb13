"""Listing faults change values where they are: in the row itself, or under a key of it."""

from typing import Any

import pytest

from connector_core.testing import Listed
from connector_core.testing.listing_faults import BODY_FAULTS, NEED_TOTAL, apply_fault, faulty_body, faulty_headers

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


BARE = Listed("/people", "", total_header="X-Total-Count")
INNER = Listed("/people", "data.people.nodes", "data.people.total")


@pytest.mark.parametrize("kind", sorted(BODY_FAULTS.keys() - NEED_TOTAL))
def test_a_fault_does_to_a_bare_array_and_to_inner_rows_what_it_does_to_rows_under_a_key(kind: str) -> None:
    rows = [dict(VALUES) for _ in range(5)]
    flat = apply_fault(kind, FLAT, {"data": [dict(one) for one in rows], "total": 5})
    bare = apply_fault(kind, BARE, [dict(one) for one in rows])
    inner = apply_fault(kind, INNER, {"data": {"people": {"nodes": rows, "total": 5}}})["data"]["people"]
    if kind == "renamed":
        assert flat["data_"] == inner["nodes_"] == next(iter(bare.values()))
        assert "data" not in flat
    else:
        assert flat["data"] == inner["nodes"] == bare
    assert inner["total"] == 5


def test_a_total_in_a_header_is_changed_and_omitted_there() -> None:
    headers = (("Content-Type", "application/json"), ("x-total-count", "41"))
    assert faulty_headers("wrong_total", BARE, headers) == (headers[0], ("x-total-count", "48"))
    assert faulty_headers("no_total", BARE, headers) == headers[:1]
    assert faulty_headers("drop_row", BARE, headers) == headers
    assert faulty_body("no_total", BARE, b"[1]") == b"[1]"
    assert {*BARE.faults} >= NEED_TOTAL
    assert not NEED_TOTAL & {*Listed("/people", "").faults}


def test_faults_of_chains_apply_to_listings_that_tell_of_them() -> None:
    assert not {"expired_cursor", "other_host"} & {*BARE.faults}
    assert {"expired_cursor", "other_host"} <= {*Listed("/people", "", cursor="after", addresses=True).faults}

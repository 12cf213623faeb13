"""Completeness counters: distinct rows, totals, repeats, and the end of a listing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from builders import page, tally
from connector_core import Rejection, TotalSource
from connector_core.beginnings import Proof
from connector_core.discovery.tally import BARREN_PAGES, Tally
from connector_core.sdk.page import Beginning

REJECTED = Rejection("x", "email", "wrong")


def test_rows_are_counted_once_however_often_they_come() -> None:
    counted = tally(page("a", "b"), page("b", "c", number=2, last=True))
    assert (counted.seen, counted.entities, counted.repeated_rows, counted.pages) == (3, 4, 1, 2)


def test_a_row_twice_on_one_page_is_a_repeated_row() -> None:
    assert tally(page("a", "a", last=True)).repeated_rows == 1


def test_rows_of_another_kind_are_seen_and_are_no_entities() -> None:
    counted = tally(page("a", last=True, skipped=("b", "c")))
    assert (counted.seen, counted.entities) == (3, 1)


def test_derived_entities_are_judged_by_the_rows_they_came_from() -> None:
    counted = tally(page("sales", last=True, derived_from=("p1", "p2"), total=2))
    assert (counted.seen, counted.entities, counted.differs) == (2, 1, False)


def test_the_last_total_counts_and_a_page_without_one_keeps_it() -> None:
    counted = tally(page("a", total=9), page("b", number=2, total=2), page(number=3, last=True))
    assert counted.announced == 2
    assert not counted.differs


@pytest.mark.parametrize(
    ("total", "rejected", "differs"),
    [
        (None, (), False),
        (2, (), False),
        (0, (), True),
        (3, (), True),
        (1, (), True),
        (3, (REJECTED,), False),
        (2, (REJECTED,), True),
    ],
)
def test_rejected_rows_count_against_the_total(
    total: int | None, rejected: tuple[Rejection, ...], *, differs: bool
) -> None:
    assert tally(page("a", "b", last=True, total=total, rejected=rejected)).differs is differs


def test_an_empty_listing_that_announces_nothing_agrees_with_itself() -> None:
    counted = tally(page(last=True, total=0))
    assert counted.ended
    assert not counted.differs
    assert not counted.moved


def test_a_page_that_brings_nothing_new_ends_the_reading() -> None:
    counted = Tally()
    assert counted.add(page("a", "b"))
    assert not counted.add(page("a", "b", number=2))
    assert counted.repeated_page == 2
    assert counted.entities == 2


def test_a_last_page_of_known_rows_ends_the_listing_with_repeated_rows() -> None:
    counted = Tally()
    assert counted.add(page("a"))
    assert counted.add(page("a", number=2, last=True))
    assert (counted.repeated_page, counted.repeated_rows) == (None, 1)


def test_an_empty_page_in_the_middle_does_not_end_the_reading() -> None:
    counted = Tally()
    assert counted.add(page())
    assert counted.add(page("a", number=2, last=True))
    assert counted.repeated_page is None


def test_pages_of_rejected_rows_are_tolerated_up_to_a_limit() -> None:
    counted = Tally()
    results = [counted.add(page(number=number, rejected=(REJECTED,))) for number in range(1, BARREN_PAGES + 1)]
    assert results == [True] * (BARREN_PAGES - 1) + [False]
    assert counted.repeated_page == BARREN_PAGES


def test_a_usable_row_resets_the_count_of_rejected_pages() -> None:
    counted = Tally()
    for number in range(1, 3 * BARREN_PAGES):
        rows = (f"p{number}",) if number % (BARREN_PAGES - 1) == 0 else ()
        assert counted.add(page(*rows, number=number, rejected=(REJECTED,)))


@pytest.mark.parametrize(
    ("pages", "moved"),
    [
        ([page("a", last=True)], False),
        ([page("a", last=True, total=2)], True),
        # It ended early: a second reading would end there, too.
        ([page("a", total=2)], False),
        ([page("a"), page("a", number=2)], True),
        ([page("a"), page("a", "b", number=2, last=True)], True),
        ([page("a", last=True, total_fell=True)], True),
        ([page("a", total_fell=True)], False),
    ],
)
def test_a_listing_that_ended_and_does_not_add_up_has_moved(pages: list[object], *, moved: bool) -> None:
    assert tally(*pages).moved is moved  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pages", "staged"),
    [
        ([page("a")], True),
        ([page("a", rejected=(REJECTED,))], False),
        ([page("a", "a")], False),
        # Of rows that came after the beginning, more may stand on earlier pages.
        ([page("a"), page("b", number=2, recent=("b",))], False),
        ([page("a"), page("b", number=2, recent=None)], True),
    ],
)
def test_a_reading_resumes_only_behind_rows_that_were_all_staged(pages: list[object], *, staged: bool) -> None:
    assert tally(*pages).resumable is staged  # type: ignore[arg-type]


def test_restored_rows_are_counted_and_their_page_is_not_counted_again() -> None:
    counted = Tally(Beginning(3, 1.0))
    counted.restore(["a", "b"], entities=1)
    counted.note_listing(page("b", number=2, total=3))
    assert counted.add(page("c", number=3, last=True))
    assert (counted.seen, counted.entities, counted.pages, counted.repeated_rows) == (3, 2, 2, 0)
    assert not counted.moved


def test_one_page_with_a_total_source_sets_it_for_the_listing() -> None:
    promised = page("a", source=TotalSource.LISTING)
    assert tally(promised, page("b", number=2, last=True)).total_source is TotalSource.LISTING


# ---- the proof that no row moved past the reader


def paged(*pages: tuple[str, ...], recent: Sequence[str] | None = None, first_total: int | None = None) -> list[Any]:
    """Return the pages of a listing, and the empty one that ends it."""
    rows = [page(*ids, number=number, **part(ids, recent, first_total)) for number, ids in enumerate(pages, 1)]
    return [*rows, page(number=len(pages) + 1, last=True, **part((), recent, first_total))]


def part(ids: tuple[str, ...], recent: Sequence[str] | None, first_total: int | None) -> dict[str, Any]:
    known = None if recent is None and ids else tuple(one for one in ids if one in (recent or ()))
    return {"one_response": False, "first_total": first_total, "total": first_total, "recent": known}


def second_pass(earlier: Tally, *pages: Any) -> Tally:
    counted = Tally(earlier=earlier)
    for one in pages:
        counted.add(one)
    return counted


@pytest.mark.parametrize(
    ("counted", "proof", "moved", "again"),
    [
        (tally(page("a"), page("b", number=2, last=True)), Proof.ONE_RESPONSE, False, False),
        # Two lists that are each the only page of their response.
        (tally(page("a", last=True), page("b", last=True)), Proof.NONE, False, True),
        (
            tally(page("a", last=True, one_response=False, total=1, source=TotalSource.EXPECTED_IDS)),
            Proof.EXPECTED_IDS,
            False,
            False,
        ),
        # As many old rows as were announced first, and one that came meanwhile.
        (tally(*paged(("a", "b"), ("c",), recent=(), first_total=3)), Proof.CREATION_TIMES, False, False),
        # One left, one came, and the counters agree.
        (tally(*paged(("a", "b"), ("d",), recent=("d",), first_total=3)), Proof.NONE, True, False),
        # Nothing tells old rows from new ones, or how many there were.
        (tally(*paged(("a", "b"), ("c",), first_total=3)), Proof.NONE, False, True),
        (tally(*paged(("a", "b"), ("c",), recent=())), Proof.NONE, False, True),
    ],
)
def test_what_proves_that_no_row_was_skipped(counted: Tally, proof: Proof, *, moved: bool, again: bool) -> None:
    assert (counted.proof, counted.moved, counted.needs_another_pass) == (proof, moved, again)


@pytest.mark.parametrize(
    ("earlier", "again", "proof"),
    [
        (paged(("a", "b"), ("c",), first_total=3), paged(("a", "b"), ("c",), first_total=3), Proof.READ_TWICE),
        # The first pass skipped c, and the second one cannot tell it from a row that came later.
        (paged(("a", "b"), ("d",), first_total=3), paged(("b", "c"), ("d",), first_total=3), Proof.NONE),
        # Without a total, both have to bring the same rows.
        (paged(("a", "b"), ("c",)), paged(("a", "b"), ("c",)), Proof.READ_TWICE),
        (paged(("a", "b"), ("c",)), paged(("a", "b"), ("c", "d")), Proof.NONE),
        (paged(("a", "b"), ("c",)), paged(("a", "b")), Proof.NONE),
        (paged(("a", "b"), ("b",)), paged(("a", "b")), Proof.NONE),
        # As many rows that are old, but others.
        (paged(("a", "b"), ("c",), recent=()), paged(("a", "b"), ("d",), recent=()), Proof.NONE),
        # A row that came too shortly before the first pass to look old is old in the second.
        (paged(("a",), ("b",), recent=("b",), first_total=2), paged(("a",), ("b",), first_total=2), Proof.READ_TWICE),
    ],
)
def test_two_passes_prove_each_other(earlier: list[Any], again: list[Any], proof: Proof) -> None:
    counted = second_pass(tally(*earlier), *again)
    assert counted.proof is proof
    assert counted.moved is (proof is Proof.NONE)


def test_a_resumed_reading_counts_the_rows_of_the_interrupted_one_against_its_first_total() -> None:
    counted = Tally(Beginning(3, 1.0))
    counted.restore(["a", "b"], entities=2)
    counted.note_listing(page("b", number=2, one_response=False, first_total=3))
    counted.add(page("d", number=3, one_response=False, recent=("d",)))
    counted.add(page(number=4, one_response=False, last=True, total=3))
    assert (counted.proof, counted.moved) == (Proof.NONE, True)


def test_a_resumed_reading_without_creation_times_is_not_proven_by_an_empty_rest() -> None:
    counted = Tally(Beginning(2, None))
    counted.restore(["a", "b"], entities=2)
    counted.note_listing(page("b", number=2, one_response=False, first_total=2))
    counted.add(page(number=3, one_response=False, last=True, total=2))
    assert (counted.proof, counted.needs_another_pass) == (Proof.NONE, True)


# ---- a listing without a total of its own


COUNT, ESTIMATE = TotalSource.COUNT, TotalSource.ESTIMATE


def chain(*pages: tuple[str, ...], **more: Any) -> list[Any]:
    """Return the pages of a listing in which each tells where the next one is."""
    place = {"chained": True, "one_response": len(pages) == 1, "recent": None, **more}
    return [page(*ids, number=number, last=number == len(pages), **place) for number, ids in enumerate(pages, 1)]


@pytest.mark.parametrize(
    ("counted", "proof", "again"),
    [
        # The end of a cursor alone, after however many pages.
        (tally(*chain(("a",), ("b",))), Proof.NONE, True),
        (tally(*chain(("a",))), Proof.NONE, True),
        (tally(*chain(("a",), ("b",), keeps_place=True)), Proof.NONE, True),
        # A count that agrees proves it only where no row can move past the reader.
        (tally(*chain(("a",), ("b",), total=2, source=COUNT)), Proof.NONE, True),
        (tally(*chain(("a",), ("b",), total=2, source=COUNT, keeps_place=True)), Proof.COUNT, False),
        (tally(*chain(("a",), ("b",), total=2, source=ESTIMATE, keeps_place=True)), Proof.COUNT, False),
        (tally(*chain(("a",), ("b",), total=2, source=TotalSource.LISTING, keeps_place=True)), Proof.COUNT, False),
        (tally(*chain(("a",), total=1, source=COUNT)), Proof.ONE_RESPONSE, False),
        # A count that differs is that of another moment; one by an index that lags is worth a second reading.
        (tally(*chain(("a",), ("b",), total=3, source=COUNT, keeps_place=True)), Proof.NONE, False),
        (tally(*chain(("a",), ("b",), total=3, source=ESTIMATE, keeps_place=True)), Proof.NONE, True),
        (tally(*chain(("a",), total=3, source=ESTIMATE)), Proof.NONE, True),
        # A count that did not come.
        (tally(*chain(("a",), ("b",), source=COUNT, keeps_place=True)), Proof.NONE, True),
        (tally(page("a", last=True, source=ESTIMATE)), Proof.NONE, True),
        # Rows may change over from a listing that is still to be read to one that was read.
        (tally(*[part for ids in ("a", "b") for part in chain((ids,), total=2, source=COUNT, keeps_place=True)]),
         Proof.NONE, True),
    ],
)  # fmt: skip
def test_what_proves_a_chain_of_pages(counted: Tally, proof: Proof, *, again: bool) -> None:
    assert (counted.proof, counted.needs_another_pass) == (proof, again)


@pytest.mark.parametrize("more", [{}, {"source": COUNT}, {"source": ESTIMATE, "total": 9}])
def test_a_second_pass_that_agrees_proves_a_chain_of_pages(more: dict[str, Any]) -> None:
    pages = chain(("a",), ("b",), **more)
    counted = second_pass(tally(*pages), *pages)
    assert (counted.proof, counted.moved) == (Proof.READ_TWICE, False)
    counted = second_pass(tally(*pages), *chain(("a",), ("b", "c"), **more))
    assert (counted.proof, counted.moved) == (Proof.NONE, True)


def test_an_exact_count_that_differs_says_that_the_listing_moved() -> None:
    assert tally(*chain(("a",), ("b",), total=3, source=COUNT)).moved
    assert not tally(*chain(("a",), ("b",), total=3, source=ESTIMATE)).moved


def test_two_listings_are_read_to_the_end_of_both() -> None:
    first, second = chain(("a",), ("b",)), chain(("c",), ("d",))
    assert tally(*first, *second).ended
    # The first one was left in its middle.
    assert not tally(first[0], *second).ended


def test_a_row_that_changes_over_between_two_listings_comes_twice() -> None:
    assert tally(*chain(("a",), ("b",)), *chain(("b", "c"))).moved


def test_the_total_of_one_of_two_listings_is_no_total_of_the_rows() -> None:
    pages = [page("a", first_total=1, recent=()), page("b", number=2, last=True, first_total=1, recent=())]
    assert tally(page("x", last=True, first_total=1, recent=()), *pages).proof is Proof.NONE


def test_the_last_token_of_a_pass_counts_and_that_of_the_pass_before_it_more() -> None:
    first = tally(page("a", delta_token="t1"), page("b", number=2, delta_token="t2"), page(number=3, last=True))
    assert first.token == "t2"
    assert second_pass(first, page("a", last=True, delta_token="t3")).token == "t2"
    # Since the pass before was staged, and until t3 was given, its rows may have been removed.
    assert second_pass(tally(page("a")), page("a", last=True, delta_token="t3")).token is None
    assert Tally(token="t0").token == "t0"


def test_the_token_of_a_reading_that_reports_one_of_its_rows_as_removed_is_not_used() -> None:
    last = page("b", number=2, last=True, delta_token="t1")
    assert tally(page("a"), replace(last, removed=("x",))).token == "t1"
    counted = tally(page("a"), replace(last, removed=("a",)))
    assert (counted.token, counted.resumable) == (None, False)
    assert second_pass(counted, page("b", last=True, delta_token="t2")).token is None


def test_in_a_delta_by_token_rows_may_be_replayed() -> None:
    counted = Tally(replayed=True)
    assert counted.add(page("a"))
    assert counted.add(page("a", number=2))
    assert counted.repeated_page is None

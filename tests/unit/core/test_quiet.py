"""Many objects are made without Python's search for cycles, and none of them is gone through right afterwards."""

import gc

import pytest

from loop.core.quiet import no_collections


def among_the_young(made: list[list[int]]) -> bool:
    young = {id(each) for generation in (0, 1) for each in gc.get_objects(generation)}
    return any(id(each) in young for each in made)


def test_nothing_is_searched_while_they_are_made_nor_by_the_next_small_searches() -> None:
    searches: list[str] = []
    gc.callbacks.append(lambda phase, _: searches.append(phase))
    try:
        with no_collections():
            made = [[number] for number in range(10_000)]
            assert among_the_young(made)
        assert searches == []
        assert not among_the_young(made)
    finally:
        gc.callbacks.pop()


def test_a_few_stay_young_so_that_reading_many_small_files_keeps_nothing() -> None:
    gc.collect()
    with no_collections():
        made = [[number] for number in range(100)]
    assert among_the_young(made)


def test_a_cycle_among_them_is_still_found_by_a_full_search() -> None:
    gc.collect()
    with no_collections():
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
    assert gc.collect() >= 1


@pytest.mark.parametrize("enabled", [True, False])
def test_the_search_is_afterwards_as_it_was_before(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with no_collections():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()

import itertools
import threading

import pytest

from tfdml.data.ingestion.parallel import CHUNK, in_order


def test_results_are_in_order_and_complete():
    things = range(5 * CHUNK + 7)
    found = list(in_order(lambda x: x**2, things, 3))
    assert [len(chunk) for chunk in found] == [CHUNK] * 5 + [7]
    assert list(itertools.chain(*found)) == [x**2 for x in things]


def test_no_more_is_taken_than_is_under_way():
    taken = itertools.count()
    results = in_order(lambda x: x, iter(lambda: next(taken), None), 2)
    next(results)
    assert next(taken) <= 5 * CHUNK
    results.close()


def test_work_is_done_in_several_threads():
    both = threading.Barrier(2, timeout=20)
    things = [0] * (2 * CHUNK)
    list(in_order(lambda _: both.wait(), things, 2))  # would wait for ever in one


def test_an_error_ends_it():
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda x: 1 // x, [1, 0], 2))

"""The best of long rows, against a sort."""

import numpy as np
import pytest
from keras import ops

from tfdml.search.best import best_of_row, best_of_tiles

pytestmark = pytest.mark.backend


def sorted_best(scores, k):
    """Scores and places of the `k` best; of equal ones the first."""
    places = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, places, axis=1), places


@pytest.mark.parametrize("size", [7, 160, 1024, 1030])
@pytest.mark.parametrize("k", [1, 3, 16])
@pytest.mark.parametrize("values", [2, 5, 10**6])
def test_of_a_row_are_those_of_a_sort_with_the_first_of_equal_ones(size, k, values):
    rng = np.random.default_rng(size + k)
    scores = rng.integers(0, values, (40, size)).astype("float32")
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    scores[0] = -np.inf
    k = min(k, size)
    got, places = (ops.convert_to_numpy(x) for x in best_of_row(ops.convert_to_tensor(scores), k))
    expected = sorted_best(scores, k)
    np.testing.assert_array_equal(got, expected[0])
    np.testing.assert_array_equal(places, expected[1])
    assert places.dtype == "int32"


@pytest.mark.parametrize("tile", [64, 100, 1000])
def test_of_tiles(tile):
    scores = np.random.default_rng(0).integers(0, 50, (5, 1000)).astype("float32")

    def candidates(start, first_new):
        places = start + ops.arange(tile, dtype="int32")
        found = ops.where(places >= first_new, ops.slice(scores, (0, start), (5, tile)), -float("inf"))
        best, where = best_of_row(found, 4)
        return best, start + where

    got, places = best_of_tiles(candidates, 1000, tile, 4, ops.zeros((5, 1)))
    expected = sorted_best(scores, 4)
    np.testing.assert_array_equal(ops.convert_to_numpy(got), expected[0])
    np.testing.assert_array_equal(ops.convert_to_numpy(places), expected[1])

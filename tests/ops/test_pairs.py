import keras
import numpy as np
import pytest

from tfdml import ops

pytestmark = pytest.mark.backend
as_numpy = keras.ops.convert_to_numpy


@pytest.mark.parametrize("same_set", [False, True])
def test_masks_equal_a_loop(same_set):
    q = np.array([1, 2**24, 2**24 + 1, 1])
    k = q if same_set else np.array([1, 1, 2**24 + 1, 0, 7])
    positive, negative = (as_numpy(mask) for mask in ops.pair_masks(q, k, same_set))
    for i in range(len(q)):
        for j in range(len(k)):
            assert positive[i, j] == (q[i] == k[j] and not (same_set and i == j))
            assert negative[i, j] == (q[i] != k[j])


def test_gather_and_scatter_along_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 7)).astype("float32")
    columns = np.array([rng.permutation(7) for _ in range(5)])
    gathered = as_numpy(ops.gather_rows(x, columns))
    np.testing.assert_array_equal(gathered, np.take_along_axis(x, columns, axis=1))
    np.testing.assert_array_equal(as_numpy(ops.scatter_rows(gathered, columns, 7)), x)


def test_scatter_adds_and_drops_what_falls_outside():
    values, columns = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]), np.array([[0, 0, 2], [1, 2, 1]])
    np.testing.assert_array_equal(as_numpy(ops.scatter_rows(values, columns, 2)), [[3, 0], [0, 40]])

import keras
import numpy as np
import pytest
from keras import ops
from oracles import value_and_gradient

from tfdml.ops import by_tiles

pytestmark = pytest.mark.backend
as_numpy = ops.convert_to_numpy


def function(place, x, number, y):
    weight = 1 + place + ops.cast(number, "int32")
    return ops.matmul(x, y) ** 2, ops.sum(ops.cast(weight, "float32")[:, None] * x)


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 2)).astype("float32"), np.arange(7), rng.normal(size=(2, 3)).astype("float32")


def test_equals_a_loop_over_tiles_of_which_the_last_is_filled_up_with_zeros():
    x, number, y = problem()
    squares, sums = (as_numpy(result) for result in by_tiles(function, (x, number), 3, (y,)))
    assert squares.shape == (3, 3, 3) and sums.shape == (3,)
    for tile in range(3):
        rows = slice(3 * tile, 3 * tile + 3)
        own = np.zeros((3, 2))
        own[: len(x[rows])] = x[rows]
        numbers = np.zeros(3)
        numbers[: len(x[rows])] = number[rows]
        np.testing.assert_allclose(squares[tile], (own @ y) ** 2, rtol=1e-4, atol=1e-6)
        assert sums[tile] == pytest.approx(np.sum((1 + 3 * tile + numbers)[:, None] * own), rel=1e-4)


@pytest.mark.parametrize("of", ["rows", "shared"])
def test_gradients_reach_rows_and_what_is_shared(of):
    x, number, y = problem()
    given = x if of == "rows" else y

    def tiled(z):
        squares, sums = by_tiles(
            function, (z if of == "rows" else x, number), 3, (z if of == "shared" else y,)
        )
        return ops.sum(squares) + ops.sum(ops.square(sums))

    def dense(z):
        own, right = (z, y) if of == "rows" else (ops.convert_to_tensor(x), z)
        parts = [slice(0, 3), slice(3, 6), slice(6, 7)]
        results = [function(p.start, own[p], ops.convert_to_tensor(number[p]), right) for p in parts]
        return sum(ops.sum(squares) + ops.square(total) for squares, total in results)

    (value, gradient), (expected, expected_gradient) = (value_and_gradient(f, given) for f in (tiled, dense))
    assert value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-4)


def test_a_function_of_nothing_gives_nothing():
    assert by_tiles(lambda place, x: (), (np.ones((3, 1), "float32"),), 2) == ()


def test_infinite_rows_stay_where_they_are():
    x = np.array([[1.0], [np.inf], [2.0], [3.0]], "float32")
    result = as_numpy(by_tiles(lambda place, rows: 2 * rows, (x,), 1))
    assert np.ravel(result).tolist() == [2.0, np.inf, 4.0, 6.0]


def test_other_dtypes_are_kept():
    result = by_tiles(lambda place, x: ops.cast(x, "float64"), (np.ones((3, 1), "float32"),), 2)
    expected = "float64" if keras.backend.backend() != "jax" else "float32"
    assert keras.backend.standardize_dtype(result.dtype) == expected

import keras
import numpy as np
import pytest
from oracles import finite_differences, value_and_gradient

from tfdml.ops import hinge_sums, semi_hard_negatives
from tfdml.ops.triplets import FEW

pytestmark = pytest.mark.backend
as_numpy = keras.ops.convert_to_numpy


# Few positives a row, and many: what serves the one does not serve the other.
few_and_many = pytest.mark.parametrize("columns", [11, 60])


def case(seed=0, columns=11, rows=6, grid=False):
    """A row of each sort among random ones: without positives, without negatives, with neither."""
    rng = np.random.default_rng(seed)
    distance = rng.integers(0, 4, size=(rows, columns)) if grid else rng.uniform(0, 2, size=(rows, columns))
    sign = rng.choice([-1, 0, 1], size=(rows, columns))
    sign[0], sign[1], sign[2] = np.minimum(sign[0], 0), np.maximum(sign[1], 0), 0
    return distance.astype("float32"), sign > 0, sign < 0


def hinges(distance, positive, negative, margin):
    for i in range(len(distance)):
        gaps = distance[i][positive[i]][:, None] - distance[i][negative[i]][None, :] + margin
        yield gaps[gaps > 0]


@few_and_many
@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("margin", [0, 0.5, 1, 10])
@pytest.mark.parametrize("seed", range(3))
def test_hinge_sums_equal_a_loop(seed, margin, grid, columns):
    distance, positive, negative = case(seed, columns, grid=grid)
    total, count = (as_numpy(x) for x in hinge_sums(distance, positive, negative, margin))
    rows = list(hinges(distance.astype("float64"), positive, negative, margin))
    np.testing.assert_allclose(total, [row.sum() for row in rows], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(count, [len(row) for row in rows])


@few_and_many
def test_gradient_of_hinge_sums_equals_finite_differences(columns):
    distance, positive, negative = case(columns=columns)
    assert (positive.sum(1).max() > FEW) == (columns == 60)
    weights = np.random.default_rng(1).normal(size=len(distance)).astype("float32")
    _, gradient = value_and_gradient(
        lambda d: keras.ops.vdot(weights, hinge_sums(d, positive, negative, 0.5)[0]), distance
    )
    numeric = finite_differences(
        lambda d: sum(
            w * row.sum() for w, row in zip(weights, hinges(d, positive, negative, 0.5), strict=True)
        ),
        distance,
    )
    np.testing.assert_allclose(gradient, numeric, atol=1e-4)


@few_and_many
@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_semi_hard_negatives_equal_a_loop(seed, grid, columns):
    distance, positive, negative = case(seed, columns, grid=grid)
    chosen = as_numpy(semi_hard_negatives(distance, positive, negative))
    for i, j in np.argwhere(positive):
        candidates = np.flatnonzero(negative[i])
        if len(candidates) == 0:
            assert chosen[i, j] == 0
            continue
        farther = candidates[distance[i, candidates] > distance[i, j]]
        expected = distance[i, farther].min() if len(farther) else distance[i, candidates].max()
        assert negative[i, chosen[i, j]]
        assert distance[i, chosen[i, j]] == expected
    assert not chosen[~positive].any()


def test_many_rows_hold_no_cube():
    """A thousand by a thousand: all triplets would be a billion numbers."""
    rng = np.random.default_rng(0)
    distance = rng.uniform(0, 2, size=(1000, 1000)).astype("float32")
    positive = rng.uniform(size=distance.shape) < 0.5
    total, count = (as_numpy(x) for x in hinge_sums(distance, positive, ~positive, 0.1))
    for i in (0, 999):
        (row,) = hinges(distance[i : i + 1].astype("float64"), positive[i : i + 1], ~positive[i : i + 1], 0.1)
        assert count[i] == pytest.approx(len(row), abs=2)  # float32 may count a hinge of 1e-8
        assert total[i] == pytest.approx(row.sum(), rel=1e-4)

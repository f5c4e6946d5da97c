import keras
import numpy as np
import pytest
from oracles import finite_differences, value_and_gradient

from tfdml.ops import log_sum_exp

pytestmark = pytest.mark.backend


def case(seed=0, rows=6, columns=9):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(rows, columns)).astype("float32")
    return logits, rng.uniform(size=logits.shape) < 0.6, rng.normal(size=rows).astype("float32")


def definition(logits, mask):
    return np.array([np.log(np.exp(row[used]).sum()) for row, used in zip(logits, mask, strict=True)])


def test_equals_the_definition_and_its_gradient_finite_differences():
    logits, mask, weights = case()
    value, gradient = value_and_gradient(lambda x: keras.ops.vdot(weights, log_sum_exp(x, mask)), logits)
    assert value == pytest.approx((weights * definition(logits.astype("float64"), mask)).sum(), rel=1e-5)
    numeric = finite_differences(lambda x: (weights * definition(x, mask)).sum(), logits)
    np.testing.assert_allclose(gradient, numeric, atol=1e-5)


@pytest.mark.parametrize("offset", [-1e6, 1e6])
def test_size_does_not_matter(offset):
    logits, mask, _ = case()
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(log_sum_exp(np.round(logits) + offset, mask)),
        definition(np.round(logits), mask) + offset,
        rtol=1e-6,
    )


def test_masked_entries_count_for_nothing_even_if_they_overflow():
    logits, mask, weights = case()
    wild = np.where(mask, logits, 1e38).astype("float32")

    def total(x):
        return keras.ops.vdot(weights, log_sum_exp(x, mask))

    value, gradient = value_and_gradient(total, wild)
    expected, expected_gradient = value_and_gradient(total, logits)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)


def test_an_empty_row_is_low_and_has_no_gradient():
    logits, mask, _ = case()
    mask[2] = False
    value, gradient = value_and_gradient(
        lambda x: keras.ops.sum(keras.ops.softplus(log_sum_exp(x, mask)[2:3])), logits
    )
    assert value == 0 and not gradient.any()
    _, gradient = value_and_gradient(lambda x: log_sum_exp(x, mask)[2], logits)
    assert not gradient.any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_is_computed_in_float32(dtype):
    logits = keras.ops.ones((1, 4096), dtype)  # exp(1) * 4096 has no float16
    result = log_sum_exp(logits, keras.ops.ones((1, 4096), "bool"))
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert float(result[0]) == pytest.approx(1 + np.log(4096), rel=1e-6)

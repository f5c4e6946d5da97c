import keras
import numpy as np
import pytest

from tfdml.ops import by_turns

pytestmark = pytest.mark.backend


def test_each_row_takes_its_positives_in_order():
    rng = np.random.default_rng(0)
    positive, numbers = rng.random((6, 9)) < 0.4, rng.normal(size=(6, 9)).astype("float32")
    positive[2] = False

    def horner(taken, total):  # the order shows in the result
        value = keras.ops.sum(keras.ops.where(taken, numbers, 0), axis=1)
        return (keras.ops.where(keras.ops.any(taken, axis=1), 2 * total + value, total),)

    expected = np.zeros(6)
    for i in range(6):
        for number in numbers[i, positive[i]]:
            expected[i] = 2 * expected[i] + number
    result = by_turns(positive, horner, (keras.ops.zeros((6,)),))[0]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(result), expected, rtol=1e-5)


def test_without_a_positive_the_state_stays():
    state = by_turns(np.zeros((3, 4), bool), lambda taken, x: (x + 1,), (keras.ops.ones((2,)),))
    assert keras.ops.convert_to_numpy(state[0]).tolist() == [1, 1]

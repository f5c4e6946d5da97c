import keras
import numpy as np
import pytest

from tfdml import ops
from tfdml.ops.pairs import join_labels

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


def test_queries_may_begin_at_any_key():
    labels = np.array([5, 5, 7, 5])
    positive, negative = (
        as_numpy(m) for m in ops.pair_masks(labels[1:3], labels, keras.ops.ones((), "int32"))
    )
    assert positive.astype(int).tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert negative.astype(int).tolist() == [[0, 0, 1, 0], [1, 1, 0, 1]]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_unused_samples_are_in_no_pair(dtype):
    labels = np.array([0, 0, 1, 127], dtype)
    used = np.array([True, False, True, False])
    marked = ops.mark_unused(labels, used)
    assert as_numpy(ops.used_labels(marked)).tolist() == used.tolist()
    for same_set in (False, True):
        for queries, keys in ((labels, marked), (marked, labels), (marked, marked)):
            expected = [as_numpy(mask).copy() for mask in ops.pair_masks(labels, labels, same_set)]
            for mask, plain in zip(ops.pair_masks(queries, keys, same_set), expected, strict=True):
                if queries is marked:
                    plain[~used] = False
                if keys is marked:
                    plain[:, ~used] = False
                np.testing.assert_array_equal(as_numpy(mask), plain)


def test_every_label_of_a_narrow_dtype_can_be_used():
    labels = np.arange(-128, 128).astype("int8")
    positive, negative = (as_numpy(mask) for mask in ops.pair_masks(labels, labels))
    np.testing.assert_array_equal(positive, np.eye(256, dtype=bool))
    np.testing.assert_array_equal(negative, ~np.eye(256, dtype=bool))


def test_joined_labels_hold_all_values_and_keep_what_is_unused():
    short, long = np.array([3, 4], "int32"), np.array([2**31], "int64")
    joined = join_labels(ops.mark_unused(short, np.array([True, False])), long)
    assert as_numpy(ops.used_labels(joined)).tolist() == [True, False, True]
    if keras.backend.backend() != "jax":
        assert as_numpy(joined)[[0, 2]].tolist() == [3, 2**31]

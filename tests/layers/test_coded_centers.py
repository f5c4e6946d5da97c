"""Centers of classifiers by neighbours as codes of a few bytes."""

import numpy as np
import pytest
from keras import ops
from stored_centers import CENTERS, classifier

import tfdml
from tfdml.layers import NearestNeighborsClassifier, NNGKClassifier

as_numpy = ops.convert_to_numpy


@pytest.mark.backend
@pytest.mark.parametrize("mode", ["tied", "fixed", "loose", None])
def test_a_compressed_layer_is_one_of_the_decoded_centers(mode):
    cls = NNGKClassifier if mode else NearestNeighborsClassifier
    rng = np.random.default_rng(0)
    stored = (rng.normal(size=(200, 8)) * 0.7 ** np.arange(8)).astype("float32")
    layer = cls(3, capacity=220, neighbors=9, **({"centers": mode} if mode else {}))
    layer.build((None, 8))
    layer.set_centers(stored, np.arange(200) % 3, index=np.arange(20, 220))
    layer.drop(np.arange(20, 30))
    if mode:
        layer.write(np.arange(220), log_weights=rng.normal(size=220))
    small = layer.compressed(bytes=4)
    codes = {name: as_numpy(getattr(small, name)) for name in ("codes", "rotation", "codebooks")}
    assert codes["codes"].dtype == "uint8" and codes["codes"].shape == (220, 4)
    assert not hasattr(small, "centers") and small.trains_centers is False
    decoded = tfdml.search.OPQ.from_state(codes).decode(codes["codes"])
    np.testing.assert_allclose(small.stored(), decoded, atol=1e-5)
    assert 0 < np.square(decoded[30:] - stored[10:]).sum() / np.square(stored[10:]).sum() < 0.2
    twin = layer.resized()
    twin.write(np.arange(220), centers=decoded)
    queries = rng.normal(size=(30, 8)).astype("float32")
    np.testing.assert_allclose(as_numpy(small(queries)), as_numpy(twin(queries)), atol=1e-4)
    assert (small.explain(queries).indices[:, 0] == twin.explain(queries).indices[:, 0]).all()
    with pytest.raises(ValueError, match="received: a layer that is compressed"):
        small.compressed()


def test_what_is_usual_of_codes_is_what_was_usual_of_the_embeddings():
    """Between codes distances are smaller, from a query to the nearest code they are about as before."""
    rng = np.random.default_rng(0)
    stored, fresh = rng.normal(size=(2, 2000, 32)).astype("float32")
    index, labels = rng.permutation(2000), np.zeros(2000, int)
    layer, coded = NNGKClassifier(1, capacity=2000), NNGKClassifier(1, capacity=2000, compression=4)
    for each in layer, coded:
        each.build((None, 32))
        each.set_centers(stored, labels, index)
    for each in layer, layer.compressed(bytes=4), coded:
        assert float(each.usual_square) == pytest.approx(float(layer.usual_square), rel=1e-5)
        assert float(each.log_bandwidth) == pytest.approx(float(layer.log_bandwidth), abs=1e-5)
        assert 0.92 < (as_numpy(each.find(fresh)[0])[:, 0] < float(each.usual_square)).mean() < 0.98
    coded.drop(np.arange(5))
    coded.add(stored[:5], labels[:5])
    assert float(coded.usual_square) == pytest.approx(float(layer.usual_square), rel=1e-5)


def test_a_compressed_layer_codes_what_is_added_and_refuses_what_it_cannot_hold():
    layer = classifier(compression={"bytes": 2, "dim": 4})
    np.testing.assert_allclose(layer.stored()[:12], CENTERS, atol=1e-5)  # a codeword a center
    codebooks = as_numpy(layer.codebooks)
    slots = layer.add(CENTERS[3:5], np.array([0, 0]))
    np.testing.assert_array_equal(as_numpy(layer.codebooks), codebooks)
    np.testing.assert_allclose(layer.stored()[slots], CENTERS[3:5], atol=1e-5)
    with pytest.raises(ValueError, match="to have centers, received: a layer without"):
        empty = NNGKClassifier(3, capacity=4)
        empty.build((None, 4))
        empty.compressed(2)
    for wrong in {"bytes": 5}, {"bytes": 2, "dim": 6}:
        with pytest.raises(ValueError, match="up to that of embeddings, 4"):
            NNGKClassifier(3, capacity=4, compression=wrong).build((None, 4))

import json
import sys

import faiss
import keras
import numpy as np
import pytest
from keras import ops
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from tfdml import data
from tfdml.search import OPQ
from tfdml.search.opq_training import directions_with_bits


def decaying(n=1200, dim=64):
    """Gaussian, with variances that fall by a power, in random directions."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return (rng.normal(size=(n, dim)) * np.arange(1, dim + 1) ** -0.7 @ turn).astype("float32")


def clusters(n=1200, dim=64):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, dim))[rng.integers(0, 150, n)] + 0.5 * rng.normal(size=(n, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")


def isotropic(n=1200, dim=32):
    return np.random.default_rng(2).normal(size=(n, dim)).astype("float32")


def digits():
    return load_digits().data[:1200].astype("float32")


def emoji():
    """Pixels of pictures, 8 x 8 in colour."""
    images = data.load("emoji", split="test").images(range(1200))
    return images.reshape(1200, 8, 8, 8, 8, 3).mean(axis=(2, 4), dtype="float32").reshape(1200, -1)


SETS = [decaying, clusters, isotropic, digits, emoji]


def error(x, decoded):
    return np.square(x - decoded).sum() / np.square(x - x.mean(0)).sum()


def product_quantised(x, parts):
    """Product quantisation by scikit-learn, part by part."""
    found = []
    with threadpool_limits(1):
        for part in np.split(x, parts, axis=1):
            means = KMeans(256, n_init=1, max_iter=30, init="random", random_state=0).fit(part)
            found.append(means.cluster_centers_[means.labels_])
    return np.concatenate(found, axis=1)


@pytest.fixture(scope="module")
def fitted():
    x = decaying()
    return x, OPQ(bytes=8, dim=24).fit(x)


@pytest.mark.parametrize("make", SETS)
def test_distortion_is_never_above_that_of_product_quantisation(make):
    x = make()
    opq = OPQ(bytes=8).fit(x)
    plain = OPQ(bytes=8, dim=x.shape[1], iterations=0, start="identity").fit(x)
    np.testing.assert_array_equal(plain.rotation, np.eye(x.shape[1]))
    assert opq.distortion(x) <= plain.distortion(x) * (1 + 1e-6)
    assert opq.distortion(x) < 1.01 * error(x, product_quantised(x, 8))
    np.testing.assert_allclose(opq.rotation.T @ opq.rotation, np.eye(opq.rotation.shape[1]), atol=1e-5)


@pytest.mark.parametrize("make", [decaying, clusters, digits])
def test_turns_from_the_identity_only_lower_the_error(make):
    x = make()[:600]
    settings = {"bytes": 4, "dim": x.shape[1], "start": "identity"}
    errors = [OPQ(iterations=n, **settings).fit(x).distortion(x) for n in (0, 10)]
    assert errors[1] < errors[0]


def test_more_bytes_lose_less():
    x = decaying(800)
    errors = [OPQ(bytes=n, iterations=5).fit(x).distortion(x) for n in (1, 2, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 3


def test_distortion_is_the_error_relative_to_the_variance(fitted):
    x, opq = fitted
    assert opq.distortion(x) == pytest.approx(error(x, opq.decode(opq.encode(x))), rel=1e-5)
    assert opq.distortion(7 * x[:2]) > 0


def test_codes_are_the_nearest_codewords(fitted):
    x, opq = fitted
    parts = (x[:50] @ opq.rotation).reshape(50, 8, 3)
    distances = np.square(parts[:, :, None] - opq.codebooks[None]).sum(3)
    codes = opq.encode(x[:50])
    assert codes.dtype == "uint8"
    np.testing.assert_array_equal(codes, distances.argmin(2))
    np.testing.assert_array_equal(opq.encode(opq.decode(codes)), codes)


def test_an_offset_changes_nothing():
    x = decaying(600, 32)
    near = OPQ(bytes=4, start="pca").fit(x).distortion(x)
    x = x + 30
    opq = OPQ(bytes=4, start="pca").fit(x)
    assert opq.distortion(x) == pytest.approx(near, rel=0.05)
    codes = opq.encode(x)
    np.testing.assert_array_equal(opq.encode(opq.decode(codes)), codes)


def test_sizes():
    x = np.random.default_rng(0).normal(size=(5994, 512)).astype("float32") * 0.9 ** np.arange(512)
    opq = OPQ(iterations=1, start="pca").fit(x[:600])
    codes = opq.encode(x)
    assert codes.nbytes == 95_904
    assert opq.rotation.shape[1] <= 96  # directions without variance are not kept
    assert opq.codebooks.shape == (16, 256, opq.rotation.shape[1] // 16)


@pytest.mark.parametrize(("spectrum", "bits", "expected"), [
    ([1.0] * 8, 64, 8), ([1.0] * 8, 1, 8), ([16.0, 1.0], 2, 1), ([16.0, 1.0], 2.1, 2), ([1.0, 0.0], 9, 1),
    ([0.0], 8, 1),
])  # fmt: skip
def test_directions_that_deserve_a_bit(spectrum, bits, expected):
    assert directions_with_bits(np.array(spectrum), bits) == expected


@pytest.mark.parametrize("n", [1, 2, 40, 255])
def test_few_points_are_kept_exactly(n):
    x = np.random.default_rng(0).normal(size=(n, 64)).astype("float32")
    opq = OPQ(bytes=8, dim=64).fit(x)
    assert opq.codebooks.shape[1] == n
    np.testing.assert_allclose(opq.decode(opq.encode(x)), x, atol=1e-5)
    assert opq.distortion(x) < 1e-4


@pytest.mark.parametrize("value", [0.0, 1.0, -1e4])
def test_points_that_are_all_the_same(value):
    x = np.full((300, 16), value, "float32")
    opq = OPQ(bytes=4).fit(x)
    assert opq.codebooks.shape[1] == 1
    np.testing.assert_allclose(opq.decode(opq.encode(x)), x, rtol=1e-5)
    assert opq.distortion(x) < 1e-2


@pytest.mark.parametrize("scale", [1e-18, 1e30])
def test_points_of_any_size(scale):
    x = decaying(300, 16)
    expected = OPQ(bytes=4, iterations=2).fit(x).distortion(x)
    x = x * np.float32(scale)
    opq = OPQ(bytes=4, iterations=2).fit(x)
    assert opq.distortion(x) == pytest.approx(expected, rel=0.01)


def test_a_seed_gives_the_same_codes():
    x = decaying(400)
    settings = {"bytes": 4, "iterations": 2}
    first, again, other = (OPQ(seed=seed, **settings).fit(x).codebooks for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_trains_on_a_sample_of_very_many(monkeypatch):
    monkeypatch.setattr("tfdml.search.opq_training.TRAINING_POINTS", 300)
    x = decaying(2000, 32)
    opq = OPQ(bytes=8, iterations=2).fit(x)
    assert opq.encode(x).shape == (2000, 8)
    assert opq.distortion(x) < 0.5


def test_config_and_state_go_round(fitted):
    x, opq = fitted
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(OPQ(np.int64(4), seed=2))))
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == OPQ(4, seed=2).get_config()
    held = {name: ops.convert_to_tensor(value) for name, value in opq.state().items()}
    again = OPQ.from_state(held, **opq.get_config())
    assert again.get_config() == opq.get_config()
    np.testing.assert_array_equal(again.encode(x), opq.encode(x))


def test_file_goes_round(fitted, tmp_path):
    x, opq = fitted
    opq.save(tmp_path / "opq.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["opq.npz"]
    again = OPQ.load(tmp_path / "opq.npz")
    assert again.get_config() == opq.get_config()
    np.testing.assert_array_equal(again.encode(x), opq.encode(x))


def changed(**arrays):
    return lambda state: {**state, **arrays}


@pytest.mark.parametrize(("change", "message"), [
    (changed(rotation=np.zeros((64, 24), "float32")), "orthonormal"),
    (changed(rotation=np.eye(64, 25, dtype="float32")), "shapes that fit"),
    (changed(rotation=np.eye(64, 24)), "float64"),
    (changed(codebooks=np.full((8, 256, 3), np.nan, "float32")), "finite"),
    (changed(codebooks=np.zeros((8, 257, 3), "float32")), "1 to 256"),
    (changed(codebooks=np.zeros((4, 256, 6), "float32")), "those of the arrays"),
    (changed(rotation=np.array([[object()]])), "(objects|allow_pickle)"),
    (lambda state: {"codebooks": state["codebooks"]}, "rotation"),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(fitted, tmp_path, change, message):
    from tfdml.search import files

    _, opq = fitted
    path = tmp_path / "opq.npz"
    files.write(path, {"kind": "opq", "config": opq.get_config()}, change(opq.state()))
    with pytest.raises(ValueError, match=rf"Expected .*opq\.npz.*{message}"):
        OPQ.load(path)


@pytest.mark.parametrize("header", [{"kind": "exact"}, {"kind": "opq"}, {"kind": "opq", "config": {"x": 1}}])
def test_a_header_that_does_not_fit_is_refused(fitted, tmp_path, header):
    from tfdml.search import files

    files.write(tmp_path / "opq.npz", header, fitted[1].state())
    with pytest.raises(ValueError, match=r"Expected .*opq\.npz"):
        OPQ.load(tmp_path / "opq.npz")


def test_bytes_that_are_no_file_of_ours_are_refused(tmp_path):
    (tmp_path / "opq.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"Expected .*opq\.npz"):
        OPQ.load(tmp_path / "opq.npz")


@pytest.mark.parametrize(("arguments", "name"), [
    ({"bytes": 0}, "bytes"), ({"bytes": 2.0}, "bytes"), ({"bytes": True}, "bytes"), ({"dim": 20}, "dim"),
    ({"dim": 0}, "dim"), ({"iterations": -1}, "iterations"), ({"seed": None}, "seed"),
    ({"trainer": "x"}, "trainer"), ({"start": "x"}, "start"),
])  # fmt: skip
def test_arguments_that_are_refused(arguments, name):
    with pytest.raises(ValueError, match=f"Expected {name} to be"):
        OPQ(**arguments)


@pytest.mark.parametrize("x", [np.zeros((0, 64)), np.zeros((5, 8)), np.zeros(64), np.full((5, 64), np.nan)])
def test_embeddings_that_are_refused(x):
    with pytest.raises(ValueError, match=r"Expected .*received"):
        OPQ().fit(x)


def test_codes_and_uses_that_are_refused(fitted):
    with pytest.raises(ValueError, match="fitted"):
        OPQ().encode(np.zeros((1, 64)))
    with pytest.raises(ValueError, match="Expected x to be of shape"):
        fitted[1].encode(np.zeros((1, 63)))
    with pytest.raises(ValueError, match="Expected codes to be integers"):
        fitted[1].decode(np.zeros((1, 7), "uint8"))
    with pytest.raises(ValueError, match="Expected codes to be 0 to 255"):
        fitted[1].decode(np.full((1, 8), 300))


def test_without_faiss_our_own_trains(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    x = decaying(300, 16)
    assert OPQ(bytes=4, iterations=1).fit(x).distortion(x) < 0.5
    with pytest.raises(ImportError, match=r"pip install tfdml\[faiss\] brings it"):
        OPQ(bytes=4, trainer="faiss").fit(x)


@pytest.mark.parametrize("make", [decaying, clusters, digits])
def test_ours_is_within_five_percent_of_faiss(make):
    x = np.ascontiguousarray(make()[:800])
    turn, quantizer = faiss.OPQMatrix(x.shape[1], 8), faiss.ProductQuantizer(x.shape[1], 8, 8)
    turn.niter = 10
    turn.pq = faiss.ProductQuantizer(x.shape[1], 8, 8)
    turn.pq.cp.min_points_per_centroid = quantizer.cp.min_points_per_centroid = 1
    with threadpool_limits(1):
        turn.train(x)
        z = turn.apply(x)
        quantizer.train(z)
        through = OPQ(bytes=8, iterations=10, trainer="faiss").fit(x).distortion(x)
    theirs = error(x, turn.reverse_transform(quantizer.decode(quantizer.compute_codes(z))))
    ours = OPQ(bytes=8).fit(x).distortion(x)
    assert ours < 1.05 * min(theirs, through)
    assert through < 1.05 * theirs

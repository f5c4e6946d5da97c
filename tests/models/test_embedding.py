import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from tfdml.models import backbone, embedding_model

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype("uint8")


@pytest.fixture(scope="module")
def lite0():
    return backbone("efficientnet_lite0", freeze="batch_norm")


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.fixture
def features_of_four():
    """A backbone that gives its input back, with a fourth channel of zeros."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Concatenate()([image, keras.ops.zeros_like(image[..., :1])]))


@pytest.mark.parametrize(
    "pooling, expected",
    [
        ("avg", lambda x: x.mean((1, 2))),
        ("max", lambda x: x.max((1, 2))),
        ("avg_max", lambda x: x.mean((1, 2)) + x.max((1, 2))),
        (layers.GlobalMaxPooling2D(), lambda x: x.max((1, 2))),
    ],
)
def test_poolings_are_what_they_are_called(features_of_four, pooling, expected):
    model = embedding_model(features_of_four, dim=None, pooling=pooling, normalize=False)
    features = np.concatenate([IMAGES, np.zeros((6, 32, 32, 1))], axis=-1)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected(features), rtol=1e-5)


def test_names_its_parts():
    model = embedding_model("small_cnn", dim=16, image_size=(32, 48))
    assert model.input.name == "image" and model.input_shape == (None, 32, 48, 3)
    assert model.output_shape == (None, 16) and model.output.dtype == "float32"
    assert model.get_layer("feature_map").output.shape == (None, 2, 3, 256)
    assert model.get_layer("small_cnn").input_shape == (None, 32, 48, 3)


@pytest.mark.parametrize("dim", [None, 8])
@pytest.mark.parametrize("normalize", [True, False])
def test_the_output_is_the_layer_called_embedding(features_of_four, dim, normalize):
    model = embedding_model(features_of_four, dim=dim, normalize=normalize)
    assert model.layers[-1].name == "embedding"
    z = model.predict(IMAGES, verbose=0)
    assert z.shape == (6, dim or 4)
    assert np.allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-5) == normalize


def test_a_black_picture_through_a_dead_network_is_the_zero_vector(features_of_four):
    model = embedding_model(features_of_four, dim=8)
    np.testing.assert_array_equal(model.predict(0 * IMAGES, verbose=0), np.zeros((6, 8)))


def test_shares_the_backbone_that_it_is_given():
    shared = backbone("small_cnn")
    model = embedding_model(shared)
    assert model.get_layer("small_cnn") is shared


def test_keeps_the_input_size_of_the_backbone():
    assert embedding_model(backbone("small_cnn", image_size=40)).input_shape == (None, 40, 40, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"backbone": "smal_cnn"}, "Expected name to be a backbone, such as 'small_cnn'"),
        ({"dim": 0}, "Expected dim to be an integer above 0 or None, received: dim=0"),
        ({"dim": 1.5}, "Expected dim to be .*received: dim=1.5"),
        ({"dim": True}, "Expected dim to be .*received: dim=True"),
        (
            {"pooling": "mean"},
            "Expected pooling to be one of 'avg', 'max', 'avg_max'.*received: pooling='mean'",
        ),
        ({"pooling": None}, "Expected pooling to be .*received: pooling=None"),
        ({"pooling": ["avg"]}, "Expected pooling to be .*received"),
        ({"image_size": -1}, "Expected image_size to be .*received: image_size=-1"),
        ({"backbone": 5}, "Expected backbone to be .*received: backbone=5"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        embedding_model(**({"backbone": "small_cnn"} | arguments))


def test_refuses_a_backbone_without_a_feature_map():
    image = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=r"Expected backbone to end in a feature map .*\(None, 3\)"):
        embedding_model(keras.Model(image, layers.GlobalMaxPooling2D()(image)))


FRESH = """
import json, sys
import numpy as np
import tensorflow as tf

images, expected = np.load("images.npy"), np.load("expected.npy")
exported = tf.saved_model.load("exported")
np.testing.assert_allclose(exported.serve(images.astype("float32")), expected, atol=1e-5)
assert "tfdml" not in sys.modules

import keras
import tfdml

model = keras.saving.load_model("model.keras")
np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-5)
assert [w.path for w in model.trainable_weights] == json.load(open("trainable.json"))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports from TensorFlow")
def test_saves_and_exports_for_a_fresh_process(lite0, tmp_path):
    model = embedding_model(lite0, pooling="avg_max")
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "expected.npy", model.predict(IMAGES, verbose=0))
    (tmp_path / "trainable.json").write_text(json.dumps([w.path for w in model.trainable_weights]))
    subprocess.run([sys.executable, "-c", FRESH], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "name, policy",
    [("small_cnn", "float32"), ("small_cnn", "mixed_bfloat16"), ("efficientnet_lite0", "mixed_bfloat16")],
    indirect=["policy"],
)
def test_trains(name, policy):
    keras.utils.set_random_seed(0)
    model = embedding_model(backbone(name, weights=None, image_size=32), dim=4)
    targets = np.eye(4, dtype="float32")[[0, 1, 2, 3, 0, 1]]
    model.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)  # six steps cost less than a graph
    losses = model.fit(IMAGES, targets, epochs=6, batch_size=6, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < 0.7 * losses[0]
    z = model(IMAGES)
    assert keras.backend.standardize_dtype(z.dtype) == "float32"
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)

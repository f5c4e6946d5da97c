"""Examples and classes added to models without training, and models with compressed classifiers."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import tfdml
from tfdml.models import add_examples, compressed

as_numpy = ops.convert_to_numpy
RNG = np.random.default_rng(0)
LABELS = np.arange(24) % 3
MIDDLES = 4 * RNG.normal(size=(5, 6))
IMAGES = (MIDDLES[LABELS] + RNG.normal(size=(24, 6))).astype("float32")
NEW = (MIDDLES[[3, 3, 3, 3, 3]] + RNG.normal(size=(5, 6))).astype("float32")
TESTED = (MIDDLES[np.arange(4).repeat(5)] + RNG.normal(size=(20, 6))).astype("float32")


def build(kind="functional", capacity=24, **arguments):
    """A model of each kind, its classifier full of the embeddings of `IMAGES`."""
    keras.utils.set_random_seed(0)
    layer = tfdml.layers.NNGKClassifier(3, capacity, **{"neighbors": 5, "name": "classifier"} | arguments)
    parts = [keras.layers.Dense(5), keras.layers.Dropout(0.5)]
    if kind == "sequential":
        model = keras.Sequential([keras.Input((6,)), *parts, layer])
    else:
        image, index = keras.Input((6,), name="image"), keras.Input((), dtype="int32", name="index")
        embedding = parts[1](parts[0](image))
        inputs = {"image": image, "index": index}
        if kind == "functional":
            inputs, output = image, layer(embedding)
        else:
            output = layer(embedding, index=index)
        model = keras.Model(inputs if kind != "list" else [image, index], output, name="whole")
    layer.set_centers(parts[0](IMAGES), LABELS)
    return model, layer


def predicted(model, images=TESTED):
    if isinstance(model, keras.Sequential):
        return model.predict(images, verbose=0)
    batch = np.zeros(len(images), "int32")
    inputs = {"image": images, "index": batch} if isinstance(model.input, dict) else images
    return model.predict([images, batch] if isinstance(model.input, list) else inputs, verbose=0)


every_kind = pytest.mark.parametrize("kind", ["functional", "dictionary", "list", "sequential"])


@pytest.mark.backend
@every_kind
def test_a_class_of_five_pictures_is_known_without_training(kind):
    model, _ = build(kind)
    before, weights = predicted(model), model.get_weights()
    larger = add_examples(model, NEW, np.full(5, 3))
    assert larger is not model and larger.name == model.name
    assert larger.output_shape == (None, 4)
    winners = predicted(larger).argmax(axis=1)
    assert (winners[15:] == 3).all()
    known = as_numpy(before)[:15].argmax(axis=1)
    assert (winners[:15] == known).mean() > 0.9
    np.testing.assert_array_equal(predicted(model), before)  # the model given is as it was
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    grown = larger.get_layer("classifier")
    assert (grown.capacity, grown.num_classes) == (29, 4)
    dense = {id(x) for x in model.layers if isinstance(x, keras.layers.Dense)}
    assert dense == {id(x) for x in larger.layers if isinstance(x, keras.layers.Dense)}


def test_where_there_is_room_it_is_the_same_model():
    model, layer = build(capacity=40)
    compiled = predicted(model)
    assert add_examples(model, NEW, np.full(5, 2)) is model
    assert layer.array("active").sum() == 29
    assert np.abs(predicted(model) - compiled).max() > 0.1  # what was compiled sees the new centers
    layer.drop(np.arange(20))
    again = add_examples(model, NEW[:1], np.array([0]))
    assert again is model and layer.array("active").sum() == 10


def test_a_loaded_model_takes_them_and_so_does_what_comes_of_it(tmp_path):
    model, _ = build("dictionary")
    model.save(tmp_path / "model.keras")
    for label in 3, 4:
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        add_examples(loaded, {"image": NEW}, np.full(5, label)).save(tmp_path / "model.keras")
    script = """
import keras, numpy as np, tfdml
model = keras.saving.load_model("model.keras")
layer = model.get_layer("classifier")
assert (layer.capacity, layer.num_classes) == (34, 5)
np.savez("got.npz", labels=layer.array("labels"), active=layer.array("active"))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    got = np.load(tmp_path / "got.npz")
    np.testing.assert_array_equal(got["labels"], [*LABELS, *[3] * 5, *[4] * 5])
    assert got["active"].all()


def test_what_comes_of_it_can_be_trained_on():
    model, _ = build("dictionary")
    larger = add_examples(model, NEW, np.full(5, 3))
    larger.compile("sgd", loss="sparse_categorical_crossentropy")
    given = {"image": np.concatenate([IMAGES, NEW]), "index": np.arange(29)}
    labels = np.concatenate([LABELS, np.full(5, 3)])
    refresh = tfdml.callbacks.CenterRefresh([(given, labels)])
    history = larger.fit(given, labels, epochs=2, callbacks=[refresh], verbose=0).history
    assert np.isfinite(history["loss"]).all() and history["neighbors_changed"][0] == 0


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (NEW, np.full(4, 3), r"labels to be integers of shape \(5,\)"),
        (NEW, np.full(5, -1), "labels to be from 0 to 2, received: -1"),
        (NEW, np.full(5, 0.5), "labels to be integers"),
        (NEW * np.nan, np.full(5, 1), "embeddings to be finite"),
        ({"picture": NEW}, np.full(5, 1), "the input 'image' to be given, received: picture"),
    ],
    ids=str,
)
def test_refuses_what_does_not_fit_and_leaves_the_model_alone(images, labels, message):
    model, _ = build(capacity=40)
    before = predicted(model)
    with pytest.raises(ValueError, match=message):
        add_examples(model, images, labels)
    np.testing.assert_array_equal(predicted(model), before)


def test_a_model_without_a_classifier_or_without_symbols_says_so():
    with pytest.raises(ValueError, match="as the model has 0"):
        add_examples(keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)]), NEW, np.zeros(5, int))

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.classifier = tfdml.layers.NNGKClassifier(3, 4)

        def call(self, x):
            return self.classifier(x)

    model = Subclassed()
    model(IMAGES)
    with pytest.raises(ValueError, match="model to be Functional or Sequential"):
        add_examples(model, NEW, np.zeros(5, int))


@pytest.mark.backend
@every_kind
@pytest.mark.parametrize("mode", ["tied", "loose"])
def test_a_compressed_model_answers_nearly_the_same(kind, mode):
    model, layer = build(kind, centers=mode)
    small = compressed(model, bytes=2)
    coded = small.get_layer("classifier")
    assert tuple(coded.codes.shape) == (24, 2) and not coded.trains_centers
    assert model.get_layer("classifier") is layer and small.name == model.name
    # Fewer points than codewords: the codes are exact, but for the directions that are cut.
    np.testing.assert_allclose(predicted(small).argmax(axis=1), predicted(model).argmax(axis=1))
    larger = add_examples(small, NEW, np.full(5, 3))
    assert (predicted(larger)[15:].argmax(axis=1) == 3).mean() > 0.5


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
def test_what_a_compressed_model_exports_needs_nothing_else(tmp_path):
    model, layer = build(soft_targets=True)
    small = compressed(model, bytes=2)
    small.export(tmp_path / "exported", verbose=False)

    embedding = model.layers[1]
    x = keras.Input((6,))
    confident = keras.Model(x, Confidence(small.get_layer("classifier"))(embedding(x)))
    confident.export(tmp_path / "confident", verbose=False)
    np.save(tmp_path / "x.npy", TESTED)
    np.savez(
        tmp_path / "expected.npz",
        a=predicted(small),
        b=as_numpy(layer.compressed(2).confidence(embedding(TESTED))),
    )
    script = """
import sys, numpy as np, tensorflow as tf
x, expected = np.load("x.npy"), np.load("expected.npz")
answers, confident = (tf.saved_model.load(name) for name in ("exported", "confident"))
np.testing.assert_allclose(answers.serve(x), expected["a"], atol=1e-5)
np.testing.assert_allclose(confident.serve(x)["confidence"], expected["b"], atol=1e-5)
assert "tfdml" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Confidence(keras.layers.Layer):
    """What an export may hold: votes and confidence in graph."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier

    def call(self, z):
        votes = self.classifier.votes(z)
        return {"confidence": self.classifier.confidence(z), **votes._asdict()}

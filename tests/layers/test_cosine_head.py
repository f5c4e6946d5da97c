import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import oracles_class_losses as oracle
import pytest
from keras import ops

from tfdml import losses
from tfdml.layers import CosineHead

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def numbers(x):
    return ops.convert_to_numpy(x)


def data(n=60, dim=8, classes=10):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    return (rng.normal(size=(classes, dim))[labels] + 0.3 * rng.normal(size=(n, dim))).astype(
        "float32"
    ), labels


def training_model(dim=8, classes=10):
    image, label = keras.Input((dim,), name="image"), keras.Input((), dtype="int32", name="label")
    embedding = keras.layers.Dense(4)(image)
    head = CosineHead(classes, scale="adaptive", name="head")
    model = keras.Model({"image": image, "label": label}, head(embedding, labels=label))
    return model, keras.Model(image, head(embedding)), head


@pytest.mark.backend
@pytest.mark.parametrize("scale, factor", [(16, 16.0), (None, 3.1073), ("adaptive", 3.1073)])
def test_gives_scaled_cosines(scale, factor):
    layer, z = CosineHead(10, scale=scale), np.random.default_rng(0).normal(size=(6, 4))
    logits = numbers(layer(z))
    np.testing.assert_allclose(logits, factor * oracle.cosines(z, numbers(layer.proxies)), atol=1e-4)


@pytest.mark.backend
def test_the_scale_follows_training_batch_by_batch():
    layer = CosineHead(10, scale="adaptive")
    rng, scale = np.random.default_rng(0), losses.fixed_scale(10)
    layer.build((None, 4))
    for n in (7, 12, 1):
        z, labels = rng.normal(size=(n, 4)), rng.integers(0, 10, n)
        s = oracle.cosines(z, numbers(layer.proxies))
        scale = oracle.ada_cos_scale(labels, s, scale)
        logits = numbers(layer(z, labels=labels, training=True))
        assert float(numbers(layer.adaptive_scale)) == pytest.approx(scale, rel=1e-5)
        np.testing.assert_allclose(logits, scale * s, rtol=1e-4, atol=1e-5)


@pytest.mark.backend
def test_the_scale_stays_in_inference_and_without_labels():
    layer, z = CosineHead(10, scale="adaptive"), np.random.default_rng(0).normal(size=(6, 4))
    layer(z, labels=np.arange(6))
    layer(z, labels=np.arange(6), training=False)
    layer(z, training=True)
    assert float(numbers(layer.adaptive_scale)) == pytest.approx(losses.fixed_scale(10))


@pytest.mark.backend
def test_labels_outside_the_classes_are_refused():
    with pytest.raises(ValueError, match=r"Expected labels to be from 0 to 9, .*received: 10"):
        CosineHead(10, scale="adaptive")(np.ones((2, 4)), labels=np.array([0, 10]), training=True)


@pytest.mark.backend
def test_trains_with_plain_fit_and_serves_without_labels():
    keras.utils.set_random_seed(0)
    x, labels = data()
    model, classify, head = training_model()
    model.compile(keras.optimizers.Adam(0.03), losses.AdaCosLoss(scale=1))
    loss = model.fit({"image": x, "label": labels}, labels, epochs=40, verbose=0).history["loss"]
    assert loss[-1] < 0.5 * loss[0]
    assert (classify.predict(x, verbose=0).argmax(1) == labels).mean() > 0.9
    scale = float(numbers(head.adaptive_scale))
    assert 1 < scale < 10 and scale != pytest.approx(losses.fixed_scale(10), rel=1e-3)


@tensorflow_only
def test_a_run_goes_on_in_a_fresh_process_with_its_scale(tmp_path):
    x, labels = data()
    model, classify, head = training_model()
    model.compile(keras.optimizers.Adam(0.03), losses.AdaCosLoss(scale=1))
    fit = {"batch_size": 20, "shuffle": False, "epochs": 3, "verbose": 0}
    model.fit({"image": x, "label": labels}, labels, **fit)
    scale = float(head.adaptive_scale)
    assert scale != pytest.approx(losses.fixed_scale(10), rel=0.01)
    model.save(tmp_path / "half.keras")
    classify.export(tmp_path / "classify", verbose=False)
    np.savez(tmp_path / "data.npz", x=x, labels=labels, scale=scale, logits=classify.predict(x, verbose=0))
    model.fit({"image": x, "label": labels}, labels, **fit)
    np.savez(tmp_path / "whole.npz", proxies=head.proxies, scale=float(head.adaptive_scale))
    script = """
import sys, numpy as np, tensorflow as tf
data, whole = np.load("data.npz"), np.load("whole.npz")
served = tf.saved_model.load("classify")
np.testing.assert_allclose(served.serve(data["x"]), data["logits"], atol=1e-4)
assert "tfdml" not in sys.modules
import keras, tfdml
model = keras.models.load_model("half.keras")
head = model.get_layer("head")
np.testing.assert_allclose(float(head.adaptive_scale), data["scale"], rtol=1e-6)
inputs = {"image": data["x"], "label": data["labels"]}
model.fit(inputs, data["labels"], batch_size=20, shuffle=False, epochs=3, verbose=0)
np.testing.assert_allclose(float(head.adaptive_scale), whole["scale"], rtol=1e-4)
np.testing.assert_allclose(head.proxies, whole["proxies"], rtol=1e-3, atol=1e-4)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@tensorflow_only
def test_backup_of_keras_resumes_with_the_scale(tmp_path):
    x, labels = data()
    inputs = {"image": x, "label": labels}
    fit = {"batch_size": 20, "shuffle": False, "verbose": 0}

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def train(*callbacks):
        keras.utils.set_random_seed(0)
        model, _, head = training_model()
        model.compile(keras.optimizers.Adam(0.03), losses.AdaCosLoss(scale=1))
        model.fit(inputs, labels, epochs=4, callbacks=list(callbacks), **fit)
        return float(head.adaptive_scale)

    whole = train()
    with pytest.raises(KeyboardInterrupt):
        train(keras.callbacks.BackupAndRestore(tmp_path / "backup"), Stop())
    assert train(keras.callbacks.BackupAndRestore(tmp_path / "backup")) == pytest.approx(whole, rel=1e-4)


@tensorflow_only
def test_two_replicas_find_the_scale_of_the_whole_batch(tmp_path):
    script = """
import keras, numpy as np, tensorflow as tf, tfdml
from replicas import two_devices
x, labels = np.random.default_rng(0).normal(size=(8, 5)).astype("float32"), np.arange(8)
with two_devices().scope():
    image, label = keras.Input((5,), name="image"), keras.Input((), dtype="int64", name="label")
    head = tfdml.layers.CosineHead(10, scale="adaptive")
    model = keras.Model({"image": image, "label": label}, head(image, labels=label))
    model.compile(keras.optimizers.SGD(0.0), loss=tfdml.losses.AdaCosLoss(scale=1))
s = tfdml.ops.cosine_similarity(x, head.proxies)
expected = tfdml.losses.adapted_scale(s, np.eye(10, dtype=bool)[labels], tfdml.losses.fixed_scale(10))
data = tf.data.Dataset.from_tensor_slices(({"image": x, "label": labels}, labels)).batch(8)
model.fit(data, verbose=0)
np.testing.assert_allclose(float(head.adaptive_scale.numpy()), expected, rtol=1e-5)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("scale", [0, -1, "fast", float("nan"), True])
def test_bad_scales_are_refused(scale):
    with pytest.raises(ValueError, match=r"Expected scale to be a number above 0.*received: "):
        CosineHead(10, scale=scale)

"""A process that only imports tfdml loads the models that were saved with our losses, and our own models."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from loss_contracts import ADDONS, CLASS, METRIC

import tfdml
from tfdml.compat.tensorflow_addons.losses import ContrastiveLoss, NpairsMultilabelLoss

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")

LABELS = np.arange(12) // 2
INPUTS = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
SCRIPT = """
import json, pathlib, keras, numpy as np, tfdml
from tfdml.compat import tensorflow_addons

given = np.load("given.npz")
models = {p.stem: keras.saving.load_model(p) for p in pathlib.Path().glob("*.keras")}
losses = {n: float(m.loss(given[n], m(given["inputs"]))) for n, m in models.items() if n in given}
print(json.dumps({**losses, "caching": float(keras.ops.sum(models["caching"](given["pictures"]) ** 3))}))
"""


def ends_in(make):
    """The last layer of a model whose outputs a loss reads."""
    if make in CLASS:
        return tfdml.layers.Proxies(6, per_class=3)
    return keras.layers.Dense(1 if make is ContrastiveLoss else 12 if make in ADDONS else 4)


def labels_for(make):
    if make is NpairsMultilabelLoss:
        return np.eye(6, dtype=int)[LABELS]
    return (LABELS % 2)[:, None] if make is ContrastiveLoss else LABELS


def test_a_fresh_process_loads_them(tmp_path):
    given, expected = {"inputs": INPUTS}, {}
    for make in (*METRIC, *CLASS, *ADDONS):
        name = f"{make.__module__}.{make.__name__}"
        model = keras.Sequential([keras.Input((4,)), ends_in(make)])
        model.compile("sgd", loss=make())
        model.save(tmp_path / f"{name}.keras")
        given[name] = labels_for(make)
        expected[name] = float(make()(given[name], model(INPUTS)))
    network = tfdml.models.embedding_model("small_cnn", dim=4, image_size=16)
    given["pictures"] = np.random.default_rng(1).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    tfdml.models.GradientCaching(network, micro_batch=2).save(tmp_path / "caching.keras")
    expected["caching"] = float(keras.ops.sum(network(given["pictures"]) ** 3))
    np.savez(tmp_path / "given.npz", **given)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(expected, rel=1e-5)

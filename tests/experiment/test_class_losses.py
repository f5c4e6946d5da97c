"""Recipes whose loss has class weights: what is trained has a head, what is measured and saved has none."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml import data, layers
from tfdml.experiment import RunFolder, export, load_recipe, resume, train, training
from tfdml.experiment.building import numbered, training_batches
from tfdml.experiment.heads import build_learner
from tfdml.experiment.progress import StopWhereDiverged
from tfdml.losses import fixed_scale

ADACOS = ["--loss=AdaCosLoss", "--loss.scale=1", "--head=CosineHead", "--head.scale=adaptive"]


@pytest.fixture(scope="module")
def recipe(photos, small):
    """A function that gives a recipe of seconds with further arguments."""
    return lambda *more: load_recipe(overrides=[*small, f"--data={photos}", "--loss=ArcFaceLoss", *more])


def silent(_):
    """Where notes go in these tests."""


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """A run with the head that ArcFace has where the recipe names none."""
    return train(*recipe(), tmp_path_factory.mktemp("whole") / "run", note=silent, verbose=0)


def test_a_run_ends_with_a_network_that_embeds(whole, tmp_path):
    model = whole.load_model()
    assert model.output_shape == (None, 8)
    assert not any(isinstance(layer, layers.Proxies) for layer in model.layers)
    assert {"loss", "val_map@r", "val_recall@1"} <= whole.read_history()[0].keys()
    assert "trained" in json.loads(whole.metrics.read_text(encoding="utf-8"))["test"]
    assert "ArcFaceLoss" in whole.report.read_text(encoding="utf-8")
    served = tf.saved_model.load(export(whole.path, tmp_path / "export"))
    assert served.embed(np.zeros((1, 16, 16, 3), "float32")).shape == (1, 8)


def interrupted(callback, batch, logs=None):
    """Stops the process, as it were, in the middle of the second epoch."""
    if callback.model.optimizer.iterations > callback.params["steps"]:
        raise KeyboardInterrupt


def test_an_interrupted_run_ends_where_it_would_have_ended(recipe, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "finish", lambda *_: None)  # what follows training is as for other losses
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StopWhereDiverged, "on_train_batch_end", interrupted)
        train(*recipe(), tmp_path / "run", note=silent, verbose=0)
    assert len(RunFolder(tmp_path / "run").read_history()) == 1
    run = resume(tmp_path / "run", note=silent, verbose=0)
    for ours, theirs in zip(run.read_history(), whole.read_history(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for ours, theirs in zip(run.load_model().weights, whole.load_model().weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def network():
    image = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, keras.layers.Dense(3)(features))


@pytest.mark.parametrize(
    "arguments, shape, settings",
    [
        (["--loss=ArcFaceLoss"], (None, 7), {"merging": 0, "learning_rate_multiplier": 10}),
        (["--loss=SubCenterArcFaceLoss"], (None, 7, 3), {"merging": 0}),
        (["--loss=SoftTripleLoss"], (None, 7, 10), {"merging": 0.2}),
        (["--loss=SoftTripleLoss", "--head.per_class=4"], (None, 7, 4), {"merging": 0}),
        (["--loss=CosFaceLoss", "--head=Proxies", "--head.learning_rate_multiplier=50"], (None, 7), {}),
        (ADACOS, (None, 7), {"scale": "adaptive"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_head_is_that_of_the_recipe_or_what_the_loss_needs(arguments, shape, settings):
    model = network()
    learner = build_learner(load_recipe(overrides=arguments)[0], model, 7)
    assert learner.output_shape == shape
    assert {name: learner.layers[-1].get_config()[name] for name in settings} == settings
    assert model.output_shape == (None, 3) and model.layers[-1] in learner.layers  # they share their weights


def test_a_loss_on_embeddings_has_the_network_itself():
    model = network()
    assert build_learner(load_recipe()[0], model, 7) is model


def test_classes_are_numbered_from_0_in_balanced_batches(recipe):
    """Classes that are held out leave gaps among the labels."""
    labels = np.repeat([1, 4, 6, 9], 3)
    pictures = data.from_arrays(np.arange(12 * 16 * 16 * 3, dtype="uint8").reshape(12, 16, 16, 3), labels)
    counted = numbered(pictures)
    assert counted.labels.tolist() == np.repeat(np.arange(4), 3).tolist()
    assert [counted.class_names[label] for label in counted.labels] == [str(label) for label in labels]
    np.testing.assert_array_equal(counted.images(), pictures.images())


def test_a_head_that_takes_labels_has_them_from_balanced_batches(recipe):
    made, _ = recipe(*ADACOS, "--sampler.classes_per_batch=4", "--schedule.steps_per_epoch=2")
    learner = build_learner(made, network(), 4)
    labels = np.repeat([1, 4, 6, 9], 3)
    pictures = data.from_arrays(np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), "uint8"), labels)
    batches, steps = training_batches(made, pictures, 0, learner)
    inputs, label = next(iter(batches))
    np.testing.assert_array_equal(inputs[1], label)
    assert np.bincount(label).tolist() == [2, 2, 2, 2]
    learner.compile("sgd", loss=made.loss)
    learner.fit(batches, steps_per_epoch=steps, verbose=0)
    assert float(learner.layers[-1].adaptive_scale) != pytest.approx(fixed_scale(4))


def test_a_recipe_with_a_head_reads_back_as_itself(tmp_path):
    _, text = load_recipe(overrides=["--loss=ArcFaceLoss", "--head=Proxies", "--head.per_class=3"])
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    again, same = load_recipe(tmp_path / "recipe.yaml")
    assert same == text and again.head(5).per_class == 3
    short = "loss: ArcFaceLoss\nhead: {class_path: Proxies, init_args: {per_class: 3}}"
    (tmp_path / "short.yaml").write_text(short, encoding="utf-8")
    assert load_recipe(tmp_path / "short.yaml")[0].head(5).per_class == 3
    without, _ = load_recipe(tmp_path / "recipe.yaml", ["--loss", "NTXentLoss", "--head", "null"])
    assert without.head is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--head=Proxies"], r"loss to be one with class weights.*received: NTXentLoss and Proxies"),
        (["--loss=ArcFaceLoss", "--head=Conv2D"], r"head to be null or .*Proxies, CosineHead.*: Conv2D"),
        (["--loss=ArcFaceLoss", "--head=keras.layers.ReLU"], r"head to be null or .*: keras\.layers\.ReLU"),
        (["--loss=ArcFaceLoss", "--head=SampledProxies"], r"head to leave the loss .*: SampledProxies"),
        (
            ["--loss=ArcFaceLoss", "--head=Proxies", "--head.num_classes=3"],
            r"argument of Proxies \(per_class, .*received: num_classes",
        ),
        (["--loss=ArcFaceLoss", "--head=Proxies", "--head.per_clas=3"], r"argument of Proxies .*: per_clas"),
    ],
)
def test_a_wrong_head_is_named_on_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(overrides=arguments)
    assert "\n" not in str(caught.value)


def test_a_head_that_cannot_be_made_leaves_no_run(recipe, tmp_path):
    with pytest.raises(ValueError, match="per_class to be an integer of at least 1, received: 0"):
        train(*recipe("--head.per_class=0"), tmp_path / "run", note=silent, verbose=0)
    assert not (tmp_path / "run").exists()

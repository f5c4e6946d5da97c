"""Recipes whose head is a classifier: what is trained, measured and kept beside the network."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml import data, layers
from tfdml.experiment import RunFolder, classify, export, finishing, load_recipe, resume, train, training
from tfdml.experiment.building import training_batches
from tfdml.experiment.classification import accuracy, counted
from tfdml.experiment.classifier import load_classifier, read_classifier
from tfdml.experiment.heads import build_learner
from tfdml.experiment.progress import StopWhereDiverged
from tfdml.models import backbones
from tfdml.models.inputs import image_input

CROSS_ENTROPY = "--loss=SparseCategoricalCrossentropy"
LOGITS = "--loss.from_logits=true"


@pytest.fixture(scope="module", autouse=True)
def tiny_network():
    """One convolution in place of seven: what is traced, and not the pictures, takes the time."""

    def network(image_size=None):
        image = image_input(image_size)
        return keras.Model(image, keras.layers.Conv2D(8, 4, 4)(keras.layers.Rescaling(1 / 255)(image)))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(backbones, "small_cnn", network)
        yield


@pytest.fixture(scope="module")
def recipe(photos, small):
    """A function that gives a recipe of the package with the budget of a test, and further arguments."""
    budget = [word for word in small if not word.startswith(("--recipe", "--loss", "--schedule.epochs"))]
    network = ["--backbone.name=small_cnn", "--backbone.weights=null", "--backbone.freeze=null"]
    held_out = ["--hold_out.by=images", "--hold_out.test=0.2", "--hold_out.validation=0.2"]
    rare = ["--schedule.refresh_every=2", "--evaluation.every=2", "--augmentation=[]", "--schedule.epochs=3"]
    given = [*budget, *network, *held_out, *rare, f"--data={photos}"]
    return lambda name, *more: load_recipe(name, [*given, *more])


def silent(_):
    """Where notes go in these tests."""


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """A run of the recipe nngk: tied centers."""
    return train(*recipe("nngk"), tmp_path_factory.mktemp("whole") / "run", note=silent, verbose=0)


def test_a_run_keeps_an_embedding_and_the_classifier_beside_it(whole):
    assert whole.load_model().output_shape == (None, 8)
    kept = read_classifier(whole)
    assert kept.class_names == [f"class {label:02d}" for label in range(22)]
    assert kept.head.capacity == 66 and kept.head.activation == "softmax"  # 22 of 3 pictures, two held out
    with np.load(whole.gallery) as gallery:
        # Tied centers are the embeddings of the network that is kept.
        np.testing.assert_allclose(kept.head.stored(), gallery["embeddings"][kept.places], atol=1e-5)
        labels = keras.ops.convert_to_numpy(kept.head.labels)
        np.testing.assert_array_equal(labels, gallery["labels"][kept.places])


def test_its_figures_are_those_of_the_classifier(whole):
    written = json.loads(whole.metrics.read_text(encoding="utf-8"))
    assert written["held_out"] == {"by": "images", "images": 22, "classes": 22}
    assert list(written["test"]["trained"])[:3] == ["accuracy", "top5_accuracy", "recall@1"]
    assert all("accuracy" in figures for figures in written["test"].values())
    assert "nmi" not in written["test"]["trained"]  # one picture a class: clusters would all be right
    split, kept = whole.read_split(), read_classifier(whole)
    sources = [str(source) for source in np.load(whole.gallery)["sources"]]
    tested = [i for i, source in enumerate(sources) if source.endswith(tuple(split["test"]))]
    with np.load(whole.gallery) as gallery:
        chosen = np.asarray(kept.head(gallery["embeddings"][tested])).argmax(axis=1)
        right = (chosen == gallery["labels"][tested]).mean()
    assert written["test"]["trained"]["accuracy"] == pytest.approx(right)
    history = whole.read_history()
    assert {"val_accuracy", "val_top5_accuracy", "val_map@r", "center_drift"} <= history[0].keys()
    assert "Accuracy" in whole.report.read_text(encoding="utf-8")


def test_what_was_trained_is_asked_and_exported(whole, photos, tmp_path):
    """From the training to the answers: the command's, and those of the SavedModel."""
    files = [photos / name for name in whole.read_split()["test"]]
    answers = classify(whole.path, files)
    said = [answer.classes[0][0] for answer in answers]
    right = np.mean([name == file.parent.name for name, file in zip(said, files, strict=True)])
    written = json.loads(whole.metrics.read_text(encoding="utf-8"))["test"]["trained"]
    assert right == pytest.approx(written["accuracy"])
    loaded = tf.saved_model.load(export(whole.path, tmp_path / "model", classifier=True, note=silent))
    found = loaded.classify_bytes([file.read_bytes() for file in files])
    assert [name.decode() for name in found["class_names"].numpy()] == said
    expected = [answer.confidence for answer in answers]
    np.testing.assert_allclose(found["confidence"], expected, atol=1e-2)  # decoders round differently


def interrupted(callback, batch, logs=None):
    """Stops the process, as it were, in the middle of the second epoch."""
    if callback.model.optimizer.iterations > callback.params["steps"]:
        raise KeyboardInterrupt


def test_an_interrupted_run_ends_where_it_would_have_ended(recipe, whole, tmp_path, monkeypatch):
    """Its centers are those of the epoch before: none is due in the second."""
    monkeypatch.setattr(training, "finish", lambda *_: None)  # what follows training is tested above
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StopWhereDiverged, "on_train_batch_end", interrupted)
        train(*recipe("nngk"), tmp_path / "run", note=silent, verbose=0)
    assert len(RunFolder(tmp_path / "run").read_history()) == 1
    run = resume(tmp_path / "run", note=silent, verbose=0)
    for ours, theirs in zip(run.read_history(), whole.read_history(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    ours, theirs = (read_classifier(folder).model.weights for folder in (run, whole))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_softmax_is_a_classifier_too(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(finishing, "write_report", lambda *_: None)
    made, text = recipe("softmax", "--schedule.epochs=1")
    run = train(made, text, tmp_path / "run", note=silent, verbose=0)
    kept = read_classifier(run)
    assert isinstance(kept.head, keras.layers.Dense)
    answers = kept.model.predict(np.zeros((2, 16, 16, 3)), verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    figures = json.loads(run.metrics.read_text(encoding="utf-8"))["test"]
    assert "accuracy" in figures["trained"] and "accuracy" not in figures["raw pixels"]
    with pytest.raises(ValueError, match=r"a classifier by neighbours, received: .*whose head is Dense"):
        load_classifier(run.path)
    run.classifier.unlink()
    with pytest.raises(ValueError, match=r"to hold a classifier, received: .*it has no classifier.keras"):
        load_classifier(run.path)
    run.model.unlink()
    with pytest.raises(ValueError, match=r"hold a trained model.*train --resume"):
        load_classifier(run.path)


def test_classes_that_were_held_out_have_no_accuracy_but_retrieval(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(finishing, "write_report", lambda *_: None)
    made, text = recipe("impostor", "--hold_out.by=classes", "--schedule.epochs=1")
    run = train(made, text, tmp_path / "run", note=silent, verbose=0)
    assert "val_map@r" in run.read_history()[0] and "val_accuracy" not in run.read_history()[0]
    assert "accuracy" not in json.loads(run.metrics.read_text(encoding="utf-8"))["test"]["trained"]
    kept = read_classifier(run)
    with np.load(run.gallery) as gallery:
        names = gallery["class_names"][gallery["labels"][kept.places]]
    labels = keras.ops.convert_to_numpy(kept.head.labels)
    assert len(kept.class_names) < 22 and [kept.class_names[label] for label in labels] == names.tolist()
    stop = ["--callbacks+=EarlyStopping", "--callbacks.monitor=val_accuracy", "--callbacks.mode=max"]
    with pytest.raises(ValueError, match=r"callbacks.monitor to be a figure of retrieval.*val_accuracy"):
        train(*recipe("nngk", "--hold_out.by=classes", *stop), tmp_path / "other", note=silent)
    assert not (tmp_path / "other").exists()


def test_batches_have_the_index_of_each_picture_in_the_training_set(recipe):
    made, _ = recipe("nngk", "--image_size=16")
    labels = np.repeat([1, 4, 6, 9], 5)
    pixels = np.random.default_rng(0).integers(0, 255, (20, 16, 16, 3), "uint8")
    image = keras.Input((16, 16, 3), name="image")
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    learner = build_learner(made, network, 4, 20)
    assert learner.layers[-1].capacity == 20
    batches, steps = training_batches(made, data.from_arrays(pixels, labels), 0, learner)
    seen = []
    for inputs, label in batches:
        index = inputs["index"].numpy()
        np.testing.assert_array_equal(inputs["image"], pixels[index])
        np.testing.assert_array_equal(label, index // 5)
        seen.extend(index)
    assert sorted(seen) == list(range(20)) and steps == 2


def test_accuracy_counts_no_class_that_nothing_speaks_for():
    head = keras.layers.Activation("linear")
    scores = np.array([[0.6, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0]] * 3, "float32")
    assert accuracy(head, scores, np.array([0, 1, 2])) == {"accuracy": 1 / 3, "top5_accuracy": 2 / 3}
    assert accuracy(head, scores, np.array([0, -1, -1]))["top5_accuracy"] == 1 / 3
    assert counted([3, 5, 9, 4], [9, 3, 5, 5]).tolist() == [0, 1, 2, -1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--head=NNGKClassifier"], r"loss to be SparseCategoricalCrossentropy .*: NTXentLoss and NNGK"),
        ([CROSS_ENTROPY], r"head to be a classifier, NNGKClassifier or Dense.*and no head"),
        ([CROSS_ENTROPY, "--head=Proxies"], r"head to be a classifier.*and Proxies"),
        ([CROSS_ENTROPY, LOGITS, "--head=NNGKClassifier"], r"loss.from_logits to be false as .* softmax"),
        ([CROSS_ENTROPY, "--head=Dense"], r"loss.from_logits to be true as head.activation is null"),
        (
            [CROSS_ENTROPY, "--head=Dense", "--head.activation=relu"],
            r"activation to be null or softmax.*relu",
        ),
        (["--recipe=nngk", "--head.neighbrs=3"], r"argument of NNGKClassifier \(neighbors, .*: neighbrs"),
        (["--recipe=nngk", "--head.capacity=3"], r"argument of NNGKClassifier .*: capacity"),
        (["--recipe=nngk", "--head.neighbors=0"], r"neighbors to be an integer of at least 1, received: 0"),
        (["--recipe=nngk", "--schedule.refresh_every=0"], r"schedule.refresh_every to be 1 or more"),
    ],
)
def test_what_does_not_go_together_is_named_on_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(overrides=arguments)
    assert "\n" not in str(caught.value)


def test_recipes_read_back_as_themselves(tmp_path):
    _, text = load_recipe("impostor")
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    again, same = load_recipe(tmp_path / "recipe.yaml")
    head = again.head(3, 5)
    assert same == text and isinstance(head, layers.NNGKClassifier)
    assert (head.center_mode, head.sample_weights, head.activation) == ("loose", False, None)
    assert again.loss.from_logits and again.loss.name == "sparse_categorical_crossentropy"

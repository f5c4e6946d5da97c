"""A run's classifier as a SavedModel: it answers where there is TensorFlow alone."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml import layers
from tfdml.experiment import Classifier, RunFolder, export, load_classifier, save_classifier
from tfdml.experiment.exporting import compact
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.serving_classifier import ServedClassifier
from tfdml.layers.center_copies import copied
from tfdml.layers.classifier_parts import embedding_of, with_classifier

FRESH = """
import sys
sys.modules["tfdml"] = sys.modules["keras"] = None
import numpy as np
import tensorflow as tf

given, encoded, results, *models = sys.argv[1:]
pixels, encoded, found = np.load(given), open(encoded, "rb").read(), {}
for number, path in enumerate(models):
    loaded = tf.saved_model.load(path)
    answers = {
        "classify": loaded.classify(pixels),
        "float": loaded.classify(pixels.astype("float32")),
        "signature": loaded.signatures["classify"](images=tf.constant(pixels, tf.float32)),
        "uint8": loaded.signatures["classify_uint8"](images=tf.constant(pixels)),
        "bytes": loaded.signatures["classify_bytes"](encoded=tf.constant([encoded])),
        "search": loaded.search(pixels),
        "embed": {"embeddings": loaded.embed(pixels)},
        "all": {"classes": loaded.classes, "signatures": tf.constant(sorted(loaded.signatures))},
    }
    for name, answer in answers.items():
        for key, value in answer.items():
            value = value.numpy()
            found[f"{number}/{name}/{key}"] = value.astype(str) if value.dtype == object else value
np.savez(results, **found)
"""
KINDS = ["plain", "coded", "added"]


def silent(_):
    """Where notes go in these tests."""


def pictures_of(run, places):
    gallery = Gallery.load(RunFolder(run).gallery)
    return np.stack([gallery.picture(place) for place in places])


@pytest.fixture(scope="module")
def added(classifying, tmp_path_factory):
    """The run with a class that it never saw, of three pictures that are noise."""
    run = tmp_path_factory.mktemp("added") / "run"
    shutil.copytree(classifying, run)
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype("float32")
    save_classifier(run, load_classifier(run).with_examples(noise, ["noise", "noise", "class 03"]))
    return run, noise


@pytest.fixture(scope="module")
def exported(classifying, photos, added, tmp_path_factory):
    """What a fresh process gets of three SavedModels: plain, as codes, and with pictures that were added."""
    folder = tmp_path_factory.mktemp("exported")
    export(classifying, folder / "plain", 5, classifier=True, note=silent)
    export(classifying, folder / "coded", 5, classifier=True, bytes=8, note=silent)
    export(added[0], folder / "added", 5, classifier=True, note=silent)
    given = [pictures_of(classifying, (0, 7, 60)), added[1].astype("uint8")]
    np.save(folder / "given.npy", np.concatenate(given))
    files = [folder / "given.npy", photos / "class 03" / "1.png", folder / "results.npz"]
    command = [sys.executable, "-W", "ignore", "-c", FRESH, *files, *(folder / kind for kind in KINDS)]
    subprocess.run(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, check=True)
    with np.load(folder / "results.npz") as arrays:
        found = dict(arrays)

    def answer(kind, name):
        start = f"{KINDS.index(kind)}/{name}/"
        return {key.removeprefix(start): value for key, value in found.items() if key.startswith(start)}

    return answer


@pytest.fixture(scope="module")
def classifiers(classifying, added):
    """The same three as Keras has them."""
    plain = load_classifier(classifying)
    return {"plain": plain, "coded": compact(plain, 8, silent), "added": load_classifier(added[0])}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["classify", "float", "signature", "uint8", "bytes"])
def test_a_fresh_process_answers_as_the_layer_does(kind, name, exported, classifiers, classifying, added):
    answer, kept = exported(kind, name), classifiers[kind]
    pixels = pictures_of(classifying, [16] if name == "bytes" else (0, 7, 60)).astype("float32")
    if name != "bytes":
        pixels = np.concatenate([pixels, added[1]])
    probabilities = kept.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-4)
    np.testing.assert_array_equal(answer["labels"], probabilities.argmax(axis=1))
    names = np.array(kept.class_names)
    assert answer["class_names"].tolist() == names[probabilities.argmax(axis=1)].tolist()
    embeddings = keras.Model(kept.model.input, embedding_of(kept.model, kept.head)[1]).predict(
        pixels, verbose=0
    )
    votes, confidence = kept.head.explain(embeddings), kept.head.confidence(embeddings)
    np.testing.assert_allclose(answer["confidence"], confidence, atol=1e-4)
    np.testing.assert_allclose(answer["neighbor_shares"], votes.shares, atol=1e-4)
    np.testing.assert_allclose(answer["neighbor_distances"], votes.distances, atol=1e-4)
    np.testing.assert_array_equal(answer["neighbor_labels"], votes.labels)
    assert (answer["neighbor_class_names"] == names[votes.labels]).all()
    found = kept.pictures(Gallery.load(RunFolder(classifying).gallery))[votes.indices]
    np.testing.assert_array_equal(answer["neighbor_ids"], found)


def test_neighbours_are_named_by_their_places_in_the_gallery(exported, classifying):
    answer, gallery = exported("plain", "classify"), Gallery.load(RunFolder(classifying).gallery)
    ids = answer["neighbor_ids"]
    assert (ids >= 0).all() and set(ids.flat) <= set(load_classifier(classifying).places)
    assert (gallery.class_names[gallery.labels[ids]] == answer["neighbor_class_names"]).all()


def test_signatures_are_those_of_every_export_and_three_more(exported):
    names = ["embed", "embed_bytes", "embed_uint8", "search", "search_uint8", "serving_default"]
    expected = sorted([*names, "classify", "classify_bytes", "classify_uint8"])
    assert exported("plain", "all")["signatures"].tolist() == expected


def test_codes_find_what_the_embeddings_find(exported, classifying):
    plain, coded = exported("plain", "search"), exported("coded", "search")
    assert coded["ids"][:3, 0].tolist() == plain["ids"][:3, 0].tolist() == [0, 7, 60]
    np.testing.assert_allclose(coded["distances"], plain["distances"], atol=0.05)


def test_pictures_are_added_without_training_and_exported_again(added, classifying, exported):
    run, noise = added
    before, kept = load_classifier(classifying), load_classifier(run)
    assert kept.class_names == [*before.class_names, "noise"]
    assert kept.head.capacity == before.head.capacity + 3
    assert exported("added", "all")["classes"].tolist() == kept.class_names
    answer = exported("added", "classify")
    assert answer["class_names"][3:].tolist() == ["noise", "noise", "class 03"]
    assert answer["neighbor_ids"][3:, 0].tolist() == [-1, -1, -1]  # in no gallery
    again = kept.with_examples(noise[:1], ["one more"])
    assert again.class_names[-1] == "one more" and len(kept.class_names) == 23
    with pytest.raises(ValueError, match="class_names to have 3 names"):
        kept.with_examples(noise, ["noise"])


def test_a_slot_that_is_used_again_is_no_picture_of_the_gallery(classifying):
    kept = load_classifier(classifying)
    gallery = Gallery.load(RunFolder(classifying).gallery)
    slot = int(np.flatnonzero(kept.places == 16)[0]) if 16 in kept.places else 0
    name = gallery.name(kept.places[slot])
    kept.head.drop([slot])
    larger = kept.with_examples(np.full((1, 16, 16, 3), 90.0), [name])
    assert larger.head is kept.head and larger.pictures(gallery)[slot] == -1
    np.testing.assert_array_equal(np.delete(larger.places, slot), np.delete(kept.places, slot))


def test_an_index_outside_the_graph_stays_outside(classifying):
    kept, notes = load_classifier(classifying), []
    head = copied(kept.head, search={"kind": "faiss", "distance": "squared_euclidean", "config": {}})
    outside = dataclasses.replace(kept, model=with_classifier(kept.model, kept.head, head))
    served = ServedClassifier(
        compact(outside, None, notes.append), Gallery.load(RunFolder(classifying).gallery), 1
    )
    assert "outside the graph, which is not exported" in notes[0] and len(notes) == 1
    assert "table" in head.state_names and "table" not in served.centers
    pixels = pictures_of(classifying, [0, 7]).astype("float32")
    answer = served.classify(pixels)["probabilities"]
    np.testing.assert_allclose(answer, kept.model.predict(pixels, verbose=0), atol=1e-5)


def test_a_head_of_16_bytes_a_center_takes_that_on_disk(tmp_path):
    """5,994 centers of 512 numbers, as many as CUB-200-2011 has: 96 KB of codes in place of 12 MB."""
    image = keras.Input((8, 8, 3), name="image")
    embedding = keras.layers.Dense(512)(keras.layers.GlobalAveragePooling2D()(image))
    head = layers.NNGKClassifier(200, 5994, compression={"bytes": 16, "dim": 64})
    model = keras.Model(image, head(embedding))
    rng = np.random.default_rng(0)
    head.rotation.assign(np.linalg.qr(rng.normal(size=(512, 64)))[0])
    head.codebooks.assign(rng.normal(size=head.codebooks.shape))
    head.codes.assign(rng.integers(0, 256, (5994, 16)))
    head.active.assign(np.ones(5994, bool))
    names, none = [f"class {label}" for label in range(200)], np.zeros(1, int)
    gallery = Gallery("", 8, "crop", np.zeros((1, 512), "float32"), none, np.array(["a"]), np.array(["b"]))
    served = ServedClassifier(Classifier(model, names, np.full(5994, -1)), gallery, 1)
    tf.saved_model.save(served, str(tmp_path / "model"), signatures=served.signatures())
    codes, coder, rest = 5994 * 16, 4 * 64 * (512 + 256), 5994 * (4 + 4 + 1)
    assert (codes, coder) == (95_904, 196_608)
    told = served.sizes()
    assert f"5,994 centers as codes: {codes:,} bytes" in told and f"codebooks: {coder:,};" in told
    data = next((tmp_path / "model" / "variables").glob("*.data-*")).stat().st_size
    beside = 4 * (3 * 512 + 512) + 5994 * 8 + 16 + 13 * 200  # network, pictures' places, gallery, names
    assert 0 <= data - codes - coder - rest - beside < 4096


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bytes": 16}, r"bytes to be given with classifier, received: bytes=16"),
        ({"classifier": True, "bytes": 0}, r"bytes to be an integer of at least 1, received: 0"),
        ({"classifier": True, "bytes": 17}, r"at most the dimension of x, 16, received: bytes=17"),
        ({"classifier": True, "k": 0}, r"k to be 1 or more"),
    ],
)
def test_what_cannot_be_exported(options, message, classifying, tmp_path):
    with pytest.raises(ValueError, match=message):
        export(classifying, tmp_path / "model", note=silent, **options)
    assert not (tmp_path / "model").exists()


def test_classes_that_do_not_fit_are_named(classifying, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(classifying, run)
    for wrong, message in (
        ('{"class_names": []}', "classes of a classifier"),
        ("[", "classes of a classifier"),
    ):
        RunFolder(run).classes.write_text(wrong)
        with pytest.raises(ValueError, match=message):
            export(run, classifier=True)
    facts = {"class_names": ["one"], "places": []}
    RunFolder(run).classes.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"class_names to have 22 names.*received: 1"):
        export(run, classifier=True)

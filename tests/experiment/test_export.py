import dataclasses
import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfdml import data, metrics
from tfdml.experiment import RunFolder, export, find_similar, load_recipe
from tfdml.experiment.building import build_model
from tfdml.experiment.datasets import open_data
from tfdml.experiment.evaluation import Embedded, Trial, embed_with
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.serving import decode

FRESH = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf

out, given, results, *encoded = sys.argv[1:]
loaded = tf.saved_model.load(out)
given = np.load(given)
pixels, floats = tf.constant(given["images"]), tf.constant(given["images"], tf.float32)
encoded = tf.constant([Path(path).read_bytes() for path in encoded])
by_name = lambda name, **inputs: loaded.signatures[name](**inputs)["output_0"]
found = {
    "embed": loaded.embed(floats),
    "embed_uint8": loaded.embed(pixels),
    "embed_bytes": loaded.embed_bytes(encoded),
    "signature": by_name("embed", images=floats),
    "serving": by_name("serving_default", images=floats),
    "signature_uint8": by_name("embed_uint8", images=pixels),
    "bytes_signature": by_name("embed_bytes", encoded=encoded),
    "wide": loaded.embed(given["wide"]),
    "threshold": loaded.threshold,
}
for name, search in (("search", loaded.search), ("search_uint8", loaded.signatures["search_uint8"])):
    found.update({f"{name}/{key}": value for key, value in search(images=pixels).items()})
found = {name: value.numpy() for name, value in found.items()}
np.savez(results, **{name: x.astype(str) if x.dtype == object else x for name, x in found.items()})
print(json.dumps({"tfdml": "tfdml" in sys.modules, "signatures": sorted(loaded.signatures)}))
"""


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Paths of one picture in several forms, and its pixels as the data room reads them."""
    folder = tmp_path_factory.mktemp("encoded")
    rng = np.random.default_rng(0)
    colour = cv2.resize(rng.integers(0, 256, (5, 5, 3), "uint8"), (40, 30), interpolation=cv2.INTER_CUBIC)
    alpha = np.dstack([colour, np.linspace(0, 255, 1200).reshape(30, 40).astype("uint8")])
    forms = {
        "colour.png": colour,
        "alpha.png": alpha,
        "grey.png": colour[..., 0],
        "deep.png": colour.astype("uint16") * 257,
        "photo.jpg": colour,
    }
    for name, pixels in forms.items():
        assert cv2.imwrite(str(folder / name), pixels)
    return [folder / name for name in forms]


@pytest.fixture(scope="module")
def exported(run, encoded, tmp_path_factory):
    """What a fresh process with plain TensorFlow gets from the SavedModel, and what it was given."""
    folder = tmp_path_factory.mktemp("exported")
    out = export(run, folder / "model", k=5)
    gallery = Gallery.load(RunFolder(run).gallery)
    given = {
        "images": np.stack([gallery.picture(place) for place in (0, 7, 60)]),
        "wide": np.random.default_rng(1).integers(0, 256, (2, 24, 90, 3), "uint8"),
    }
    np.savez(folder / "given.npz", **given)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        FRESH,
        out,
        folder / "given.npz",
        folder / "results.npz",
        *encoded,
    ]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    with np.load(folder / "results.npz") as arrays:
        return json.loads(done.stdout), dict(arrays), given


def embed(run, images):
    """What the Keras model says of pictures of its own size."""
    return RunFolder(run).load_model().predict(np.asarray(images, "float32"), verbose=0)


def test_a_fresh_process_needs_nothing_but_tensorflow(exported):
    told, _, _ = exported
    assert told["tfdml"] is False
    assert told["signatures"] == [
        "embed",
        "embed_bytes",
        "embed_uint8",
        "search",
        "search_uint8",
        "serving_default",
    ]


@pytest.mark.parametrize("name", ["embed", "embed_uint8", "signature", "serving", "signature_uint8"])
def test_embeddings_equal_those_of_the_keras_model(name, exported, run):
    _, results, given = exported
    np.testing.assert_allclose(results[name], embed(run, given["images"]), atol=1e-5)


def test_pictures_of_other_sizes_are_fitted(exported, run):
    _, results, given = exported
    fitted = data.fit_images(given["wide"], 16, "crop")
    np.testing.assert_allclose(results["wide"], embed(run, fitted), atol=1e-5)


@pytest.mark.parametrize("name", ["embed_bytes", "bytes_signature"])
def test_encoded_pictures_of_every_form_embed_as_their_pixels_do(name, exported, encoded, run):
    _, results, _ = exported
    pixels = [data.fit_images(data.read_picture(path)[None], 16, "crop")[0] for path in encoded]
    assert results[name].shape == (5, 8)
    np.testing.assert_allclose(results[name], embed(run, pixels), atol=2e-2)  # decoders round differently
    np.testing.assert_allclose(results[name][:3], embed(run, pixels)[:3], atol=1e-3)


@pytest.mark.parametrize("name", ["search", "search_uint8"])
def test_search_finds_what_the_gallery_holds(name, exported, run):
    _, results, given = exported
    gallery, queries = Gallery.load(RunFolder(run).gallery), embed(run, given["images"])
    apart = np.linalg.norm(queries[:, None] - gallery.embeddings[None], axis=2)
    assert results[f"{name}/ids"][:, 0].tolist() == [0, 7, 60]
    np.testing.assert_allclose(results[f"{name}/distances"], np.sort(apart, axis=1)[:, :5], atol=1e-5)
    labels = gallery.labels[results[f"{name}/ids"]]
    np.testing.assert_array_equal(results[f"{name}/labels"], labels)
    np.testing.assert_array_equal(results[f"{name}/class_names"], gallery.class_names[labels])


def validation(run):
    """Embeddings and labels of the validation pictures, from what lies in the run folder."""
    run = RunFolder(run)
    recipe, _ = run.load_recipe()
    part = open_data(recipe, lambda _: None, run.read_split())[1].validation
    return embed_with(run.load_model())(part), part.labels


@pytest.mark.parametrize("name", ["search", "search_uint8"])
def test_the_threshold_is_that_of_the_validation_pictures(name, exported, run):
    _, results, _ = exported
    threshold = float(results["threshold"])
    written = json.loads(RunFolder(run).metrics.read_text())["threshold"]
    calibrated = metrics.calibrate_threshold(*validation(run), at=0.001)
    assert (
        threshold == pytest.approx(written["threshold"]) == pytest.approx(calibrated["threshold"], rel=1e-4)
    )
    assert {key: written[key] for key in ("far", "tar")} == pytest.approx(
        {key: calibrated[key] for key in ("far", "tar")}
    )
    same = results[f"{name}/same"]
    assert same.dtype == bool and same[:, 0].all()  # each finds itself
    np.testing.assert_array_equal(same, results[f"{name}/distances"] <= threshold)


def test_there_is_no_threshold_where_none_was_calibrated(run, photos, tmp_path):
    """The validation pictures were trained on; or they are of one class, or alike in all classes."""
    out = tmp_path / "run"
    shutil.copytree(run, out)
    for threshold in ({}, {"threshold": None}):
        (out / "metrics.json").write_text(json.dumps({"test": {}, **threshold}))
        loaded = tf.saved_model.load(export(out, tmp_path / f"model {len(threshold)}", k=1))
        assert not hasattr(loaded, "threshold")
        assert "same" not in loaded.search(np.zeros((1, 20, 20, 3), "float32"))
    images = data.from_folder(photos).subset(np.arange(10))  # of two classes
    embeddings = np.random.default_rng(0).normal(size=(10, 3))
    embedded = Embedded(Trial(images, None), np.zeros((10, 3)), None)
    assert embedded.threshold() is None
    assert dataclasses.replace(embedded, queries=embeddings).threshold(far=0.5)["far"] <= 0.5
    one = Embedded(Trial(images.subset(np.arange(5)), None), embeddings[:5], None)
    assert one.threshold() is None


def test_k_is_no_more_than_the_gallery_has(run, photos, tmp_path):
    loaded = tf.saved_model.load(export(run, tmp_path / "model", k=1000))
    found = loaded.search(np.zeros((1, 20, 20, 3), "float32"))
    assert found["ids"].shape == (1, 110) and sorted(found["ids"].numpy()[0]) == list(range(110))


def test_export_and_search_agree_on_an_encoded_picture(run, photos, tmp_path):
    """Pictures that are larger than the gallery's: the graph shrinks them as the data room did."""
    loaded = tf.saved_model.load(export(run, tmp_path / "model"))
    gallery = Gallery.load(RunFolder(run).gallery)
    for path in sorted(photos.rglob("*.png"))[::22]:
        (match,) = find_similar(run, path, k=1)
        embedding = loaded.embed_bytes(tf.constant([path.read_bytes()])).numpy()
        nearest = np.linalg.norm(gallery.embeddings - embedding, axis=1).argmin()
        assert gallery.name(nearest) == match.class_name and nearest == match.place


def test_the_embedded_set_is_found_by_its_encoded_pictures(tmp_path):
    """The emoji as a gallery, by a network that need not have learned anything."""
    recipe, text = load_recipe("small_cnn", ["--image_size=16", "--embedding.dim=8"])
    run, emoji = RunFolder.create(tmp_path / "run", text), data.load("emoji", "all")
    model = build_model(recipe)
    run.save_model(model)
    Gallery.of(recipe, emoji, embed_with(model)(emoji)).save(run.gallery)
    loaded = tf.saved_model.load(export(run.path))
    places = [3, 1000, 5000]
    for place in places:
        assert cv2.imwrite(str(tmp_path / f"{place}.png"), emoji.images([place])[0][..., ::-1])
    encoded = [(tmp_path / f"{place}.png").read_bytes() for place in places]
    apart = loaded.embed_bytes(tf.constant(encoded))[:, None] - loaded.gallery[None]
    nearest = np.linalg.norm(apart, axis=2).argmin(axis=1)
    matches = [find_similar(run.path, tmp_path / f"{place}.png", k=1)[0] for place in places]
    assert nearest.tolist() == [match.place for match in matches] == places
    assert [match.class_name for match in matches] == [emoji.class_names[emoji.labels[p]] for p in places]


def test_a_jpeg_is_decoded_as_the_data_room_does(encoded):
    path = encoded[-1]
    difference = np.abs(decode(path.read_bytes()).numpy() - data.read_picture(path))
    assert difference.max() <= 2


def test_what_is_there_is_not_overwritten(run, tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(ValueError, match="out to be a new folder"):
        export(run, tmp_path / "model")
    assert not list((tmp_path / "model").iterdir())

"""A small folder of pictures and a run on it, which tests of several rooms share."""

from pathlib import Path

import pytest

# Every field that matters: the recipes of the package may change.
SMALL = [
    "--recipe=small_cnn",
    "--train_on=train",
    "--image_size=16",
    "--embedding.dim=8",
    "--loss=NTXentLoss",
    "--loss.temperature=0.1",
    "--optimizer=Adam",
    "--optimizer.learning_rate=1e-3",
    "--schedule.epochs=2",
    "--schedule.warmup_epochs=0.5",
    "--schedule.decay=cosine",
    "--sampler.classes_per_batch=8",
    "--sampler.images_per_class=2",
    "--evaluation.every=1",
    "--evaluation.keep=best",
]


@pytest.fixture(scope="session")
def small():
    """Arguments of `tfdml train` for a training of seconds."""
    return SMALL


@pytest.fixture(scope="session")
def write_photos():
    """A function that writes emoji as a folder of pictures: `classes` subfolders of `each` pictures."""
    import cv2
    import numpy as np

    from tfdml import data

    def write(folder, classes, each=5):
        emoji = data.load("emoji", "all")
        for label in range(classes):
            place = Path(folder, f"class {label:02d}")
            place.mkdir(parents=True)
            for number, index in enumerate(np.flatnonzero(emoji.labels == label)[:each]):
                cv2.imwrite(str(place / f"{number}.png"), emoji.images([index])[0][..., ::-1])
        return Path(folder)

    return write


@pytest.fixture(scope="session")
def photos(write_photos, tmp_path_factory):
    """A folder of 22 classes: enough to hold classes out."""
    return write_photos(tmp_path_factory.mktemp("data") / "photos", 22)


@pytest.fixture(scope="session")
def run(photos, tmp_path_factory):
    """The folder of a complete run on `photos`, made by the command. Tests leave it as it is."""
    from tfdml_command import main

    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *SMALL, "--data", str(photos), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def classifying(photos, tmp_path_factory):
    """The folder of a run of the recipe nngk on `photos`, trained not at all. Tests leave it as it is."""
    from tfdml.experiment import RunFolder, load_recipe, save_classifier
    from tfdml.experiment.building import build_model, numbered
    from tfdml.experiment.classifier import trained_classifier
    from tfdml.experiment.datasets import open_data, split_of
    from tfdml.experiment.evaluation import embed_with
    from tfdml.experiment.finishing import places
    from tfdml.experiment.gallery import Gallery
    from tfdml.experiment.heads import make_head

    network = ["--backbone.name=small_cnn", "--backbone.weights=null", "--backbone.freeze=null"]
    small = [*network, "--image_size=16", "--embedding.dim=16"]
    recipe, text = load_recipe("nngk", [*small, f"--data={photos}"])
    whole, splits = open_data(recipe, lambda _: None)
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "nngk", text)
    run.write_json(run.split, split_of(recipe, whole, splits))
    model, train, at = build_model(recipe), numbered(splits.train), places(whole, splits.train)
    embeddings = embed_with(model)(whole)
    Gallery.of(recipe, whole, embeddings).save(run.gallery)
    head = make_head(recipe, train.num_classes, len(train))
    head.build((None, 16))
    head.set_centers(embeddings[at], train.labels)
    save_classifier(run.path, trained_classifier(model, head, train.class_names, at))
    run.save_model(model)
    return run.path

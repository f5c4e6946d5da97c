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

"""A folder such as a reader has: photographs, a picture, and a run that was trained in a few seconds."""

import os
import shutil
from contextlib import chdir

import cv2
import numpy as np
import pytest
from doc_examples import tfdml, trained_small

from tfdml import data

CLASSES, IMAGES = 24, 4  # enough classes to hold whole ones out


@pytest.fixture(scope="session")
def trained_workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workshop")
    emoji = data.load("emoji", "train")
    for label in np.unique(emoji.labels)[:CLASSES]:
        of_class = np.flatnonzero(emoji.labels == label)[:IMAGES]
        (folder / "photos" / f"class-{label}").mkdir(parents=True)
        for place, pixels in zip(of_class, emoji.images(of_class), strict=True):
            picture = folder / "photos" / f"class-{label}" / f"{emoji.sources[place]}.png"
            assert cv2.imwrite(str(picture), pixels[..., ::-1])
    shutil.copy(picture, folder / "picture.png")
    with chdir(folder):
        assert tfdml(["train", *trained_small([])]) == 0
    return folder


@pytest.fixture
def workshop(trained_workshop, tmp_path, monkeypatch):
    """A copy of the folder, as the current one."""
    copy = tmp_path / "workshop"
    shutil.copytree(trained_workshop, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MPLBACKEND", "agg")
    os.environ.pop("TFDML_TRACEBACK", None)
    return copy

import json
import pickle

import cv2
import h5py
import numpy as np
import pytest

from tfdml.data.hdf5 import open_hdf5


def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), "uint8")


@pytest.fixture
def path(tmp_path):
    encoded = [cv2.imencode(".png", picture[..., ::-1])[1].tobytes() for picture in pictures()]
    with h5py.File(tmp_path / "set.hdf5", "w") as file:
        file.attrs.update(name="set", format="tfdml-images", format_version=1, image_shape=[6, 6, 3])
        file.attrs["split_names"] = json.dumps(["train", "test"])
        file["images"] = np.frombuffer(b"".join(encoded), np.uint8)
        file["offsets"] = np.cumsum([0, *map(len, encoded)])
        file["targets"] = np.array([0, 0, 1, 1], "int32")
        file["splits"] = np.array([0, 0, 1, 1], "uint8")
        file["class_names"] = np.array([name.encode() for name in ("ant", "bée")])
        file["artists"] = np.array([b"me", b"you"])
        file["artist"] = np.array([0, 1, 0, 1], "uint8")
    return tmp_path / "set.hdf5"


def test_reads_what_was_written(path):
    image_set, splits = open_hdf5(path)
    assert np.array_equal(image_set.images(), pictures())
    assert image_set.labels.tolist() == [0, 0, 1, 1] and image_set.class_names == ["ant", "bée"]
    assert image_set.sources == ["me", "you", "me", "you"]
    assert splits.tolist() == ["train", "train", "test", "test"]


def test_another_process_opens_the_file_for_itself(path):
    image_set, _ = open_hdf5(path)
    image_set.images([0])  # opens it here
    assert np.array_equal(pickle.loads(pickle.dumps(image_set)).images(), pictures())


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def external(file):
    del file["targets"]
    file["targets"] = h5py.ExternalLink("elsewhere.hdf5", "/targets")


def outside(file):
    del file["images"]
    file.create_dataset("images", (10,), "uint8", external=[("secret.bin", 0, 10)])


@pytest.mark.parametrize(
    "change, message",
    [
        pytest.param(lambda f: f.attrs.update(format="other"), "format 'tfdml-images'", id="format"),
        pytest.param(lambda f: f.attrs.update(format_version=9), "version 1", id="version"),
        pytest.param(lambda f: f.attrs.update(image_shape=[6, -6, 3]), "an image shape", id="shape"),
        pytest.param(lambda f: f.attrs.update(split_names="{"), "set.hdf5 to be an image set", id="json"),
        pytest.param(replace("targets", np.array([0, 0, 1, 2])), "targets from 0 to 1", id="unknown class"),
        pytest.param(replace("targets", np.array([0, 0, 1, -1])), "targets from 0 to 1", id="negative class"),
        pytest.param(replace("targets", np.zeros((4, 1), int)), "targets of rank 1", id="rank"),
        pytest.param(replace("targets", np.zeros(4)), "targets of rank 1", id="kind"),
        pytest.param(
            replace("splits", np.array([0, 0, 5, 1], "uint8")), "splits from 0 to 1", id="unknown split"
        ),
        pytest.param(
            replace("offsets", np.array([0, 9, 5, 7, 9])), "offsets that rise", id="falling offsets"
        ),
        pytest.param(
            replace("offsets", np.array([0, 1, 2, 3, 10**9])), "offsets that rise", id="beyond the end"
        ),
        pytest.param(replace("offsets", np.array([0, 1])), "5 offsets", id="too few offsets"),
        pytest.param(external, "targets to be in the file itself", id="external link"),
        pytest.param(outside, "images to be a plain data set", id="external storage"),
        pytest.param(lambda f: f.pop("artist"), "artist to be in the file itself", id="missing"),
    ],
)
def test_refuses_a_file_that_contradicts_itself(path, change, message):
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message):
        open_hdf5(path)


def test_refuses_what_is_no_hdf5(tmp_path):
    (tmp_path / "x.hdf5").write_text("words")
    with pytest.raises(ValueError, match=r"x.hdf5 to be an image set in HDF5"):
        open_hdf5(tmp_path / "x.hdf5")


def test_refuses_a_picture_of_another_size(path):
    with h5py.File(path, "a") as file:
        file.attrs["image_shape"] = [5, 5, 3]
    with pytest.raises(ValueError, match=r"picture 0 of .* to be \(5, 5, 3\), received: \(6, 6, 3\)"):
        open_hdf5(path)[0].images([0])

import json
import pickle

import cv2
import h5py
import numpy as np
import pytest
from data.ingestion.toys import toy

from tfdml.data import from_hdf5
from tfdml.data.fuel import split_array
from tfdml.data.hdf5 import open_hdf5


def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), "uint8")


@pytest.fixture
def first(tmp_path):
    """A file of version 1, as the embedded set."""
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


@pytest.fixture
def second(tmp_path):
    """A file of an ingestion."""
    return toy(tmp_path / "second").start()


@pytest.fixture
def encoded(tmp_path):
    """A file of an ingestion, its pictures encoded."""
    return toy(tmp_path / "encoded", encoding="png").start()


@pytest.fixture
def fuel(tmp_path):
    """A file in Fuel's layout."""
    return toy(tmp_path / "fuel", fuel=True, size=8).start()


def test_reads_the_first_version(first):
    stored = open_hdf5(first)
    assert np.array_equal(stored.image_set.images(), pictures())
    assert stored.image_set.labels.tolist() == [0, 0, 1, 1]
    assert stored.image_set.class_names == ["ant", "bée"]
    assert stored.image_set.sources == ["me", "you", "me", "you"]
    assert {name: rows.tolist() for name, rows in stored.retrieval.items()} == {
        "train": [0, 1],
        "test": [2, 3],
    }


@pytest.mark.parametrize("kind", ["first", "second", "encoded", "fuel"])
def test_another_process_opens_the_file_for_itself(kind, request):
    image_set = from_hdf5(request.getfixturevalue(kind))
    pixels = image_set.images([0, 2])  # opens it here
    assert np.array_equal(pickle.loads(pickle.dumps(image_set)).images([0, 2]), pixels)


def test_parts_that_are_asked_for(second):
    assert len(from_hdf5(second)) == len(from_hdf5(second, "train")) + len(from_hdf5(second, "test")) == 30
    with pytest.raises(ValueError, match="split to be one of 'train', 'test', 'all', received: 'tset'"):
        from_hdf5(second, "tset")
    with pytest.raises(ValueError, match="by to be one of 'retrieval', 'classification', received: 'x'"):
        from_hdf5(second, "train", by="x")


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def attribute(**values):
    return lambda file: file.attrs.update(values)


def external(file):
    del file["targets"]
    file["targets"] = h5py.ExternalLink("elsewhere.hdf5", "/targets")


def soft(file):
    del file["targets"]
    file["targets"] = h5py.SoftLink("/class_names")


def outside(name):
    def change(file):
        del file[name]
        file.create_dataset(name, (30, 8, 8, 3), "uint8", external=[("secret.bin", 0, 5760)])

    return change


def virtual(file):
    del file["images"]
    layout = h5py.VirtualLayout((30, 8, 8, 3), "uint8")
    layout[:] = h5py.VirtualSource("secret.hdf5", "images", (30, 8, 8, 3))
    file.create_virtual_dataset("images", layout)


def objects(file):
    del file["sources"]
    file.create_dataset("sources", data=["x"] * 30, dtype=h5py.string_dtype())


def group(file):
    del file["images"]
    file.create_group("images")


def loop(file):
    del file["images"]
    file["images"] = file["/"]


def unknown_filter(file):
    del file["images"]
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((1, 8, 8, 3))
    how.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((30, 8, 8, 3))
    h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_UINT8, space, how)


def huge(file):
    del file["targets"]
    file.create_dataset("targets", (2**33, 1), "int32", chunks=(1024, 1))


def no_names(file):
    file["classification_split"].attrs["names"] = "[1, 2]"


SECOND = [
    pytest.param(attribute(format="other"), "format 'tfdml-images'", id="format"),
    pytest.param(attribute(format=5), "format to be a text", id="format of another type"),
    pytest.param(attribute(format_version=9), "version 1 or 2", id="version"),
    pytest.param(attribute(format_version="2"), "version 1 or 2", id="version of another type"),
    pytest.param(attribute(image_shape=[8, -8, 3]), "an image shape", id="negative side"),
    pytest.param(attribute(image_shape=[8, 8, 3, 1]), "an image shape", id="too long a shape"),
    pytest.param(attribute(image_shape=[2**40, 8, 3]), "an image shape", id="huge side"),
    pytest.param(attribute(image_shape="8x8"), "an image shape", id="shape of another type"),
    pytest.param(attribute(image_shape=[8, 9, 3]), r"images \(8, 9, 3\)", id="another shape"),
    pytest.param(attribute(encoding="gif"), "encoding to be one of", id="encoding"),
    pytest.param(attribute(encoding="png"), "offsets to be in the file", id="another encoding"),
    pytest.param(attribute(channels="first"), r"images \(3, 8, 8\)", id="another order"),
    pytest.param(attribute(recipe="{"), "to be an image set", id="no json"),
    pytest.param(attribute(recipe="[]"), "fit to be one of", id="another json"),
    pytest.param(lambda f: f.attrs.pop("split"), "to be an image set", id="no split"),
    pytest.param(attribute(split="train"), "another form", id="split of another type"),
    pytest.param(
        attribute(split=split_array({"train": (0, 31)}, ["targets"])), "rows 0 to 31 in a file", id="split"
    ),
    pytest.param(
        attribute(split=split_array({"train": (0, 20), "test": (19, 30)}, ["targets"])),
        "overlap",
        id="overlapping splits",
    ),
    pytest.param(replace("targets", np.full((30, 1), 6)), "targets from 0 to 5", id="unknown class"),
    pytest.param(replace("targets", np.full((30, 1), -1)), "targets from 0 to 5", id="negative class"),
    pytest.param(replace("targets", np.zeros(30, int)), "targets of rank 2", id="rank of targets"),
    pytest.param(replace("targets", np.zeros((30, 2), int)), "30 targets", id="shape of targets"),
    pytest.param(replace("targets", np.zeros((30, 1))), "kind i", id="kind of targets"),
    pytest.param(replace("targets", np.zeros((29, 1), int)), "29 sources", id="number of targets"),
    pytest.param(huge, "targets of .* bytes at most", id="targets that would fill the memory"),
    pytest.param(replace("class_ids", np.array([b"1"])), "6 class_ids", id="number of ids"),
    pytest.param(replace("class_names", np.array([b"\xff"] * 6)), "to be an image set", id="no text"),
    pytest.param(replace("class_names", b"one"), "class_names of rank 1", id="rank of names"),
    pytest.param(replace("sources", np.array([b"x"])), "30 sources", id="number of sources"),
    pytest.param(objects, "sources of rank 1 and kind S", id="objects"),
    pytest.param(replace("images", np.zeros((30, 8, 8), "uint8")), "images of rank 4", id="rank of images"),
    pytest.param(replace("images", np.zeros((30, 8, 8, 3), "uint16")), "images", id="kind of images"),
    pytest.param(replace("images", np.zeros((29, 8, 8, 3), "uint8")), "30 images", id="number of images"),
    pytest.param(outside("images"), "images to be a plain data set", id="external storage"),
    pytest.param(virtual, "images to be a plain data set", id="virtual storage"),
    pytest.param(external, "targets to be in the file itself", id="external link"),
    pytest.param(soft, "targets to be in the file itself", id="soft link"),
    pytest.param(group, "images to be a plain data set", id="group"),
    pytest.param(loop, "images to be a plain data set", id="loop"),
    pytest.param(unknown_filter, "images without unknown filters", id="filter"),
    pytest.param(
        replace("classification_split", np.full(30, 2, "uint8")), "names", id="no names of the classification"
    ),
    pytest.param(no_names, "names to be a list of texts", id="names of another type"),
]


@pytest.mark.parametrize("change, message", SECOND)
def test_refuses_a_file_that_contradicts_itself(second, change, message):
    with h5py.File(second, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message) as caught:
        open_hdf5(second)
    assert str(second) in str(caught.value)


OFFSETS = [
    pytest.param(replace("offsets", np.array([0, 9, 5, 7, 9])), "offsets that rise", id="falling offsets"),
    pytest.param(replace("offsets", np.array([0, 1, 2, 3, 10**9])), "offsets that rise", id="beyond the end"),
    pytest.param(replace("offsets", np.array([0, 1])), "5 offsets", id="too few offsets"),
    pytest.param(attribute(split_names="{"), "set.hdf5 to be an image set", id="json"),
    pytest.param(
        replace("splits", np.array([0, 0, 5, 1], "uint8")), "splits from 0 to 1", id="unknown split"
    ),
    pytest.param(lambda f: f.pop("artist"), "artist to be in the file itself", id="missing"),
]


@pytest.mark.parametrize("change, message", OFFSETS)
def test_refuses_a_first_version_that_contradicts_itself(first, change, message):
    with h5py.File(first, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message):
        open_hdf5(first)


@pytest.mark.parametrize(
    "change, message",
    [
        pytest.param(replace("images", np.zeros((30, 1, 8, 8), "uint8")), "images to be uint8", id="grey"),
        pytest.param(replace("images", np.zeros((30, 3, 8, 8), "float32")), "kind u", id="floats"),
        pytest.param(replace("targets", np.zeros((30, 2), "int32")), "30 targets", id="targets"),
        pytest.param(replace("targets", np.zeros((7, 1), "int32")), "30 targets", id="number of targets"),
        pytest.param(external, "to be an image set", id="external link"),
    ],
)
def test_refuses_a_fuel_file_that_contradicts_itself(fuel, change, message):
    with h5py.File(fuel, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message):
        open_hdf5(fuel)


def test_refuses_what_is_no_hdf5(tmp_path):
    (tmp_path / "x.hdf5").write_text("words")
    with pytest.raises(ValueError, match=r"x.hdf5 to be an image set in HDF5"):
        open_hdf5(tmp_path / "x.hdf5")
    with pytest.raises(ValueError, match="no file there"):
        open_hdf5(tmp_path / "nowhere.hdf5")


def test_refuses_a_picture_of_another_size(first):
    with h5py.File(first, "a") as file:
        file.attrs["image_shape"] = [5, 5, 3]
    with pytest.raises(ValueError, match=r"picture 0 of .* to be \(5, 5, 3\), received: \(6, 6, 3\)"):
        from_hdf5(first).images([0])

"""Files of Fuel in ours and the reverse: `tests/fixtures/data/make_fuel.py` recorded what Fuel does."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from tfdml.data import from_hdf5
from tfdml.data.fuel import read_splits, split_array
from tfdml.data.hdf5 import open_hdf5

FIXTURES = Path(__file__).parents[1] / "fixtures" / "data"


def test_a_file_that_fuel_wrote():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 5), "uint8").transpose(0, 2, 3, 1)
    stored = open_hdf5(FIXTURES / "fuel.hdf5")
    assert stored.image_set.class_names == ["98", "99", "100", "101"] == stored.class_ids
    assert np.array_equal(stored.image_set.images(), pixels)
    train, test = stored.part("train"), stored.part("test")
    assert np.array_equal(train.images(), pixels[:6]) and train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(test.images(), pixels[[6, 9, 11]]) and test.labels.tolist() == [2, 3, 3]


@pytest.mark.parametrize("part", ["train", "test"])
def test_fuel_read_what_we_wrote(part):
    read, ours = np.load(FIXTURES / "fuel.npz"), from_hdf5(FIXTURES / "tfdml.hdf5", part)
    assert np.array_equal(read[f"{part}/images"].transpose(0, 2, 3, 1), ours.images())
    names = [ours.class_names[label] for label in ours.labels]
    assert read[f"{part}/targets"][:, 0].astype(str).tolist() == names
    assert read[f"{part}/axes"].tolist() == ["batch,channel,height,width", "batch,class_labels"]


def test_what_fuel_read_is_what_we_write_today(tmp_path):
    from data.ingestion.toys import toy

    assert toy(tmp_path, fuel=True, size=8).start().read_bytes() == (FIXTURES / "tfdml.hdf5").read_bytes()


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "set.hdf5", "w") as file:
        file["images"] = np.zeros(10)
        yield file


def changed(**values):
    table = split_array({"train": (0, 6), "test": (6, 10)}, ["images"])
    for name, value in values.items():
        table[name][1] = value
    return table


def test_a_split_that_is_not_available_is_none(file):
    file.attrs["split"] = changed(available=False)
    assert list(read_splits(file, "images", 10)) == ["train"]


@pytest.mark.parametrize(
    "table, message",
    [
        pytest.param(changed(start=-1), "'test' of rows -1 to 10", id="negative"),
        pytest.param(changed(stop=11), "'test' of rows 6 to 11 in a file of 10", id="beyond the end"),
        pytest.param(changed(start=9, stop=7), "'test' of rows 9 to 7", id="backwards"),
        pytest.param(changed(start=5), "overlap: 'test'", id="overlapping"),
        pytest.param(changed(split=b"train"), "overlap: 'train'", id="twice the same"),
        pytest.param(changed(split=b"\xff"), "no text", id="name"),
        pytest.param(split_array({"train": (0, 6)}, ["targets"]), "says nothing of 'images'", id="source"),
        pytest.param(np.arange(3), "another form", id="numbers"),
        pytest.param("train", "another form", id="text"),
        pytest.param(np.zeros(2, [("split", "S3")]), "another form", id="columns"),
        pytest.param(
            np.zeros(2, [(n, float) for n in ("split", "source", "start", "stop", "available")]),
            "other types",
            id="types",
        ),
    ],
)
def test_refuses_splits_that_lie(file, table, message):
    file.attrs["split"] = table
    with pytest.raises(ValueError, match=message):
        read_splits(file, "images", 10)


@pytest.mark.parametrize("listed", [[3, 10], [-1, 3], [3, 3], [0.5, 1.0], [[1, 2]], list(range(11))])
def test_refuses_indices_that_lie(file, listed):
    table = changed()
    table["indices"][1] = file.create_dataset("few", data=np.array(listed)).ref
    file.attrs["split"] = table
    with pytest.raises(ValueError, match=r"'test' .*(indices are no list|outside 0 to 9)"):
        read_splits(file, "images", 10)

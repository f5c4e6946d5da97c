"""Every set, from its publisher's files to an image set."""

import json
import pickle
from collections import Counter

import cv2
import h5py
import numpy as np
import pytest
from data.sets.layouts import LAYOUTS, ingestion_of, small

from tfdml.data.ingestion import Sample
from tfdml.data.sets import SETS


def test_there_is_a_layout_of_each_set():
    assert LAYOUTS.keys() == SETS.keys()


@pytest.mark.parametrize("name", SETS)
def test_counts_and_splits_are_those_of_the_archive(name, tmp_path):
    expected = LAYOUTS[name](tmp_path / name)
    ingestion = ingestion_of(name, expected)(tmp_path, size=32)
    with h5py.File(ingestion.start()) as file:
        targets = file["targets"][:, 0]
        classification = {}
        if "classification_split" in file:
            parts = file["classification_split"]
            names = json.loads(parts.attrs["names"])
            classification = Counter(names[part] for part in parts[:] if part != 255)
        rows = file.attrs["split"][file.attrs["split"]["source"] == b"images"]
        splits = {row["split"].decode(): row["stop"] - row["start"] for row in rows}
        assert file["images"].shape == (expected.images, 32, 32, 3)
        assert len(np.unique(targets)) == expected.classes
        assert len(file["class_ids"]) == len(file["class_names"]) == expected.classes
        assert len(set(file["sources"][:])) == expected.images
        # Pictures, not the zeros of a file that was not filled.
        assert file["images"][:].std((1, 2, 3)).min() > 0
    assert splits == expected.splits
    assert classification == expected.classification
    assert json.loads(ingestion.report.read_text("utf-8"))["skipped"] == []


@pytest.mark.parametrize("name", SETS)
def test_the_published_counts_are_checked(name, tmp_path):
    LAYOUTS[name](tmp_path / name)
    with pytest.raises(ValueError, match=f"{SETS[name].info.images} images, received"):
        SETS[name](tmp_path, size=8).start()


@pytest.mark.parametrize("name", SETS)
def test_classes_can_be_drawn(name, tmp_path):
    LAYOUTS[name](tmp_path / name)
    with h5py.File(SETS[name](tmp_path, n=2, size=8).start()) as file:
        assert set(file["targets"][:, 0]) == {0, 1}


@pytest.mark.parametrize("name", SETS)
def test_files_that_were_not_downloaded_are_named(name, tmp_path):
    for file in SETS[name].info.files:
        LAYOUTS[name](tmp_path / name)
        (tmp_path / name / file.name).unlink()
        with pytest.raises(ValueError, match=f"{file.name} to be a file of .*, received: none there"):
            SETS[name](tmp_path).start()


@pytest.mark.parametrize("name", SETS)
def test_facts_are_consistent(name):
    info = SETS[name].info
    assert info.name == name
    assert sum(info.splits.values()) in (0, info.images)
    assert info.source.startswith("http") and info.license and info.paper and info.title
    assert len({file.name for file in info.files}) == len(info.files) > 0
    # What cannot be fetched says how to get it; what can be is known by its size, and mostly by its digest.
    assert all(bool(file.urls) != bool(info.manual) for file in info.files)
    assert all(file.size for file in info.files if file.urls)


def test_sets_without_a_digest_are_few():
    unknown = {file.name for s in SETS.values() for file in s.info.files if not file.has_digest}
    assert unknown == {"img.zip", "list_eval_partition.txt", "rgbd-dataset_eval.zip"}


def test_a_picture_that_is_listed_but_absent_is_in_the_report(tmp_path):
    ingestion = small("inshop", tmp_path, size=8)
    ingestion.decompress()
    gone = "img/WOMEN/Tees_Tanks/id_00000001/02_3_back.jpg"
    (ingestion.root / gone).unlink()
    ingestion.start()
    skipped = json.loads(ingestion.report.read_text("utf-8"))["skipped"]
    assert [entry["source"] for entry in skipped] == [gone]


def test_a_picture_that_is_absent_ends_a_run_that_may_skip_none(tmp_path):
    ingestion = small("cub200_2011", tmp_path, size=8, max_skipped=0)
    ingestion.decompress()
    next(ingestion.root.rglob("*_0003.jpg")).unlink()
    with pytest.raises(
        ValueError, match=r"at most 0 pictures .* such as CUB_200_2011/images/002\..*0003\.jpg"
    ):
        ingestion.start()


def test_the_banner_of_aircraft_is_cut(tmp_path):
    with h5py.File(small("fgvc_aircraft", tmp_path, size=40, fit="stretch").start()) as file:
        assert file["images"][:].max() < 100
    ingestion = SETS["fgvc_aircraft"](tmp_path / "none")
    with pytest.raises(ValueError, match="a picture of 20 rows"):
        ingestion.prepare(np.zeros((20, 30, 3), "uint8"))


@pytest.mark.parametrize(
    "name, wanted, unwanted",
    [("rgbd_object", "_crop.png", "depthcrop.png"), ("tiny_imagenet", "train", "test_0.JPEG")],
)
def test_what_is_not_read_is_not_unpacked(name, wanted, unwanted, tmp_path):
    ingestion = small(name, tmp_path)
    ingestion.decompress()
    paths = [path.as_posix() for path in ingestion.root.rglob("*") if path.is_file()]
    assert any(wanted in path for path in paths) and not any(unwanted in path for path in paths)


def test_pixels_of_cifar_are_red_green_blue_planes(tmp_path):
    ingestion = small("cifar10", tmp_path)
    ingestion.decompress()
    (picture,) = ingestion.payloads([Sample("0", "data_batch_2/1")])
    batch = pickle.loads(
        (ingestion.root / "cifar-10-batches-py" / "data_batch_2").read_bytes(), encoding="latin1"
    )
    assert np.array_equal(picture[3, 5], batch["data"][1].reshape(3, 1024)[:, 3 * 32 + 5])


def test_pictures_come_with_their_own_labels(tmp_path):
    """The order of the samples, of the labels and of the pictures is one."""
    with h5py.File(small("cars196", tmp_path, size=24).start()) as file:
        for picture, source in zip(file["images"][:], file["sources"][:], strict=True):
            number = int(source.decode()[-10:-4])
            assert picture[12, 20].mean() == pytest.approx(8 + number * 7, abs=3)
            assert cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 1].mean() < 12

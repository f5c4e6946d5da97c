import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from data.ingestion.toys import write_pictures

from tfdml.data import from_folder, from_hdf5, ingest_csv, ingest_folder


@pytest.fixture
def photos(tmp_path):
    write_pictures(tmp_path / "photos", classes=3, each=4)
    return tmp_path / "photos"


def test_a_folder_is_as_from_folder(photos, tmp_path):
    stored, plain = (
        from_hdf5(ingest_folder(photos, tmp_path / "out.hdf5", size=8)),
        from_folder(photos, size=8),
    )
    assert np.array_equal(stored.images(), plain.images()) and np.array_equal(stored.labels, plain.labels)
    assert stored.class_names == plain.class_names and stored.name == "out"


def test_a_folder_stays_as_it_was(photos, tmp_path):
    (photos / "unpacked").mkdir()  # as an ingestion would call its own
    (photos / "unpacked" / "9.png").write_bytes((photos / "class-1" / "0.png").read_bytes())
    before = sorted(photos.rglob("*"))
    ingest_folder(photos, tmp_path / "photos.hdf5", size=8)
    assert sorted(photos.rglob("*")) == before
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "photos.hdf5", "photos.report.json"}


def test_several_at_once_make_one_file(photos, tmp_path):
    notes = []
    with ThreadPoolExecutor(8) as pool:
        made = [
            pool.submit(ingest_folder, photos, tmp_path / "out.hdf5", size=64, note=notes.append)
            for _ in range(8)
        ]
    assert {future.result() for future in made} == {tmp_path / "out.hdf5"}
    assert sum("is there already" in note for note in notes) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "out.hdf5", "out.report.json"}


def test_a_folder_that_changed_is_not_taken_for_what_was_made(photos, tmp_path):
    out = tmp_path / "out.hdf5"
    ingest_folder(photos, out, size=8)
    ingest_folder(photos, out, size=8)
    (photos / "class-1" / "0.png").write_bytes((photos / "class-2" / "0.png").read_bytes())
    with pytest.raises(ValueError, match="out to be a new file"):
        ingest_folder(photos, out, size=8)


def test_ids_that_are_no_labels_are_numbered_from_0(photos, tmp_path):
    for name, ids in (("as they are", ("7", "10", "9")), ("anew", ("1", "01", "9999999999"))):
        folder = tmp_path / name
        for source, class_id in zip(sorted(photos.iterdir()), ids, strict=True):
            shutil.copytree(source, folder / class_id)
        found = from_hdf5(ingest_folder(folder, tmp_path / f"{name}.hdf5", size=8, fuel=True))
        assert found.class_names == (["7", "9", "10"] if name == "as they are" else ["0", "1", "2"])


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_no_text(photos, tmp_path):
    (photos / "class-1").rename(photos / os.fsdecode(b"caf\xe9"))
    path = ingest_folder(photos, tmp_path / "out.hdf5", size=8)
    assert from_hdf5(path).class_names == ["caf?", "class-2", "class-3"]
    assert ingest_folder(photos, tmp_path / "out.hdf5", size=8) == path
    json.loads((tmp_path / "out.report.json").read_text(encoding="utf-8"))


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="hold pictures in one subfolder a class, received: none"):
        ingest_folder(tmp_path, tmp_path / "out.hdf5")
    with pytest.raises(ValueError, match="nowhere to be a folder"):
        ingest_folder(tmp_path / "nowhere", tmp_path / "out.hdf5")


def listed(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    return ingest_csv(path, tmp_path / "out.hdf5", size=8)


@pytest.mark.usefixtures("photos")
class TestCsv:
    def test_splits_and_windows_paths(self, tmp_path):
        path = listed(
            tmp_path,
            "\ufefflabel,path,split\n"
            "dog,photos\\class-1\\0.png,train\n"
            "cat,photos/class-2/0.png,test\n"
            f"dog,{tmp_path / 'photos' / 'class-1' / '1.png'},train\n",
        )
        train, test = from_hdf5(path, "train"), from_hdf5(path, "test")
        assert [train.class_names[label] for label in train.labels] == ["dog", "dog"]
        assert test.sources == ["photos/class-2/0.png"]

    def test_no_split(self, tmp_path):
        path = listed(tmp_path, "path,label\nphotos/class-1/0.png,1\nphotos/class-2/0.png,2\n")
        assert len(from_hdf5(path)) == 2

    @pytest.mark.parametrize("row", ["class-1/0.png,2,train", "class-1/0.png,1,test"])
    def test_a_list_that_changed_is_not_taken_for_what_was_made(self, row, tmp_path):
        text = "path,label,split\nphotos/class-1/0.png,1,train\n"
        listed(tmp_path, text)
        listed(tmp_path, text)
        with pytest.raises(ValueError, match="out to be a new file"):
            listed(tmp_path, text.replace("class-1/0.png,1,train", row))

    @pytest.mark.parametrize(
        "text, message",
        [
            ("", "to have the columns path and label, received: \\[\\]"),
            ("file,class\na.png,1\n", "columns path and label, received: \\['file', 'class'\\]"),
            ("path,label\n", "received: a header alone"),
            ("path,label\na.png,1\nb.png\n", "a path and a label in line 3 of .*list.csv"),
            ("path,label\na,b.png,1\n", "as many values as columns in line 2 of .*: \\['1'\\] too"),
            ("path,label,split\na.png,1,learn\n", "split to be one of train, .* in line 2 .*'learn'"),
            ("path,label,split\na.png,1,\n", "in line 2 .* received: ''"),
            ("path,label\nnowhere.png,1\n", "hold a picture that can be read, received: none"),
        ],
    )
    def test_a_list_that_is_wrong(self, text, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            listed(tmp_path, text)

    def test_no_text(self, tmp_path):
        (tmp_path / "list.csv").write_bytes(b"path,label\n\xff\xfe,1\n")
        with pytest.raises(ValueError, match=r"list\.csv to be a CSV file in UTF-8"):
            ingest_csv(tmp_path / "list.csv", tmp_path / "out.hdf5")
        with pytest.raises(ValueError, match="no file there"):
            ingest_csv(tmp_path / "nowhere.csv", tmp_path / "out.hdf5")

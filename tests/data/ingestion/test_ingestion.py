import errno
import hashlib
import json
import os
import shutil

import cv2
import h5py
import numpy as np
import pytest
from data.ingestion.toys import CLASSES, EACH, Toy, toy

from tfdml.data import fit_picture, from_hdf5, read_picture
from tfdml.data.ingestion import building
from tfdml.data.locations import data_dir


@pytest.fixture
def made(tmp_path):
    return toy(tmp_path).start()


def test_the_file_holds_the_pictures_in_order(made, tmp_path):
    everything = from_hdf5(made)
    assert len(everything) == CLASSES * EACH and everything.image_shape == (8, 8, 3)
    assert everything.class_names == [f"kind {n}" for n in range(1, 7)]
    for place, source in enumerate(everything.sources):
        picture = read_picture(tmp_path / "toy" / "unpacked" / source)
        assert np.array_equal(everything.images([place])[0], fit_picture(picture, 8))


def test_half_of_the_classes_are_to_train_on(made):
    train, test = from_hdf5(made, "train"), from_hdf5(made, "test")
    assert set(train.labels) == {0, 1, 2} and set(test.labels) == {3, 4, 5}
    assert from_hdf5(made, "trainval").sources == train.sources


def test_the_classification_split_has_every_class_in_each_part(made):
    train, test = (from_hdf5(made, part, by="classification") for part in ("train", "test"))
    assert (len(train), len(test)) == (18, 6) and set(train.labels) == set(test.labels) == set(range(6))
    with pytest.raises(ValueError, match="split to be one of 'test', 'train', 'all', received: 'validation'"):
        from_hdf5(made, "validation", by="classification")


def test_the_file_says_what_it_is(made):
    with h5py.File(made) as file:
        assert file.attrs["name"] == "toy" and file.attrs["license"] == "CC0"
        assert json.loads(file.attrs["recipe"])["size"] == 8
        assert [dim.label for dim in file["images"].dims] == ["batch", "height", "width", "channel"]
        assert [dim.label for dim in file["targets"].dims] == ["batch", "class_labels"]
        assert file["class_ids"][:].tolist() == [b"1", b"2", b"3", b"4", b"5", b"6"]
        digests = b"".join(hashlib.sha256(row.tobytes()).digest() for row in file["images"][:])
        content = hashlib.sha256(digests + file["targets"][:].astype("<i4").tobytes()).digest()
        assert file["content_sha256"][:].tobytes() == content


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fits(fit, tmp_path):
    found = from_hdf5(toy(tmp_path, fit=fit, size=9).start())
    picture = read_picture(tmp_path / "toy" / "unpacked" / found.sources[7])
    assert np.array_equal(found.images([7])[0], fit_picture(picture, 9, fit))


def test_channels_first_is_the_same_set(made, tmp_path):
    out = tmp_path / "first.hdf5"
    Toy(tmp_path, out, channels="first").start()
    with h5py.File(out) as file:
        assert file["images"].shape == (30, 3, 8, 8)
    assert np.array_equal(from_hdf5(out).images(), from_hdf5(made).images())


def test_png_keeps_the_pixels_and_jpeg_nearly(made, tmp_path):
    png = Toy(tmp_path, tmp_path / "png.hdf5", encoding="png").start()
    assert np.array_equal(from_hdf5(png).images(), from_hdf5(made).images())
    assert from_hdf5(png, "test").sources == from_hdf5(made, "test").sources
    jpeg = from_hdf5(Toy(tmp_path, tmp_path / "jpeg.hdf5", encoding="jpeg", size=32).start()).images()
    plain = from_hdf5(Toy(tmp_path, tmp_path / "plain.hdf5", size=32).start()).images()
    assert not np.array_equal(jpeg, plain) and np.abs(jpeg.astype(int) - plain).mean() < 25


def test_drawn_classes_are_numbered_from_0_and_keep_their_ids(tmp_path):
    path = toy(tmp_path, n=4, seed=1).start()
    assert path.name == "toy_4.hdf5"
    drawn = from_hdf5(path)
    assert sorted(set(drawn.labels)) == [0, 1, 2, 3] and len(drawn) == 4 * EACH
    with h5py.File(path) as file:
        ids = [int(text) for text in file["class_ids"][:]]
    assert sorted(ids) == ids and len(ids) == 4
    for label, source in zip(drawn.labels, drawn.sources, strict=True):
        assert source.startswith(f"class-{ids[label]}/")


def test_fuel_has_the_layout_of_the_first_converters(tmp_path):
    path = toy(tmp_path, fuel=True).start()
    with h5py.File(path) as file:
        assert set(file) == {"images", "targets"} and set(file.attrs) == {"split"}
        assert file["images"].shape == (30, 3, 256, 256) and file["images"].dtype == "uint8"
        assert file["targets"].shape == (30, 1) and file["targets"].dtype == "int32"
        assert sorted(set(file["targets"][:, 0])) == [1, 2, 3, 4, 5, 6]  # as the publishers count
        assert [dim.label for dim in file["images"].dims] == ["batch", "channel", "height", "width"]
        bgr = cv2.imread(str(tmp_path / "toy" / "unpacked" / "class-1" / "0.png"))
        expected = cv2.resize(bgr, (256, 256))[..., ::-1].transpose(2, 0, 1)
        assert np.array_equal(file["images"][0], expected)
    assert len(from_hdf5(path, "test")) == 15


def test_fuel_with_drawn_classes_counts_from_0(tmp_path):
    with h5py.File(toy(tmp_path, fuel=True, n=2).start()) as file:
        assert sorted(set(file["targets"][:, 0])) == [0, 1]


def test_unreadable_pictures_are_left_out_and_named(tmp_path):
    ingestion = toy(tmp_path, encoding="raw")
    torn = tmp_path / "toy" / "unpacked" / "class-2" / "1.png"
    torn.write_bytes(torn.read_bytes()[:60])
    (tmp_path / "toy" / "unpacked" / "class-5" / "0.png").unlink()
    notes = []
    ingestion.note = notes.append
    found = from_hdf5(ingestion.start())
    assert len(found) == 28 and not {"class-2/1.png", "class-5/0.png"} & set(found.sources)
    report = json.loads((tmp_path / "toy.report.json").read_text())
    assert [row["source"] for row in report["skipped"]] == ["class-2/1.png", "class-5/0.png"]
    assert "only the beginning" in report["skipped"][0]["reason"] and report["images"] == 28
    assert any("2 of 30 pictures were skipped" in note for note in notes)
    assert len(from_hdf5(tmp_path / "toy.hdf5", "test")) == 14


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_without_a_picture_the_file_is_as_if_it_were_not_listed(tmp_path, encoding):
    ingestion = toy(tmp_path, encoding=encoding, out=tmp_path / "torn.hdf5")
    (tmp_path / "toy" / "unpacked" / "class-3" / "2.png").write_bytes(b"torn")
    torn = from_hdf5(ingestion.start())
    whole = from_hdf5(toy(tmp_path, encoding=encoding).start())
    keep = [place for place, source in enumerate(whole.sources) if source != "class-3/2.png"]
    assert np.array_equal(torn.images(), whole.images(keep))
    assert np.array_equal(torn.labels, whole.labels[keep])


def test_too_many_unreadable_pictures_are_an_error(tmp_path):
    ingestion = toy(tmp_path, max_skipped=1)
    for place in range(2):
        (tmp_path / "toy" / "unpacked" / "class-2" / f"{place}.png").write_bytes(b"torn")
    with pytest.raises(
        ValueError, match=r"at most 1 pictures that cannot be read, received: 2, such as class-2/"
    ):
        ingestion.start()
    assert not (tmp_path / "toy.hdf5").exists()
    Toy(tmp_path, max_skipped=2).start()
    assert len(from_hdf5(tmp_path / "toy.hdf5")) == 28


def test_counts_that_are_not_the_published_ones_are_an_error(tmp_path):
    class More(Toy):
        def get_samples(self):
            return super().get_samples()[:-1]

    toy(tmp_path)
    with pytest.raises(ValueError, match="Expected Toy to have 30 images, received: 29"):
        More(tmp_path).start()
    assert len(from_hdf5(More(tmp_path, n=6).start())) == 29  # what is drawn has no published counts


def test_a_file_that_is_there_is_not_made_again(made, tmp_path):
    before, notes = made.stat().st_mtime_ns, []
    assert Toy(tmp_path, note=notes.append).start() == made and made.stat().st_mtime_ns == before
    assert notes == [f"{made} is there already."]
    with pytest.raises(ValueError, match=r"out to be a new file, received: .*toy\.hdf5, which exists"):
        Toy(tmp_path, size=9).start()
    assert not list(tmp_path.glob("*.ingesting")), "a file that was begun beside it"


def test_a_file_in_the_place_of_the_report_stays(tmp_path):
    (tmp_path / "toy.report.json").write_text('{"of": "somebody else"}')
    with pytest.raises(ValueError, match=r"toy\.report\.json to be free for the report, received: another"):
        toy(tmp_path).start()
    assert (tmp_path / "toy.report.json").read_text() == '{"of": "somebody else"}'


def test_files_of_one_name_have_reports_of_their_own(made, tmp_path):
    Toy(tmp_path, tmp_path / "toy.h5", size=9).start()
    assert Toy(tmp_path).start() == made


def test_a_picture_that_opencv_cannot_bring_to_a_size_is_left_out(tmp_path):
    ingestion = toy(tmp_path)
    ingestion.prepare = lambda picture: picture[:0] if picture.shape[0] < 8 else picture
    ingestion.start()
    skipped = json.loads((tmp_path / "toy.report.json").read_text())["skipped"]
    assert skipped and "\n" not in skipped[0]["reason"]


def test_pictures_that_came_from_no_archive_stay_where_they_are(tmp_path):
    toy(tmp_path, keep_unpacked=False).start()
    left = {path.name for path in tmp_path.iterdir()} | {path.name for path in (tmp_path / "toy").iterdir()}
    assert left == {"toy", "toy.hdf5", "toy.report.json", "unpacked"}
    assert len(list((tmp_path / "toy" / "unpacked").rglob("*.png"))) == 30


def test_the_same_file_every_time(tmp_path):
    digests = set()
    for number in range(2):
        path = toy(tmp_path / str(number)).start()
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_pictures_without_a_journal_are_of_anything(tmp_path):
    ingestion = toy(tmp_path, size=9)
    ingestion.work.mkdir()
    shutil.copy(toy(tmp_path / "other").start(), ingestion.work / "pictures")  # of another size
    assert from_hdf5(ingestion.start()).image_shape == (9, 9, 3)


def test_no_room_on_the_disk(tmp_path, monkeypatch):
    usage = building.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(building.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(OSError, match=r"Cannot write .*toy\.hdf5: it takes .* GB more, 0\.0 GB are free"):
        toy(tmp_path).start()


def test_a_disk_that_fills_in_the_middle(tmp_path, monkeypatch):
    ingestion = toy(tmp_path, encoding="png")
    append = building.Spool.append

    def full(spool, results):
        append(spool, results)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(building.Spool, "append", full)
    with pytest.raises(OSError, match=r"Cannot write .*toy\.hdf5: No space left on device"):
        ingestion.start()
    monkeypatch.undo()
    assert len(from_hdf5(Toy(tmp_path, encoding="png").start())) == 30


def test_a_missing_download_says_how_to_get_it(tmp_path):
    with pytest.raises(
        ValueError, match=r"toy.tgz to be a file of Toy, received: .*tfdml download toy fetches it"
    ):
        Toy(tmp_path).download("toy.tgz")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": 0}, "size to be from 1 to 4096, received: 0"),
        ({"fit": "bend"}, "fit to be one of 'crop', 'pad', 'stretch', received: 'bend'"),
        ({"encoding": "gif"}, "encoding to be one of 'raw', 'jpeg', 'png', received: 'gif'"),
        ({"channels": "middle"}, "channels to be 'last' or 'first', received: 'middle'"),
        ({"encoding": "png", "channels": "first"}, "encoding to be 'raw' with channels='first'"),
        ({"encoding": "png", "fuel": True}, "encoding to be 'raw' with fuel"),
        ({"n": 0}, "n to be 1 or more, received: 0"),
        ({"max_skipped": -1}, "max_skipped to be 0 or more, received: -1"),
        ({"out": "toy"}, "out to end in .hdf5 or .h5, received: toy"),
    ],
)
def test_options_that_make_no_sense(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Toy(tmp_path, **options)


def test_where_image_sets_lie(monkeypatch, tmp_path):
    monkeypatch.delenv("TFDML_DATA", raising=False)
    assert data_dir().parts[-2:] == (".tfdml", "data")
    monkeypatch.setenv("TFDML_DATA", str(tmp_path))
    assert data_dir() == tmp_path and data_dir("here").name == "here"

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfdml.data import from_folder
from tfdml.data.stores import FileStore, cached


@pytest.fixture
def photos(tmp_path):
    """Three pictures a class, each filled with its own grey."""
    for place, name in enumerate(["ants", "bees", "cats"]):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(3):
            write(folder / f"{number}.png", np.full((20, 30, 3), 60 * place + number, "uint8"))
    return tmp_path / "photos"


def write(path, pixels):
    assert cv2.imwrite(str(path), pixels)


def test_a_folder_is_a_class(photos):
    found = from_folder(photos, size=8)
    assert found.class_names == ["ants", "bees", "cats"] and found.name == "photos"
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert found.images()[:, 0, 0, 0].tolist() == [0, 1, 2, 60, 61, 62, 120, 121, 122]
    assert [Path(s).name for s in found.sources[:3]] == ["0.png", "1.png", "2.png"]


def test_pictures_may_lie_deeper_and_hidden_folders_do_not_count(photos):
    (photos / "ants" / "more").mkdir()
    write(photos / "ants" / "more" / "x.JPG", np.zeros((4, 4, 3), "uint8"))
    (photos / ".thumbnails").mkdir()
    write(photos / ".thumbnails" / "y.png", np.zeros((4, 4, 3), "uint8"))
    assert len(from_folder(photos, size=8)) == 10


def test_what_cannot_be_read_is_named_and_left_out(photos):
    (photos / "ants" / "0.jpg").write_text("not a picture")
    whole = (photos / "bees" / "1.png").read_bytes()
    (photos / "bees" / "1.png").write_bytes(whole[: len(whole) // 2])
    problems = []
    found = from_folder(photos, size=8, on_skip=problems.append)
    assert len(found) == 8 and len(problems) == 2
    assert "0.jpg" in problems[0] and "1.png" in problems[1]
    assert found.images()[:, 0, 0, 0].tolist() == [0, 1, 2, 60, 62, 120, 121, 122]


def test_grey_transparent_and_tiny_pictures_work(photos):
    write(photos / "ants" / "grey.png", np.zeros((9, 9), "uint8"))
    write(photos / "ants" / "transparent.png", np.zeros((9, 9, 4), "uint8"))
    write(photos / "ants" / "one.png", np.zeros((1, 1, 3), "uint8"))
    assert from_folder(photos, size=8).images().shape == (12, 8, 8, 3)


def test_reads_again_what_memory_has_no_room_for(photos):
    paths = sorted(photos.rglob("*.png"))
    store = FileStore(paths, 8, "crop")
    assert cached(store, budget=9 * 8 * 8 * 3) is not store
    assert cached(store, budget=9 * 8 * 8 * 3 - 1) is store
    assert store.read([4, 0, 4])[:, 0, 0, 0].tolist() == [61, 0, 61]


def test_a_folder_that_may_not_be_read_is_no_empty_one(photos, monkeypatch):
    whole = os.scandir

    def scandir(path):
        if "bees" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match="bees"):
        from_folder(photos, size=8)


def test_refuses_a_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="nowhere to be a folder"):
        from_folder(tmp_path / "nowhere")


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=r"to hold pictures .* received: none"):
        from_folder(tmp_path)


def test_refuses_one_class(photos):
    for name in ("bees", "cats"):
        (photos / name).rename(photos.parent / name)
    with pytest.raises(ValueError, match=r"two classes or more .* received: only 'ants'"):
        from_folder(photos)


def test_refuses_when_nothing_can_be_read(tmp_path):
    (tmp_path / "ants").mkdir()
    (tmp_path / "ants" / "0.png").write_text("words")
    with pytest.raises(ValueError, match="no picture that can be read"):
        from_folder(tmp_path)


@pytest.mark.parametrize("options, message", [({"size": 0}, "size"), ({"fit": "squash"}, "fit")])
def test_refuses_bad_arguments(photos, options, message):
    with pytest.raises(ValueError, match=f"Expected {message} to be"):
        from_folder(photos, **options)

"""`tfdml datasets`, `download` and `ingest`, as a person would type them."""

import json

import h5py
import pytest
from data.sets.layouts import LAYOUTS

from tfdml.data import from_hdf5
from tfdml.data.catalog import SETS
from tfdml_command import main


@pytest.fixture
def told(capsys):
    """A function that runs a command, which must end well, and returns what it prints."""

    def run(*words):
        code = main([str(word) for word in words])
        output = capsys.readouterr()
        assert code == 0, output.err
        return output.out

    return run


@pytest.fixture
def refused(capsys):
    """A function that runs a command, which must end with one line on stderr, and returns that line."""

    def run(*words):
        code = main([str(word) for word in words])
        output = capsys.readouterr()
        assert code == 2 and output.err.count("\n") == 1, output.err
        return output.err

    return run


@pytest.fixture
def folder(tmp_path):
    """A folder of image sets in which CUB-200-2011 was downloaded, small."""
    LAYOUTS["cub200_2011"](tmp_path / "cub200_2011")
    return tmp_path


def test_datasets_is_a_table_of_all(told, folder):
    table = told("datasets", "--dir", folder)
    assert all(name in table for name in ("emoji", *SETS))
    line = next(line for line in table.splitlines() if "cub200_2011" in line)
    assert "11,788" in line and "200" in line and "1.2 GB" in line and "downloaded" in line
    assert "embedded" in next(line for line in table.splitlines() if " emoji" in line)


def test_ingest_some_classes_and_train_on_them(told, folder, small, tmp_path):
    said = told("ingest", "-d", "cub200_2011", "-n", 4, "--dir", folder, "--size", 16)
    path = folder / "cub200_2011_4.hdf5"
    assert f"Written: {path}" in said and f"tfdml train --data {path}" in said
    with h5py.File(path) as file:
        assert sorted(set(file["targets"][:, 0])) == [0, 1, 2, 3]
    words = [*small, "--sampler.classes_per_batch=2", "--schedule.epochs=1", "--hold_out.validation=0"]
    said = told("train", *words, f"--data={path}", "--out", tmp_path / "run")
    assert "testing on" in said and "recall@1" in said
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["held_out"]["classes"] == 2
    picture = next((folder / "cub200_2011").rglob("*.tgz"))
    assert "whole picture" in " ".join(_error(main, ["search", str(tmp_path / "run"), str(picture)]))
    assert "Written" not in told("evaluate", tmp_path / "run")


def _error(command, words):
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stderr(text):
        assert command(words) == 2
    return text.getvalue().split()


def test_ingest_again_says_so(told, folder):
    told("ingest", "-d", "cub200_2011", "-n", 2, "--dir", folder, "--size", 16)
    assert "is there already" in told("ingest", "-d", "cub200_2011", "-n", 2, "--dir", folder, "--size", 16)


def test_a_folder_to_a_file_to_a_trained_model(told, photos, small, tmp_path):
    out = tmp_path / "photos.hdf5"
    told("ingest", "--folder", photos, out, "--size", 16, "--encoding", "jpeg")
    said = told("train", *small, "--schedule.epochs=1", f"--data={out}", "--out", tmp_path / "run")
    assert "classes were held out" in said
    picture = next(photos.rglob("*.png"))
    found = told("search", tmp_path / "run", picture, "--k=3", "--out", tmp_path / "sheet.png")
    assert picture.parent.name in found and (tmp_path / "sheet.png").is_file()
    assert "recall@1" in told("evaluate", tmp_path / "run")
    told("export", tmp_path / "run")


def test_a_list_with_splits_to_a_trained_model(told, refused, photos, small, tmp_path):
    rows = ["path,label,split"]
    for place, folder in enumerate(sorted(photos.iterdir())):
        split = "train" if place < 14 else "validation" if place < 18 else "test"
        rows += [f"{file},{folder.name},{split}" for file in sorted(folder.iterdir())]
    (tmp_path / "list.csv").write_text("\n".join(rows).replace("/", "\\") + "\n", encoding="utf-8")
    out = tmp_path / "list.hdf5"
    told("ingest", "--csv", tmp_path / "list.csv", out, "--size", 16)
    said = told("train", *small, "--schedule.epochs=1", f"--data={out}", "--out", tmp_path / "run")
    parts = "Training on 70 images of 14 classes, validating on 20 of 4, testing on 20 of 4"
    assert parts in " ".join(said.split())
    told("evaluate", tmp_path / "run")

    out.unlink()  # another list takes the place of the one that the run was made with
    (tmp_path / "list.csv").write_text("\n".join(rows[:6] + rows[-5:]) + "\n", encoding="utf-8")
    told("ingest", "--csv", tmp_path / "list.csv", out, "--size", 16)
    assert "to be as it was when the run was made" in refused("evaluate", tmp_path / "run")
    picture = next(photos.rglob("*.png"))
    found = told("search", tmp_path / "run", picture, "--k=40", "--out", tmp_path / "sheet.png")
    assert "are not where they were in training: grey in the sheet" in found


def test_queries_are_searched_in_their_gallery(told, photos, small, tmp_path):
    rows = ["path,label,split"]
    for place, folder in enumerate(sorted(photos.iterdir())):
        files = sorted(folder.iterdir())
        splits = ["train"] * 5 if place < 14 else ["query"] * 2 + ["gallery"] * 3
        rows += [f"{file},{folder.name},{split}" for file, split in zip(files, splits, strict=True)]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    out = tmp_path / "list.hdf5"
    told("ingest", "--csv", tmp_path / "list.csv", out, "--size", 16)
    told("train", *small, "--schedule.epochs=1", f"--data={out}", "--out", tmp_path / "run")
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["held_out"]["images"] == 16 and figures["test"]["trained"]["queries"] == 16
    assert "gallery" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert len(from_hdf5(out, "test")) == 40  # queries and gallery


@pytest.mark.parametrize("word", ["cub200", "CUB200_2011", "cub-200"])
def test_a_name_that_is_nearly_right(refused, word, tmp_path):
    assert "did you mean 'cub200_2011'" in refused("download", word, "--dir", tmp_path)
    assert "did you mean 'cub200_2011'" in refused("ingest", "-d", word, "--dir", tmp_path)
    assert "did you mean 'cub200_2011'" in refused("train", "--recipe=small_cnn", f"--data={word}")


def test_a_name_like_none(refused, tmp_path):
    assert "tfdml datasets lists them" in refused("download", "zzzzz", "--dir", tmp_path)


def test_a_set_that_must_be_fetched_by_hand(refused, tmp_path):
    line = refused("download", "inshop", "--dir", tmp_path)
    assert str(tmp_path / "inshop") in line and "img.zip" in line


def test_a_set_that_was_not_downloaded(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDML_DATA", str(tmp_path))
    assert "tfdml download cub200_2011" in refused("ingest", "-d", "cub200_2011")
    line = refused("train", "--recipe=small_cnn", "--data=cub200_2011")
    assert "tfdml download cub200_2011" in line and "tfdml ingest -d cub200_2011" in line


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "one of -d, --folder, --csv and --from, received: none of them"),
        (["-d", "emoji"], "catalogue, received: 'emoji' (it comes with tfdml, as an HDF5 file)"),
        (["-d", "cifar10", "--csv", "x.csv"], "received: dataset, csv"),
        (["--folder", "x"], "out to be the HDF5 file to write, received: none"),
        (["--from", "mnist", "x.hdf5"], "--from to be tfds:NAME, received: 'mnist'"),
        (["--folder", "x", "x.hdf5", "--fit", "bend"], "bend"),
        (["--folder", "x", "x.hdf5", "--size", "many"], "many"),
        (["--folder", "nowhere", "x.hdf5"], "nowhere to be a folder"),
        (["--csv", "nowhere.csv", "x.hdf5"], "nowhere.csv"),
    ],
)
def test_words_that_make_no_sense(refused, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("ingest", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_image_set(refused, tmp_path):
    (tmp_path / "x.hdf5").write_text("words")
    for name, message in (("x.hdf5", "x.hdf5 to be an image set in HDF5"), ("y.hdf5", "no file there")):
        assert message in refused("train", "--recipe=small_cnn", f"--data={tmp_path / name}")


def test_a_folder_that_may_not_be_written(refused, photos, tmp_path):
    (tmp_path / "file").write_text("here")
    assert "file" in refused("ingest", "--folder", photos, tmp_path / "file" / "out.hdf5")

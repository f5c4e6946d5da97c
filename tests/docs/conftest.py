"""A folder such as a reader has: photographs, a picture, and a trained run."""

import shutil

import pytest


@pytest.fixture
def workshop(photos, run, tmp_path, monkeypatch):
    """The current folder, new for each test: `photos/`, `picture.png` and `runs/emoji`."""
    folder = tmp_path / "workshop"
    shutil.copytree(photos, folder / "photos")
    shutil.copytree(run, folder / "runs" / "emoji")
    shutil.copy(next(photos.rglob("*.png")), folder / "picture.png")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("TFDML_TRACEBACK", raising=False)
    return folder

"""A folder such as a reader has: photographs, a list of them, a picture, trained runs, a downloaded set."""

import shutil

import pytest
from data.sets.layouts import LAYOUTS, ingestion_of

from tfdml.data.catalog import SETS


@pytest.fixture
def workshop(photos, run, classifying, tmp_path, monkeypatch):
    """The current folder, new for each test: `photos/`, `list.csv`, `picture.png`, `runs/emoji`, `runs/nngk`.

    A small CUB-200-2011 lies where downloads do.
    """
    folder = tmp_path / "workshop"
    shutil.copytree(photos, folder / "photos")
    shutil.copytree(run, folder / "runs" / "emoji")
    shutil.copytree(classifying, folder / "runs" / "nngk")
    shutil.copy(next(photos.rglob("*.png")), folder / "picture.png")
    paths = sorted(photos.rglob("*.png"))
    rows = [f"photos/{path.parent.name}/{path.name},{path.parent.name}" for path in paths]
    (folder / "list.csv").write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    expected = LAYOUTS["cub200_2011"](tmp_path / "data" / "cub200_2011")
    monkeypatch.setitem(SETS, "cub200_2011", ingestion_of("cub200_2011", expected))
    monkeypatch.setenv("TFDML_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("TFDML_TRACEBACK", raising=False)
    return folder

"""The notebook runs from first cell to last, in a kernel of its own; it is committed without outputs."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from doc_examples import ROOT

NOTEBOOK = ROOT / "colab" / "quickstart.ipynb"
BUDGET = {"BACKBONE": "small_cnn", "IMAGE_SIZE": "16", "EPOCHS": "1"}


def cells(path=NOTEBOOK, kind="code"):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def test_is_committed_without_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells())
    metadata = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["language_info"] == {"name": "python"}  # no version: it would change with every machine


def test_runs(tmp_path):
    assert all(f'os.environ.get("{name}"' in source(cells()[1]) for name in BUDGET)
    copy = Path(shutil.copy(NOTEBOOK, tmp_path))  # it writes a model beside itself
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-p", "no:cacheprovider", copy.name],
        cwd=tmp_path,
        env={**os.environ, **BUDGET, "JUPYTER_PREFER_ENV_PATH": "1"},  # this environment's kernel
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    outputs = [output for cell in cells(copy) for output in cell["outputs"]]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    printed = "".join("".join(o["text"]) for o in outputs if o.get("name") == "stdout")
    assert len(pictures) == 5  # drawings, a batch, curves, a sheet, a map
    assert "raw pixels" in printed and "untrained" in printed and "trained " in printed
    assert "largest difference: 0.0" in printed
    assert (tmp_path / "emoji.keras").is_file()


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Runs the first cell where tfdml is `missing` or not; the arguments of pip that it ran."""

    def run(missing=True, succeeds=True):
        ran = []

        def record(command, **_):
            ran.append(command[command.index("install") + 1 :])
            return SimpleNamespace(returncode=0 if succeeds else 1)

        find = importlib.util.find_spec
        monkeypatch.setattr(subprocess, "run", record)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if missing and name == "tfdml" else find(name)
        )
        monkeypatch.setenv("WHEELS", str(tmp_path))
        exec(source(cells()[0]), {})
        return ran

    return run


def test_install_does_nothing_where_tfdml_is(install):
    assert install(missing=False) == []


def test_install_from_the_package_index(install):
    assert install() == [["--quiet", "tfdml[pretrained]"]]


def test_install_from_attached_wheels(install, tmp_path):
    folder = tmp_path / "my-wheels" / "deeper"
    folder.mkdir(parents=True)
    (folder / "tfdml-0.1.0-py3-none-any.whl").touch()
    assert install() == [["--quiet", "--no-index", f"--find-links={folder}", "tfdml[pretrained]"]]


def test_install_that_fails_says_what_to_do(install):
    with pytest.raises(RuntimeError, match="attach a data set"):
        install(succeeds=False)

"""The study's three programs, with its flags, end in the `tfdml` command."""

import importlib
import json
from pathlib import Path

import pytest
from data.sets.layouts import LAYOUTS

from tfdml.experiment import RunFolder, load_recipe

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    """A function that imports one of the programs."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return lambda name: importlib.import_module(name)


@pytest.fixture
def words(tool, monkeypatch):
    """A function that runs a program, and the words that `tfdml` would get."""
    calls = []
    monkeypatch.setattr(tool("study").tfdml_command, "main", lambda words: calls.append(words) or 0)

    def run(name, *arguments):
        calls.clear()
        assert tool(name).main(list(arguments)) == 0
        return list(calls)

    return run


def test_download_without_a_flag_fetches_the_three_sets(words):
    names = [["download", name] for name in ("cars196", "cub200_2011", "online_products")]
    assert words("download") == names
    assert words("download", "-d", "cub200", "--dir", "x") == [["download", "cub200_2011", "--dir", "x"]]


def test_ctrl_c_ends_all_downloads(tool, monkeypatch):
    codes = {"cars196": 2, "cub200_2011": 130}  # the first must be fetched by hand
    monkeypatch.setattr(tool("study").tfdml_command, "main", lambda words: codes[words[1]])
    assert tool("download").main([]) == 130


def test_ingest(words):
    assert words("ingest", "-d", "products", "-n", "2300") == [
        ["ingest", "-d", "online_products", "-n", "2300"]
    ]
    assert words("ingest", "-d", "cub200_2011", "--fuel") == [["ingest", "-d", "cub200_2011", "--fuel"]]


def test_ingest_twenty_classes(tool, tmp_path, capsys):
    LAYOUTS["cub200_2011"](tmp_path / "cub200_2011")
    assert tool("ingest").main(["-d", "cub200", "-n", "2", "--dir", str(tmp_path), "--size", "16"]) == 0
    assert f"Written: {tmp_path / 'cub200_2011_2.hdf5'}" in capsys.readouterr().out


STUDY = {
    "Triplet": ("-batch_size", "15", "-batch_per_epoch", "500", "-max_steps", "5000"),
    "NpairLoss": ("-batch_size", "16", "-init_learning_rate", "7e-5", "-regular_factor", "5e-3"),
    "Triplet_Semihard": ("-batch_size", "18"),
    "Contrastive_Loss": ("-batch_size", "18"),
}


@pytest.mark.parametrize("loss, flags", STUDY.items())
def test_the_flags_of_the_study_are_a_recipe(words, loss, flags, photos):
    ((command, *rest),) = words("train", "-dataSet", str(photos), "-LossType", loss, *flags)
    assert command == "train"
    recipe, _ = load_recipe("default", rest)
    batch = recipe.sampler.classes_per_batch * recipe.sampler.images_per_class
    assert batch == int(flags[flags.index("-batch_size") + 1])
    assert recipe.optimizer.get_config()["learning_rate"] == pytest.approx(7e-5)
    assert recipe.optimizer.get_config()["weight_decay"] == pytest.approx(5e-3)
    assert recipe.schedule.decay == "constant" and recipe.data == str(photos)
    if loss == "Triplet":
        assert (recipe.schedule.steps_per_epoch, recipe.schedule.epochs) == (500, 10)
        assert recipe.loss.margin == 1.0 and recipe.loss.distance == "squared_euclidean"
    if loss == "NpairLoss":
        assert (recipe.schedule.steps_per_epoch, recipe.schedule.epochs) == (64, 125)
        assert not recipe.embedding.normalize and recipe.loss.l2 == pytest.approx(3e-3)


def test_trains_whole_epochs_of_as_many_steps_as_it_is_told(tool, photos, small, tmp_path, capsys):
    flags = ["-LossType", "Triplet", "-batch_size", "15", "-batch_per_epoch", "4", "-max_steps", "7"]
    network = [word for word in small if word.startswith(("--recipe", "--image", "--emb", "--train"))]
    words = ["-dataSet", str(photos), *flags, *network, "--out", str(tmp_path / "run")]
    assert tool("train").main(words) == 0, capsys.readouterr().err
    assert "4 batches an epoch" in " ".join(capsys.readouterr().out.split())
    history = RunFolder(tmp_path / "run").read_history()
    assert len(history) == 2 and "val_map@r" in history[0]
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["test"]["trained"]["queries"] > 0


@pytest.mark.parametrize(
    "flags, message",
    [
        (["-Apply_HDML"], "-Apply_HDML is not in this version"),
        (["-Apply_HDML", "True"], "-Apply_HDML is not in this version"),
        (["-Apply_HDML", "perhaps"], "invalid truth value: 'perhaps'"),
        (["-LossType", "Triplet", "-batch_size", "16"], "a multiple of 3 and 6 or more, received: 16"),
        (["-batch_size", "2"], "a multiple of 2 and 4 or more, received: 2"),
        (["-LossType", "None"], "invalid choice: 'None'"),
        (["-max_steps", "0"], "-max_steps to be 1 or more"),
    ],
)
def test_flags_that_make_no_sense(tool, flags, message, capsys):
    with pytest.raises(SystemExit) as end:
        tool("train").main(flags)
    assert end.value.code == 2 and message in " ".join(capsys.readouterr().err.split())


def test_hdml_can_be_said_to_be_off(words):
    assert words("train", "-Apply_HDML", "False")[0][0] == "train"

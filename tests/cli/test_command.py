import json
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

from tfdml_command import COMMANDS, main


def told(capsys, *arguments):
    """What the command prints; it must end well."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    output = capsys.readouterr()
    assert code in (0, None)
    assert not output.err
    return output.out


def test_help_names_every_command(capsys):
    output = told(capsys, "--help")
    assert all(name in output and what in output for name, what in COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_a_page_or_two(command, capsys):
    output = told(capsys, command, "--help")
    assert output.startswith(f"usage: tfdml {command}")
    assert output.count("\n") < 140 and "keras.src" not in output


def test_help_of_train_explains_every_field(capsys):
    output = " ".join(told(capsys, "train", "--help").split())
    for words in (
        "--loss LOSS A loss of tfdml",
        "--hold_out.by",
        "--resume RUN",
        "--print_config",
        "Side in",
    ):
        assert words in output


def test_the_printed_recipe_is_one(capsys, tmp_path):
    output = told(capsys, "train", "--print_config", "--loss", "TripletLoss", "--out", tmp_path / "run")
    recipe = yaml.safe_load(output)
    assert recipe["loss"]["init_args"]["name"] == "triplet_loss" and "out" not in recipe
    assert not (tmp_path / "run").exists()
    (tmp_path / "recipe.yaml").write_text(output, encoding="utf-8")
    assert told(capsys, "train", "--recipe", tmp_path / "recipe.yaml", "--print_config") == output


def test_evaluate_prints_what_the_training_measured(run, capsys):
    output = told(capsys, "evaluate", run)
    figures = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]["trained"]
    for name in ("recall@1", "map@r", "nmi"):
        assert f"{figures[name]:.3f}" in next(line for line in output.splitlines() if f" {name} " in line)
    assert "trained" in told(capsys, "evaluate", run, "--part=validation")


def test_search_finds_a_picture_of_the_gallery_and_draws_it(run, photos, capsys, tmp_path):
    picture, sheet = photos / "class 03" / "1.png", tmp_path / "new" / "sheet.png"
    lines = told(capsys, "search", run, picture, "--k=3", f"--out={sheet}").splitlines()
    rows = [line for line in lines if "│" in line]
    assert len(rows) == 3 and "class 03" in rows[0] and "0.000" in rows[0] and str(picture) in rows[0]
    drawn = cv2.imread(str(sheet))
    assert drawn is not None and drawn.std() > 10


def test_search_for_more_than_there_is_finds_all(run, photos, capsys, tmp_path):
    output = told(capsys, "search", run, photos / "class 03/1.png", "--k=1000", f"--out={tmp_path / 's.png'}")
    assert sum("│" in line for line in output.splitlines()) == 110


@pytest.mark.parametrize("form", ["grey", "transparent", "wide", "1x1", "16 bits"])
def test_search_takes_pictures_of_any_form(form, run, capsys, tmp_path):
    pixels = {
        "grey": np.full((20, 20), 90, "uint8"),
        "transparent": np.full((20, 20, 4), 90, "uint8"),
        "wide": np.full((10, 50, 3), 90, "uint8"),
        "1x1": np.full((1, 1, 3), 90, "uint8"),
        "16 bits": np.full((20, 20, 3), 9000, "uint16"),
    }[form]
    cv2.imwrite(str(tmp_path / "it.png"), pixels)
    output = told(capsys, "search", run, tmp_path / "it.png", f"--out={tmp_path / 's.png'}")
    assert sum("│" in line for line in output.splitlines()) == 8


def test_search_works_when_the_data_have_moved(run, photos, capsys, tmp_path, monkeypatch):
    """The table needs the gallery alone; what the sheet cannot show is grey, and said so."""
    picture = tmp_path / "it.png"
    picture.write_bytes((photos / "class 03" / "1.png").read_bytes())
    moved = photos.rename(photos.with_name("moved"))
    try:
        output = told(capsys, "search", run, picture, "--k=2", f"--out={tmp_path / 's.png'}")
        assert "class 03" in output and "2 of 2 pictures are not where they were" in output
        assert (tmp_path / "s.png").is_file()
        assert main(["evaluate", str(run)]) == 2
        assert str(photos) in capsys.readouterr().err
    finally:
        moved.rename(photos)


def test_classify_says_what_pictures_show_and_draws_who_said_so(classifying, photos, capsys, tmp_path):
    pictures, sheet = [photos / "class 03" / "1.png", photos / "class 04"], tmp_path / "sheet.png"
    output = told(capsys, "classify", classifying, *pictures, "--top=2", f"--out={sheet}")
    rows = [line for line in output.splitlines() if "│" in line]
    assert len(rows) == 12 and str(pictures[0]) in rows[0] and "class 04/4.png" in rows[10]
    numbers = [float(number) for number in re.findall(r"0\.\d{3}", rows[0])]
    assert len(numbers) == 2 and numbers[1] <= numbers[0] and len(re.findall(r"0\.\d{3}", rows[1])) == 1
    assert output.endswith(f"Sheet: {sheet}\n") and cv2.imread(str(sheet)).std() > 10


def test_classes_are_listed_added_dropped_and_taken_back(classifying, photos, capsys, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(classifying, run)
    rows = [line for line in told(capsys, "classes", run).splitlines() if "│" in line]
    assert len(rows) == 22 and re.search(r"class 03 │ +3 ", rows[3])
    output = told(capsys, "classes", "add", run, "cup", photos / "class 03", photos / "class 04" / "0.png")
    assert output == f"Added 6 pictures of 'cup', a new class.\n{run} has 23 classes of 72 pictures.\n"
    output = told(capsys, "classes", "drop", run, "class 03")
    assert output == f"Dropped 'class 03' with 3 pictures.\n{run} has 22 classes of 69 pictures.\n"
    assert told(capsys, "classes", "undo", run).startswith("Taken back: drop 'class 03'.\n")
    assert told(capsys, "classes", "undo", run).startswith("Taken back: add 'cup' (6 pictures).\n")
    output = told(capsys, "classes", "redo", run)
    assert output == f"Made again: add 'cup' (6 pictures).\n{run} has 23 classes of 72 pictures.\n"


def test_export_says_what_it_wrote(classifying, capsys, tmp_path):
    out = tmp_path / "model"
    output = told(capsys, "export", classifying, "--classifier", "--bytes=4", f"--out={out}")
    assert "66 centers as codes: 264 bytes; rotation and codebooks: " in output
    assert re.search(rf"SavedModel: {out} \(\d+\.\d MB\)\n$", output)


def test_a_name_that_is_no_text_is_shown_as_far_as_it_can_be(capsys):
    from tfdml.cli.tables import print_table

    print_table(["", "source"], [["1", "caf\udce9.png"], ["2", "[red]"]], "[bold]")
    output = capsys.readouterr().out
    assert "caf?.png" in output and "[red]" in output and "[bold]" in output


def fresh(code):
    """What a fresh process prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_help_does_not_wait_for_tensorflow():
    code = """
import sys, tfdml_command
try:
    tfdml_command.main(["--help"])
except SystemExit:
    print(sorted({"tensorflow", "keras", "tfdml", "numpy"} & set(sys.modules)))
"""
    assert fresh(code).endswith("[]\n")


def test_importing_the_package_loads_little_beside_keras():
    code = """
import sys, keras
before = set(sys.modules)
import tfdml
new = {name.partition(".")[0] for name in set(sys.modules) - before}
optional = {"sklearn", "matplotlib", "cv2", "rich", "jsonargparse", "faiss", "scann", "yaml", "pandas"}
print(sorted(new & optional))
"""
    assert fresh(code) == "[]\n"

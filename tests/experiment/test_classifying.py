"""What `tfdml classify` says of pictures, and the sheet that shows who said it."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from tfdml.experiment import classify, draw_classified, load_classifier, save_classifier
from tfdml.experiment import classifying as module


@pytest.fixture
def stored(classifying):
    """A picture that is a center, and the name of its class."""
    kept = load_classifier(classifying)
    with np.load(classifying / "gallery.npz") as gallery:
        place = kept.places[5]
        return str(gallery["sources"][place]), str(gallery["class_names"][gallery["labels"][place]])


def test_a_stored_picture_votes_for_itself_first(classifying, stored):
    (answer,) = classify(classifying, [stored[0]], top=3)
    first = answer.voters[0]
    assert (first.source, first.class_name) == stored and first.distance == pytest.approx(0, abs=1e-3)
    assert answer.classes[0][0] == stored[1] and len(answer.classes) == 3
    probabilities = [probability for _, probability in answer.classes]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < answer.confidence <= probabilities[0] + 1e-6


def test_probabilities_are_the_shares_of_the_voters(classifying, photos):
    (answer,) = classify(classifying, [photos / "class 03" / "1.png"], top=1000)
    assert len(answer.classes) == 22 and len(answer.voters) == 32
    shares = [voter.share for voter in answer.voters]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=1e-4)
    for name, probability in answer.classes:
        assert sum(v.share for v in answer.voters if v.class_name == name) == pytest.approx(
            probability, abs=1e-4
        )


def test_the_classifier_is_the_model_that_keras_loads(classifying, photos):
    kept = load_classifier(classifying)
    files = sorted((photos / "class 07").iterdir())
    pixels = np.stack([cv2.imread(str(file))[..., ::-1] for file in files])
    fitted = [cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in pixels]
    expected = kept.model.predict(np.stack(fitted).astype("float32"), verbose=0)
    for answer, row in zip(classify(classifying, files), expected, strict=True):
        assert answer.classes == [(kept.class_names[row.argmax()], pytest.approx(row.max(), abs=0.05))]


def test_folders_are_the_pictures_in_them_a_few_at_a_time(classifying, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    shutil.copytree(photos / "class 01", tmp_path / "deep" / "er")
    (tmp_path / "deep" / "notes.txt").write_text("no picture")
    answers = classify(classifying, [tmp_path, photos / "class 02" / "0.png"])
    names = [f"{number}.png" for number in (0, 1, 2, 3, 4, 0)]
    assert [answer.picture.rsplit("/", 1)[1] for answer in answers] == names
    alone = classify(classifying, [photos / "class 01" / "3.png"])[0]
    assert answers[3].classes[0][0] == alone.classes[0][0]
    assert answers[3].confidence == pytest.approx(alone.confidence, abs=1e-4)


def test_the_sheet_shows_pictures_and_voters(classifying, photos, tmp_path, monkeypatch):
    answers = classify(classifying, [photos / "class 03", photos / "class 04"])
    assert draw_classified(classifying, answers, tmp_path / "new" / "sheet.png") == 0
    sheet = cv2.imread(str(tmp_path / "new" / "sheet.png"))
    assert sheet.std() > 10
    monkeypatch.setattr(module, "ROWS", 4)
    draw_classified(classifying, answers, tmp_path / "less.png")
    assert cv2.imread(str(tmp_path / "less.png")).shape[0] < 0.6 * sheet.shape[0]


def test_pictures_of_no_gallery_are_grey(classifying, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(classifying, run)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), "uint8")
    cv2.imwrite(str(tmp_path / "noise.png"), noise[..., ::-1])
    save_classifier(run, load_classifier(run).with_examples(noise[None].astype("float32"), ["noise"]))
    (answer,) = classify(run, [tmp_path / "noise.png"])
    assert answer.classes[0][0] == "noise" and answer.voters[0].source == ""
    few = dataclasses.replace(answer, voters=answer.voters[:1])
    assert draw_classified(run, [answer, few], tmp_path / "sheet.png") == 0
    assert (cv2.imread(str(tmp_path / "sheet.png")) == 200).all(axis=2).sum() >= 2 * 94 * 94


def test_what_cannot_be_classified(classifying, photos, tmp_path):
    picture, run = photos / "class 00" / "0.png", tmp_path / "run"
    shutil.copytree(classifying, run, ignore=shutil.ignore_patterns("classifier.*"))
    with pytest.raises(ValueError, match=r"top to be 1 or more, received: 0"):
        classify(classifying, [picture], top=0)
    with pytest.raises(ValueError, match=r"to hold a classifier, received: .*recipe nngk trains one"):
        classify(run, [picture])
    with pytest.raises(ValueError, match=r"to hold pictures, received: a folder without"):
        classify(classifying, [picture, run])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        classify(classifying, ["nowhere.png"])
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png to be a whole picture"):
        classify(classifying, [tmp_path / "text.png"])
    with pytest.raises(ValueError, match=r"out to end in \.png, received: sheet\.jpg"):
        draw_classified(classifying, [], "sheet.jpg")

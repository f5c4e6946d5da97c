"""`tfdml classify`: the class of a picture, how sure that is, and the pictures that voted for it."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfdml import data
from tfdml.data.pictures import SUFFIXES
from tfdml.experiment.classifier import load_classifier
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.run_folder import RunFolder
from tfdml.experiment.sheets import check_sheet, pictures_at, write_sheet
from tfdml.layers.classifier_parts import embedding_of

BATCH = 128  # pictures that are held at a time
SHOWN = 8  # voters on a sheet
ROWS = 50  # pictures on a sheet


@dataclass(frozen=True)
class Voter:
    """A picture that voted: its place in the gallery (-1: not in it), class, share and where it is from."""

    place: int
    class_name: str
    share: float
    distance: float
    source: str


@dataclass(frozen=True)
class Classified:
    """What a classifier says of a picture.

    Attributes:
        picture: Path of the picture.
        classes: Names and probabilities of the likeliest classes, likeliest first.
        confidence: From 0 to 1; low far from every stored picture. It is not calibrated.
        voters: The `Voter`s, largest share first.
    """

    picture: str
    classes: list
    confidence: float
    voters: list


def classify(path, pictures, top=1):
    """What the classifier of a run says of pictures.

    Args:
        path: Path of the run folder.
        pictures: Paths of picture files, or of folders of them.
        top: How many classes are named, 1 or more; no more than there are. Defaults to `1`.

    Returns:
        A list of `Classified`, one a picture.

    Raises:
        ValueError: The run has no classifier by neighbours, or something is no picture.
    """
    if top < 1:
        raise ValueError(f"Expected top to be 1 or more, received: {top}")
    run, files = RunFolder.open(path), picture_files(pictures)
    classifier, gallery = load_classifier(path), Gallery.load(run.gallery)
    model, head = classifier.model, classifier.head
    embed, places = keras.Model(model.input, embedding_of(model, head)[1]), classifier.pictures(gallery)
    found = []
    for start in range(0, len(files), BATCH):
        some = files[start : start + BATCH]
        fitted = [data.fit_picture(data.read_picture(p), gallery.side, gallery.fit) for p in some]
        embeddings = embed.predict(data.resize(np.stack(fitted), model.input_shape[1]), verbose=0)
        probabilities, confidence, votes = head.answer(embeddings)
        arrays = (keras.ops.convert_to_numpy(x) for x in (probabilities, confidence, *votes))
        for picture, shares, sure, *voted in zip(some, *arrays, strict=True):
            likeliest = np.argsort(-shares, kind="stable")[:top]
            names = [(classifier.class_names[label], float(shares[label])) for label in likeliest]
            voters = _voters(voted, places, classifier, gallery)
            found.append(Classified(str(picture), names, float(sure), voters))
    return found


def _voters(voted, places, classifier, gallery):
    """The voters for one picture, largest share first."""
    rows = sorted(zip(*voted, strict=True), key=lambda row: -row[2])
    return [
        Voter(
            int(places[slot]),
            classifier.class_names[label],
            float(share),
            float(distance),
            str(gallery.sources[places[slot]]) if places[slot] >= 0 else "",
        )
        for slot, label, share, distance in rows
        if slot >= 0
    ]


def picture_files(paths):
    """The picture files that paths of files and folders stand for, those of a folder in order."""
    files = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not found:
            raise ValueError(f"Expected {path} to hold pictures, received: a folder without")
        files.extend(found)
    return files


def draw_classified(path, answers, out):
    """Draws what `classify` found as a sheet: each picture and those that had most of the vote.

    A picture that is not where it was, or not of the gallery, is a grey square.

    Args:
        path: Path of the run folder.
        answers: A list of `Classified`, of which the first 50 are drawn.
        out: Path of the PNG file.

    Returns:
        How many pictures that voted could not be read.
    """
    check_sheet(out)
    from tfdml import explain  # matplotlib, for those who want a picture

    gallery = Gallery.load(RunFolder.open(path).gallery)
    answers = answers[:ROWS]
    columns = min(SHOWN, max(len(answer.voters) for answer in answers))
    queries, found, missing = [], [], 0
    for answer in answers:
        queries.append(data.fit_picture(data.read_picture(answer.picture), gallery.side, gallery.fit))
        places = [voter.place for voter in answer.voters[:columns]]
        pictures, gone = pictures_at(gallery, places + [-1] * (columns - len(places)))
        found.append(pictures)
        missing += gone
    sheet = explain.retrieval_sheet(
        np.stack(queries),
        np.stack(found),
        captions=[_captions(answer.voters, columns) for answer in answers],
        query_captions=[_caption(answer) for answer in answers],
        heading="Pictures that voted, with their shares",
    )
    write_sheet(sheet, out)
    return missing


def _captions(voters, columns):
    captions = [f"{voter.class_name}\n{voter.share:.0%}" for voter in voters[:columns]]
    return captions + [""] * (columns - len(captions))


def _caption(answer):
    name, probability = answer.classes[0]
    return f"{name}\n{probability:.0%}\nconfidence {answer.confidence:.2f}"

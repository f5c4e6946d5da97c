"""`tfdml search`: the pictures of a run's data that are most like another one."""

from dataclasses import dataclass

import numpy as np

from tfdml import data, search
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.run_folder import RunFolder
from tfdml.experiment.sheets import check_sheet, pictures_at, write_sheet


@dataclass(frozen=True)
class Match:
    """One neighbour of a picture: its place in the gallery, class, distance and where it comes from."""

    place: int
    class_name: str
    distance: float
    source: str


def find_similar(path, picture, k=8, out=None):
    """The pictures of a run's data nearest to a picture.

    Args:
        path: Path of the run folder.
        picture: Path of a picture file.
        k: How many, 1 or more; no more than the gallery has. Defaults to `8`.
        out: Path of a PNG file for the sheet that shows them, or `None` for no sheet. Defaults to `None`.

    Returns:
        A list of `Match`, nearest first.

    Raises:
        ValueError: The run has no trained model, or `picture` is none.
    """
    if k < 1:
        raise ValueError(f"Expected k to be 1 or more, received: {k}")
    if out is not None:
        check_sheet(out)
    run = RunFolder.open(path)
    pixels = data.read_picture(picture)
    model, gallery = run.load_model(), Gallery.load(run.gallery)
    query = data.fit_picture(pixels, gallery.side, gallery.fit)
    embedding = model.predict(data.resize(query[None], model.input_shape[1]), verbose=0)
    distances, places = (np.asarray(x)[0] for x in search.nearest_neighbors(embedding, gallery.embeddings, k))
    matches = [
        Match(int(p), gallery.name(p), float(d), str(gallery.sources[p]))
        for p, d in zip(places, distances, strict=True)
    ]
    if out is not None:
        draw_matches(path, picture, matches, out)
    return matches


def draw_matches(path, picture, matches, out):
    """Draws what `find_similar` found as a sheet. A picture that is not where it was is a grey square.

    Args:
        path: Path of the run folder.
        picture: Path of the picture file.
        matches: A list of `Match`.
        out: Path of the PNG file.

    Returns:
        How many of the found pictures could not be read.
    """
    check_sheet(out)
    from tfdml import explain  # matplotlib, for those who want a picture

    gallery = Gallery.load(RunFolder.open(path).gallery)
    neighbors, missing = pictures_at(gallery, [match.place for match in matches])
    query = data.fit_picture(data.read_picture(picture), gallery.side, gallery.fit)
    captions = [f"{match.class_name}\n{match.distance:.2f}" for match in matches]
    write_sheet(explain.retrieval_sheet(query[None], neighbors[None], captions=[captions]), out)
    return missing

"""A small image set in the layout of its publishers, to ingest in tests."""

import cv2
import numpy as np

from tfdml.data import DatasetIngestion, Sample, SetInfo

CLASSES, EACH = 6, 5


def write_pictures(folder, classes=CLASSES, each=EACH, seed=0):
    """Pictures of several sizes, `class-1/0.png` and so on; their paths."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(classes):
        for place in range(each):
            path = folder / f"class-{number + 1}" / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            height, width = rng.integers(6, 24, 2)
            cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), "uint8"))
            paths.append(path)
    return paths


class Toy(DatasetIngestion):
    """An ingestion of what `write_pictures` wrote into the folder `toy/unpacked`."""

    info = SetInfo(
        "toy",
        "Toy",
        CLASSES * EACH,
        CLASSES,
        "CC0",
        "https://toy.example",
        "nobody",
        splits={"train": 15, "test": 15},
        image_size=8,
    )

    def __init__(self, directory, *arguments, **options):
        super().__init__(directory, *arguments, **{"keep_unpacked": True, **options})

    def get_classes(self):
        return {str(number + 1): f"kind {number + 1}" for number in range(CLASSES)}

    def get_samples(self):
        return [
            Sample(
                str(number + 1),
                f"class-{number + 1}/{place}.png",
                classification="train" if place < 3 else "test" if place < 4 else "",
            )
            for number in range(CLASSES)
            for place in range(EACH)
        ]


def toy(directory, **options):
    """A `Toy` whose pictures are there."""
    write_pictures(directory / "toy" / "unpacked")
    return Toy(directory, **options)

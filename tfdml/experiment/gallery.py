"""The embeddings that a search looks through, kept beside the model."""

from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np

from tfdml import data
from tfdml.data.catalog import open_set
from tfdml.experiment.datasets import is_stored
from tfdml.files import written_whole


@dataclass(frozen=True)
class Gallery:
    """Every picture of a run's data: its embedding, label and source.

    Attributes:
        data: What the recipe calls the data.
        side: Pixels of the pictures' sides as the image set gives them.
        fit: How a picture became a square.
        embeddings: float32, `(images, dim)`.
        labels: int64, `(images,)`, places in `class_names`.
        sources: Artist or path of each picture.
        class_names: Names of the classes.
    """

    data: str
    side: int
    fit: str
    embeddings: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    class_names: np.ndarray

    @classmethod
    def of(cls, recipe, image_set, embeddings):
        """The gallery of all the images of a recipe."""
        sources, class_names = np.asarray(image_set.sources), np.asarray(image_set.class_names)
        side = image_set.image_shape[0]
        fit = open_set(recipe.data).fit if is_stored(recipe.data) else recipe.fit
        return cls(recipe.data, side, fit, embeddings, image_set.labels, sources, class_names)

    @classmethod
    def load(cls, path):
        """The gallery in a file that `save` wrote.

        Raises:
            ValueError: There is none, as the run is not complete, or it is damaged.
        """
        if not path.is_file():
            raise ValueError(
                f"Expected run to hold a gallery, received: {path.parent} (it has no {path.name}; "
                f"tfdml train --resume {path.parent} completes it)"
            )
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                rest = (arrays[name] for name in ("embeddings", "labels", "sources", "class_names"))
                return cls(str(arrays["data"]), int(arrays["side"]), str(arrays["fit"]), *rest)
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            raise ValueError(f"Expected {path} to be a gallery, received: {error}") from error

    def save(self, path):
        """Writes the gallery whole or not at all."""
        with written_whole(path) as part:
            np.savez(part, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    def name(self, place):
        """Name of the class of a picture."""
        return str(self.class_names[self.labels[place]])

    def picture(self, place):
        """Pixels `(side, side, 3)` of a picture."""
        if is_stored(self.data):
            stored = open_set(self.data).image_set
            if place >= len(stored) or stored.sources[place] != self.sources[place]:
                raise ValueError(
                    f"Expected {self.data} to be as it was, received: no {self.sources[place]} there"
                )
            return stored.images([place])[0]
        return data.fit_picture(data.read_picture(self.sources[place]), self.side, self.fit)

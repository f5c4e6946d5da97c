"""Cars196: models of cars."""

from functools import cached_property

import numpy as np

from tfdml.data.archives import read_mat
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside

FIELDS = ("relative_im_path", "class", "test")
CLASSIFICATION = {"0": "train", "1": "test"}


class Cars196(OneArchive):
    """Cars196 (Stanford Cars): 196 models of cars, the first 98 to train on."""

    info = SetInfo(
        "cars196",
        "Cars196",
        images=16_185,
        classes=196,
        license="None stated; the pictures, from the web, belong to their owners",
        source="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
        paper="Krause et al., 3D Object Representations for Fine-Grained Categorization, 3dRR 2013",
        files=(
            RemoteFile("car_ims.tgz", md5="d5c8f0aa497503f355e17dc7886c3f14"),
            RemoteFile("cars_annos.mat", md5="b407c6086d669747186bd1d764ff9dbc"),
        ),
        splits={"train": 8_054, "test": 8_131},
        manual=(
            "The publisher's server is gone. What is needed are the two files that it had at "
            "http://imagenet.stanford.edu/internal/car196/: car_ims.tgz (1.96 GB, all pictures) and "
            "cars_annos.mat; files of these names are found at https://huggingface.co/datasets/XiN0919/FGVC. "
            "The archives cars_train.tgz and cars_test.tgz number the pictures otherwise and will not do."
        ),
    )

    def get_classes(self):
        names = self._mat.get("class_names")
        if not isinstance(names, np.ndarray) or names.dtype.kind != "U":
            raise ValueError(f"Expected class_names of {self._annotations} to be texts, received: {names!r}")
        return {str(label): str(name) for label, name in enumerate(names, 1)}

    def get_samples(self):
        labels = self.get_classes()
        samples = []
        for number, row in enumerate(self._rows(), 1):
            try:
                # As text they are compared with what may be there: 5 is a class, 5.5 is none.
                path, label, part = inside(str(row[0])), f"{row[1]:g}", f"{row[2]:g}"
                if label not in labels or part not in CLASSIFICATION:
                    raise ValueError
            except ValueError:
                raise ValueError(
                    f"Expected annotation {number} of {self._annotations} to have a path, a class from 1 to "
                    f"{len(labels)} and test 0 or 1, received: {', '.join(map(str, row))}"
                ) from None
            samples.append(Sample(label, path, classification=CLASSIFICATION[part]))
        return sorted(samples, key=lambda sample: sample.source)

    def _rows(self):
        """Path, class and part of each picture."""
        annotations = self._mat.get("annotations")
        found = annotations if isinstance(annotations, dict) else {}
        columns = [found.get(name) for name in FIELDS]
        if any(column is None for column in columns) or len({len(column) for column in columns}) != 1:
            raise ValueError(
                f"Expected annotations of {self._annotations} to be a struct array with the fields "
                f"{', '.join(FIELDS)}, received: {', '.join(found) or type(annotations).__name__}"
            )
        return zip(*columns, strict=True)

    @cached_property
    def _mat(self):
        return read_mat(self._annotations)

    @property
    def _annotations(self):
        return self.download("cars_annos.mat")

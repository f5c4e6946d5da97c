"""Cars196: models of cars."""

from functools import cached_property

import numpy as np

from tfdml.data.archives import read_mat
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside

ANNOTATIONS = "cars_annos.mat"


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
            RemoteFile(ANNOTATIONS, md5="b407c6086d669747186bd1d764ff9dbc"),
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
        names = self._mat["class_names"].ravel()
        return {str(label): str(_only(name)) for label, name in enumerate(names, 1)}

    def get_samples(self):
        labels = self.get_classes()
        samples = []
        for number, annotation in enumerate(self._mat["annotations"].ravel(), 1):
            try:
                path = inside(str(_only(annotation["relative_im_path"])))
                label, part = str(int(_only(annotation["class"]))), int(_only(annotation["test"]))
                if label not in labels or part not in (0, 1):
                    raise ValueError
            except (ValueError, TypeError):
                raise ValueError(
                    f"Expected annotation {number} of {self.download(ANNOTATIONS)} to have a path, "
                    f"a class from 1 to {len(labels)} and test 0 or 1, received: {annotation!r}"
                ) from None
            samples.append(Sample(label, path, classification="test" if part else "train"))
        return sorted(samples, key=lambda sample: sample.source)

    @cached_property
    def _mat(self):
        path = self.download(ANNOTATIONS)
        mat = read_mat(path)
        fields = {"relative_im_path", "class", "test"}
        annotations = mat.get("annotations", np.empty(0))
        if not fields <= set(annotations.dtype.names or ()) or "class_names" not in mat:
            raise ValueError(
                f"Expected {path} to have class_names and annotations with the fields "
                f"{', '.join(sorted(fields))}, received: {', '.join(sorted(mat))} with the fields "
                f"{annotations.dtype.names}"
            )
        return mat


def _only(value):
    """The one value that MATLAB, to which everything is a matrix, has wrapped."""
    value = np.asarray(value).ravel()
    if len(value) != 1:
        raise ValueError(value)
    return _only(value[0]) if value.dtype == object else value[0]

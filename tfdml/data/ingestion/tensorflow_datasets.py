"""Image sets of TensorFlow Datasets to HDF5."""

import importlib
from itertools import groupby, pairwise
from pathlib import Path

from tfdml.data.hdf5 import from_hdf5
from tfdml.data.ingestion.base import DatasetIngestion
from tfdml.data.ingestion.info import Sample, SetInfo
from tfdml.data.locations import data_dir


class TfdsIngestion(DatasetIngestion):
    """An ingestion of a set that TensorFlow Datasets has prepared.

    Classes are kept apart in the retrieval split, half of them each; the splits of TensorFlow Datasets are
    the classification split.

    Args:
        builder: A `tfds.core.DatasetBuilder`, prepared.
        out: HDF5 file to write.
        image, label: Names of the features. Defaults to the only ones of their kind.
        options: As in `DatasetIngestion`.
    """

    def __init__(self, builder, out, image=None, label=None, **options):
        tfds = _tfds()
        features = builder.info.features
        self._builder, self._tfds = builder, tfds
        self._image = _feature(builder, image, "image", tfds.features.Image)
        self._label = _feature(builder, label, "label", tfds.features.ClassLabel)
        self._names = features[self._label].names
        count = sum(split.num_examples for split in builder.info.splits.values())
        about = builder.info
        license_ = " ".join((about.redistribution_info.license or "").split())
        self.info = SetInfo(
            about.name, about.full_name, count, len(self._names), license_, about.homepage or "", ""
        )
        super().__init__(Path(out).parent, out, **options)

    @property
    def recipe(self):
        """The version and the features decide the file too."""
        features = {"image": self._image, "label": self._label}
        return {**super().recipe, "tfds": self._builder.info.full_name, **features}

    def decompress(self):
        """The set is prepared already."""

    def get_classes(self):
        """The names of the label, by their numbers."""
        return {str(number): name for number, name in enumerate(self._names)}

    def get_samples(self):
        """Every example that has a label, in the order of TensorFlow Datasets."""
        only_label = {"decoders": self._tfds.decode.PartialDecoding({self._label: True})}
        return [
            Sample(str(int(example[self._label])), f"{split}/{number}", classification=split)
            for split in self._builder.info.splits
            for number, example in enumerate(self._read(split, **only_label))
            if example[self._label] >= 0  # -1 stands for none
        ]

    def payloads(self, samples):
        """The bytes of the pictures: one pass over a split for each run of rising numbers."""
        skip = {"decoders": {self._image: self._tfds.decode.SkipDecoding()}}
        for split, numbers in _rising(samples):
            wanted = iter(numbers)
            number = next(wanted)
            for place, example in enumerate(self._read(split, skip=numbers[0], **skip), numbers[0]):
                if place == number:
                    yield example[self._image]
                    number = next(wanted, None)
                    if number is None:
                        break

    def _read(self, split, skip=0, **options):
        examples = self._builder.as_dataset(split=split, shuffle_files=False, **options)
        return self._tfds.as_numpy(examples.skip(skip))

    def check_published(self, selection):
        """Nothing: the counts are those of TensorFlow Datasets, which checks them itself."""


def _rising(samples):
    """Splits and numbers of samples, cut where the next is not further on in the same split."""
    places = [(split, int(number)) for split, number in (s.source.rsplit("/", 1) for s in samples)]
    starts = [0]
    for before, now in pairwise(places):
        starts.append(starts[-1] + (before[0] != now[0] or before[1] >= now[1]))
    for _, run in groupby(zip(starts, places, strict=False), key=lambda pair: pair[0]):
        run = [place for _, place in run]
        yield run[0][0], [number for _, number in run]


def _tfds():
    try:
        return importlib.import_module("tensorflow_datasets")
    except ImportError:
        raise ImportError(
            "TensorFlow Datasets is not installed: python -m pip install tfdml[tfds] brings it"
        ) from None


def _feature(builder, name, what, kind):
    """The name of a feature of some kind: the one asked for, the one called so, or the only one."""
    features = dict(builder.info.features.items())
    found = [key for key, feature in features.items() if isinstance(feature, kind)]
    if name is None and what in found:
        return what
    if name is None and len(found) == 1:
        return found[0]
    if name not in found:
        raise ValueError(
            f"Expected {what} to be one of the {kind.__name__} features of {builder.info.name} "
            f"({', '.join(found) or 'it has none'}), received: {name!r}"
        )
    return name


def ingest_tfds(name, out, *, image=None, label=None, tfds_dir=None, **options):
    """Writes a set of TensorFlow Datasets to an HDF5 file.

    Args:
        name: As in `tfds.load`: `"cifar10"`, `"coil100/1.0.0"`; or a `tfds.core.DatasetBuilder`.
        out: HDF5 file to write.
        image, label: Names of the features to take. Defaults to `"image"` and `"label"`, or the only ones.
        tfds_dir: Where TensorFlow Datasets keeps its files. Defaults to its own folder.
        options: As in `tfdml.data.DatasetIngestion`: `n`, `size`, `fit`, `encoding` and others.

    Returns:
        Path of the file.

    Raises:
        ImportError: The extra `tfdml[tfds]` is not installed.
        ValueError: There is no such set, or it has no image or no class label.
    """
    return TfdsIngestion(_prepared(name, tfds_dir), out, image, label, **options).start()


def _prepared(name, tfds_dir):
    tfds = _tfds()
    if isinstance(name, str):
        try:
            name = tfds.builder(name, data_dir=tfds_dir)
        except (tfds.core.DatasetNotFoundError, ValueError) as error:
            first = next(line for line in str(error).splitlines() if line.strip())
            raise ValueError(
                f"Expected name to be a set of TensorFlow Datasets, received: {name!r} ({first})"
            ) from None
    name.download_and_prepare()
    return name


def from_tfds(name, split="all", *, size=96, fit="crop", image=None, label=None, tfds_dir=None, note=None):
    """An image set of TensorFlow Datasets.

    It is prepared by TensorFlow Datasets, which downloads what it needs, and written once to an HDF5 file
    beside the other sets; the next call opens that.

    Args:
        name: As in `tfds.load`: `"cifar10"`, `"coil100/1.0.0"`; or a `tfds.core.DatasetBuilder`.
        split: A split of TensorFlow Datasets, such as `"train"`, or `"all"`. Defaults to `"all"`.
        size: Side of the pictures in pixels. Defaults to `96`.
        fit: `"crop"` (the middle square), `"pad"` (the whole picture on white) or `"stretch"`.
            Defaults to `"crop"`.
        image, label: Names of the features to take. Defaults to `"image"` and `"label"`, or the only ones.
        tfds_dir: Where TensorFlow Datasets keeps its files. Defaults to its own folder.
        note: Function called with each sentence that the user should know.

    Returns:
        An `ImageSet`.

    Raises:
        ImportError: The extra `tfdml[tfds]` is not installed.
        ValueError: There is no such set or split, or it has no image or no class label.
    """
    builder = _prepared(name, tfds_dir)
    chosen = ["" if fit == "crop" else fit, image, label]
    stem = "_".join([*builder.info.full_name.split("/"), str(size), *filter(None, chosen)])
    out = data_dir() / "tfds" / f"{stem}.hdf5"
    ingestion = TfdsIngestion(builder, out, image, label, size=size, fit=fit, note=note)
    return from_hdf5(ingestion.start(), split, by="classification")

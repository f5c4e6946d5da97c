"""CIFAR-10."""

from typing import ClassVar

import numpy as np

from tfdml.data.archives import read_pickle
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive


class Cifar10(OneArchive):
    """CIFAR-10: 10 classes of 32x32 pixels, the first 5 to train on."""

    info = SetInfo(
        "cifar10",
        "CIFAR-10",
        images=60_000,
        classes=10,
        license="None stated; the publisher asks to cite the report",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        paper="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        files=(
            RemoteFile(
                "cifar-10-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                size=170_498_071,
                sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                md5="c58f30108f718f92721af3b95e74349a",
            ),
        ),
        splits={"train": 30_000, "test": 30_000},
        image_size=32,
    )
    top = "cifar-10-batches-py"
    parts: ClassVar = {**{f"data_batch_{i}": "train" for i in range(1, 6)}, "test_batch": "test"}
    labels, names = "labels", ("batches.meta", "label_names")

    def get_classes(self):
        names = self._read(*self.names)
        return {str(label): str(name, "utf-8", "replace") for label, name in enumerate(names)}

    def get_samples(self):
        return [
            Sample(str(label), f"{file}/{row}", classification=part)
            for file, part in self.parts.items()
            for row, label in enumerate(self._read(file, self.labels))
        ]

    def payloads(self, samples):
        opened, pixels = None, None
        for sample in samples:
            file, _, row = sample.source.partition("/")
            if file != opened:
                opened, pixels = file, self._pixels(file)
            yield pixels[int(row)].transpose(1, 2, 0)

    def _pixels(self, file):
        """Pixels `(pictures, 3, 32, 32)` of a file."""
        pixels, rows = np.asarray(self._read(file, "data")), len(self._read(file, self.labels))
        if pixels.dtype != np.uint8 or pixels.shape != (rows, 3 * 32 * 32):
            raise ValueError(
                f"Expected data of {self.root / self.top / file} to be uint8 ({rows}, 3072), "
                f"received: {pixels.dtype} {pixels.shape}"
            )
        return pixels.reshape(-1, 3, 32, 32)

    def _read(self, file, key):
        """A list or an array in a pickled dictionary, all whose texts are bytes: Python 2 wrote it."""
        path = self.root / self.top / file
        content = read_pickle(path)
        value = content.get(key.encode()) if isinstance(content, dict) else None
        if isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim):
            return value
        raise ValueError(f"Expected {path} to have a list {key}, received: {type(value).__name__}")

"""TinyImageNet."""

import re

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside, one_of, read_table

FOLDER = "tiny-imagenet-200"


class TinyImageNet(OneArchive):
    """TinyImageNet: 200 classes of ImageNet in 64x64 pixels, the first 100 to train on.

    The pictures of its test part have no labels and are left out.
    """

    info = SetInfo(
        "tiny_imagenet",
        "TinyImageNet",
        images=110_000,
        classes=200,
        license="Terms of ImageNet: non-commercial research and education",
        source="http://cs231n.stanford.edu/",
        paper="Le and Yang, Tiny ImageNet Visual Recognition Challenge, CS 231N, 2015",
        files=(
            RemoteFile(
                "tiny-imagenet-200.zip",
                (
                    "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
                    "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                ),
                size=248_100_043,
                sha256="6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
                md5="90528d7ca1a48142e341f4ef8d21d0de",
            ),
        ),
        splits={"train": 55_000, "test": 55_000},
        image_size=64,
    )

    def decompress(self):
        self.unpack(self.info.files[0].name, keep=lambda name: "/test/" not in name)

    def get_classes(self):
        names = dict(read_table(self._top / "words.txt", {"id": wordnet_id, "words": str}, sep="\t"))
        classes = read_table(self._top / "wnids.txt", {"id": one_of(*names)})
        return {class_id: names[class_id] for (class_id,) in classes}

    def get_samples(self):
        classes = self.get_classes()
        box = dict.fromkeys(("left", "top", "right", "bottom"), int)
        samples = [
            Sample(class_id, f"{FOLDER}/train/{class_id}/images/{image}", classification="train")
            for class_id in classes
            for image, *_ in read_table(
                self._top / "train" / class_id / f"{class_id}_boxes.txt", {"image": inside, **box}
            )
        ]
        columns = {"image": inside, "id": one_of(*classes), **box}
        return samples + [
            Sample(class_id, f"{FOLDER}/val/images/{image}", classification="validation")
            for image, class_id, *_ in read_table(self._top / "val" / "val_annotations.txt", columns)
        ]

    @property
    def _top(self):
        return self.root / FOLDER


def wordnet_id(text):
    """A text such as n02124075, which folders are named after.

    Raises:
        ValueError: It is none.
    """
    if not re.fullmatch(r"n\d{8}", text):
        raise ValueError(text)
    return text

"""CUB-200-2011: birds."""

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside, one_of, read_numbered

CLASSIFICATION = {"1": "train", "0": "test"}


class Cub200(OneArchive):
    """CUB-200-2011: 200 species of birds, the first 100 to train on."""

    info = SetInfo(
        "cub200_2011",
        "CUB-200-2011",
        images=11_788,
        classes=200,
        license="Non-commercial research and education; the pictures belong to their photographers",
        source="https://www.vision.caltech.edu/datasets/cub_200_2011/",
        paper="Wah et al., The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001, 2011",
        files=(
            RemoteFile(
                "CUB_200_2011.tgz",
                (
                    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
                    "https://s3.amazonaws.com/fast-ai-imageclas/CUB_200_2011.tgz",
                ),
                size=1_150_585_339,
                sha256="0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
                md5="97eceeb196236b17998738112f37df78",
            ),
        ),
        splits={"train": 5_864, "test": 5_924},
    )

    def get_classes(self):
        names = self._list("classes.txt", "001.Class_name", str)
        # The folders are named so too: 001.Black_footed_Albatross.
        return {str(i): name.partition(".")[2].replace("_", " ") for i, name in enumerate(names, 1)}

    def get_samples(self):
        paths = self._list("images.txt", "image_name", inside)
        labels = self._list("image_class_labels.txt", "class_id", one_of(*self.get_classes()))
        parts = self._list("train_test_split.txt", "is_training_image", one_of(*CLASSIFICATION))
        if not len(paths) == len(labels) == len(parts):
            raise ValueError(
                f"Expected images.txt, image_class_labels.txt and train_test_split.txt of {self._lists} "
                f"to have as many lines, received: {len(paths)}, {len(labels)} and {len(parts)}"
            )
        return [
            Sample(label, f"CUB_200_2011/images/{path}", classification=CLASSIFICATION[part])
            for path, label, part in zip(paths, labels, parts, strict=True)
        ]

    @property
    def _lists(self):
        return self.root / "CUB_200_2011"

    def _list(self, name, column, convert):
        return read_numbered(self._lists / name, column, convert)

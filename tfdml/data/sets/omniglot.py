"""Omniglot: characters of many alphabets."""

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import DatasetIngestion, Sample, SetInfo

URLS = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
    "https://github.com/brendenlake/omniglot/raw/master/python/",
)
SIDES = {"images_background": "train", "images_evaluation": "test"}


class Omniglot(DatasetIngestion):
    """Omniglot: 1,623 characters of 50 alphabets, each drawn by 20 people; 30 alphabets to train on."""

    info = SetInfo(
        "omniglot",
        "Omniglot",
        images=32_460,
        classes=1_623,
        license="MIT",
        source="https://github.com/brendenlake/omniglot",
        paper="Lake et al., Human-level concept learning through probabilistic program induction, "
        "Science 350, 2015",
        files=(
            RemoteFile(
                "images_background.zip",
                tuple(f"{url}images_background.zip" for url in URLS),
                size=9_464_212,
                sha256="ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
                md5="68d2efa1b9178cc56df9314c21c6e718",
            ),
            RemoteFile(
                "images_evaluation.zip",
                tuple(f"{url}images_evaluation.zip" for url in URLS),
                size=6_462_886,
                sha256="1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
                md5="6b91aef0f799c5bb55b94e3f2daec811",
            ),
        ),
        splits={"train": 19_280, "test": 13_180},
        image_size=105,
    )

    def get_classes(self):
        names = dict.fromkeys(sample.class_id for sample in self.get_samples())
        return {name: name.replace("_", " ").replace("/", ", ") for name in names}

    def get_samples(self):
        samples = []
        for side, split in SIDES.items():
            drawings = (self.folder / side / side).glob("*/*/*.png")
            for path in sorted(drawings, key=lambda path: path.parts):
                alphabet, character = path.parts[-3:-1]
                source = f"{side}/{alphabet}/{character}/{path.name}"
                samples.append(Sample(f"{alphabet}/{character}", source, retrieval=split))
        return samples

    def payloads(self, samples):
        return (self.folder / sample.source.partition("/")[0] / sample.source for sample in samples)

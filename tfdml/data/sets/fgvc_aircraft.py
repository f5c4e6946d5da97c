"""FGVC-Aircraft: models of aeroplanes."""

from tfdml.data.archives import read_lines
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside, one_of, read_table

CLASSIFICATION = {"train": "train", "val": "validation", "test": "test"}
BANNER = 20


class FgvcAircraft(OneArchive):
    """FGVC-Aircraft: 100 variants of aircraft, the first 50 to train on."""

    info = SetInfo(
        "fgvc_aircraft",
        "FGVC-Aircraft",
        images=10_000,
        classes=100,
        license="Non-commercial research; the pictures belong to their photographers",
        source="https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
        paper="Maji et al., Fine-Grained Visual Classification of Aircraft, arXiv:1306.5151, 2013",
        files=(
            RemoteFile(
                "fgvc-aircraft-2013b.tar.gz",
                ("https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",),
                size=2_753_340_328,
                sha256="e4e323d410e29f0370c81eabdcbb0e2b813acea1de22891b70b58ff41bfc9834",
            ),
        ),
        splits={"train": 5_000, "test": 5_000},
    )

    def get_classes(self):
        return {variant: variant for variant in read_lines(self._lists / "variants.txt")}

    def get_samples(self):
        columns = {"image": inside, "variant": one_of(*self.get_classes())}
        return [
            Sample(variant, f"fgvc-aircraft-2013b/data/images/{image}.jpg", classification=part)
            for name, part in CLASSIFICATION.items()
            for image, variant in read_table(self._lists / f"images_variant_{name}.txt", columns, rest=True)
        ]

    def prepare(self, picture):
        """Cuts the line at the bottom that names the photographer, as the publishers ask."""
        if len(picture) <= BANNER:
            raise ValueError(f"a picture of {len(picture)} rows, no more than the photographer's name takes")
        return picture[:-BANNER]

    @property
    def _lists(self):
        return self.root / "fgvc-aircraft-2013b" / "data"

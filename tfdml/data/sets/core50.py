"""CORe50: objects held in the hand."""

import re

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive

CATEGORIES = (
    "plug adapter",
    "mobile phone",
    "scissor",
    "light bulb",
    "can",
    "glass",
    "ball",
    "marker",
    "cup",
    "remote control",
)
TEST_SESSIONS = (3, 7, 10)
FRAME = re.compile(r"core50_128x128/s(\d+)/o(\d+)/C_(\d+)_(\d+)_(\d+)\.png")


class Core50(OneArchive):
    """CORe50: 50 objects of 10 categories, filmed in 11 places; the first 25 objects to train on."""

    info = SetInfo(
        "core50",
        "CORe50",
        images=164_866,
        classes=50,
        license="CC-BY-4.0",
        source="https://vlomonaco.github.io/core50/",
        paper="Lomonaco and Maltoni, CORe50: a New Dataset and Benchmark for Continuous Object Recognition, "
        "CoRL 2017",
        files=(
            RemoteFile(
                "core50_128x128.zip",
                ("http://bias.csr.unibo.it/maltoni/download/core50/core50_128x128.zip",),
                size=5_892_103_007,
                md5="745f3373fed08d69343f1058ee559e13",
            ),
        ),
        image_size=128,
    )

    def get_classes(self):
        return {f"o{place + 1}": f"{CATEGORIES[place // 5]} {place % 5 + 1}" for place in range(50)}

    def get_samples(self):
        frames = []
        for path in self.root.glob("core50_128x128/s*/o*/C_*.png"):
            source = path.relative_to(self.root).as_posix()
            found = FRAME.fullmatch(source)
            session, thing, *named, frame = map(int, found.groups()) if found else (0,) * 5
            if named != [session, thing] or not (1 <= session <= 11 and 1 <= thing <= 50):
                raise ValueError(
                    f"Expected {path} to be s<session>/o<object>/C_<session>_<object>_<frame>.png, "
                    f"received: {source}"
                )
            frames.append((session, thing, frame, source))
        return [
            Sample(f"o{thing}", source, classification="test" if session in TEST_SESSIONS else "train")
            for session, thing, _, source in sorted(frames)
        ]

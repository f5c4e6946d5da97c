"""RGB-D Object, of the University of Washington."""

import re

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive

SUFFIX = "_crop.png"
FRAME = re.compile(
    r"(?:.*/)?(?P<folder>\w+)/(?P<object>(?P<category>\w+)_(\d+))/(?P=object)_(\d+)_(\d+)_crop\.png"
)


class RgbdObject(OneArchive):
    """RGB-D Object: 300 objects of 51 categories on a turntable, the first 25 categories to train on.

    The colour pictures of the evaluation set, which are every fifth frame of the films, cut to the object.
    """

    info = SetInfo(
        "rgbd_object",
        "RGB-D Object",
        images=41_877,
        classes=51,
        license="Non-commercial research and education",
        source="https://rgbd-dataset.cs.washington.edu/",
        paper="Lai et al., A Large-Scale Hierarchical Multi-View RGB-D Object Dataset, ICRA 2011",
        files=(
            RemoteFile(
                "rgbd-dataset_eval.zip",
                ("https://rgbd-dataset.cs.washington.edu/dataset/rgbd-dataset_eval/rgbd-dataset_eval.zip",),
                size=673_456_874,
            ),
        ),
        image_size=128,
    )

    def decompress(self):
        # Depth, masks and places of the same frames would take most of the room.
        self.unpack(self.info.files[0].name, keep=lambda name: name.endswith(SUFFIX))

    def get_classes(self):
        return {name: name.replace("_", " ") for name in sorted({s.class_id for s in self.get_samples()})}

    def get_samples(self):
        frames = []
        for path in self.root.rglob(f"*{SUFFIX}"):
            source = path.relative_to(self.root).as_posix()
            found = FRAME.fullmatch(source)
            if not found or found["folder"] != found["category"]:
                raise ValueError(
                    f"Expected {path} to be <category>/<category>_<object>/<category>_<object>_<film>_<frame>"
                    f"{SUFFIX}, received: {source}"
                )
            category, *numbers = found.group("category", 4, 5, 6)
            frames.append((category, *map(int, numbers), source))
        return [Sample(category, source) for category, *_, source in sorted(frames)]

"""CIFAR-100."""

from typing import ClassVar

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import SetInfo
from tfdml.data.sets.cifar10 import Cifar10


class Cifar100(Cifar10):
    """CIFAR-100: 100 classes of 32x32 pixels, the first 50 to train on."""

    info = SetInfo(
        "cifar100",
        "CIFAR-100",
        images=60_000,
        classes=100,
        license=Cifar10.info.license,
        source=Cifar10.info.source,
        paper=Cifar10.info.paper,
        files=(
            RemoteFile(
                "cifar-100-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
                size=169_001_437,
                sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                md5="eb9058c3a382ffc7106e4002c42a8d85",
            ),
        ),
        splits={"train": 30_000, "test": 30_000},
        image_size=32,
    )
    top = "cifar-100-python"
    parts: ClassVar = {"train": "train", "test": "test"}
    labels, names = "fine_labels", ("meta", "fine_label_names")

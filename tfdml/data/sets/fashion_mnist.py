"""Fashion-MNIST."""

from tfdml.data.archives import read_idx
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import DatasetIngestion, Sample, SetInfo

URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
FILES = {
    "train-images-idx3-ubyte.gz": (
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    "train-labels-idx1-ubyte.gz": (
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
    "t10k-images-idx3-ubyte.gz": (
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "bef4ecab320f06d8554ea6380940ec79",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
PARTS = {"train": "train", "t10k": "test"}
# As in the publisher's README; the files have numbers alone.
NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class FashionMnist(DatasetIngestion):
    """Fashion-MNIST: 10 kinds of clothes, grey, 28x28 pixels, the first 5 to train on."""

    info = SetInfo(
        "fashion_mnist",
        "Fashion-MNIST",
        images=70_000,
        classes=10,
        license="MIT",
        source="https://github.com/zalandoresearch/fashion-mnist",
        paper="Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking, arXiv:1708.07747, 2017",
        files=tuple(
            RemoteFile(name, tuple(url + name for url in URLS), size, sha256, md5)
            for name, (size, sha256, md5) in FILES.items()
        ),
        splits={"train": 35_000, "test": 35_000},
        image_size=28,
    )

    def decompress(self):
        """Unpacks nothing, for the files are read as they are; but all of them must be there."""
        for file in self.info.files:
            self.download(file.name)

    def get_classes(self):
        return {str(label): name for label, name in enumerate(NAMES)}

    def get_samples(self):
        return [
            Sample(str(label), f"{name}/{row}", classification=part)
            for name, part in PARTS.items()
            for row, label in enumerate(self._read(name, "labels-idx1", 1))
        ]

    def payloads(self, samples):
        opened, pixels = None, None
        for sample in samples:
            name, _, row = sample.source.partition("/")
            if name != opened:
                opened, pixels = name, self._pixels(name)
            yield pixels[int(row)]

    def _pixels(self, name):
        """Pixels `(pictures, height, width)` of a part."""
        pixels, rows = self._read(name, "images-idx3", 3), len(self._read(name, "labels-idx1", 1))
        if len(pixels) != rows:
            raise ValueError(
                f"Expected {self.download(f'{name}-images-idx3-ubyte.gz')} to have {rows} pictures, "
                f"one a label, received: {len(pixels)}"
            )
        return pixels

    def _read(self, name, kind, rank):
        path = self.download(f"{name}-{kind}-ubyte.gz")
        values = read_idx(path)
        if values.ndim != rank or values.dtype.kind != "u":
            raise ValueError(
                f"Expected {path} to be uint8 of rank {rank}, received: {values.dtype} {values.shape}"
            )
        return values

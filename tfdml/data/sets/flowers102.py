"""Oxford Flowers-102."""

import numpy as np

from tfdml.data.archives import read_mat
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive

URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
CLASSIFICATION = {"trnid": "train", "valid": "validation", "tstid": "test"}
# Not in the files. In the order of the labels.
LISTED = (
    "pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily, "
    "moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, spear "
    "thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant white "
    "arum lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, prince "
    "of wales feathers, stemless gentian, artichoke, sweet william, carnation, garden phlox, love in the "
    "mist, mexican aster, alpine sea holly, ruby-lipped cattleya, cape flower, great masterwort, siam "
    "tulip, lenten rose, barbeton daisy, daffodil, sword lily, poinsettia, bolero deep blue, wallflower, "
    "marigold, buttercup, oxeye daisy, common dandelion, petunia, wild pansy, primula, sunflower, "
    "pelargonium, bishop of llandaff, gaura, geranium, orange dahlia, pink-yellow dahlia?, cautleya "
    "spicata, japanese anemone, black-eyed susan, silverbush, californian poppy, osteospermum, spring "
    "crocus, bearded iris, windflower, tree poppy, gazania, azalea, water lily, rose, thorn apple, "
    "morning glory, passion flower, lotus, toad lily, anthurium, frangipani, clematis, hibiscus, "
    "columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress, canna lily, hippeastrum, bee "
    "balm, ball moss, foxglove, bougainvillea, camellia, mallow, mexican petunia, bromelia, blanket "
    "flower, trumpet creeper, blackberry lily"
)
NAMES = [name.strip() for name in LISTED.split(",")]


class Flowers102(OneArchive):
    """Oxford Flowers-102: 102 flowers that grow in the United Kingdom, the first 51 to train on."""

    info = SetInfo(
        "flowers102",
        "Oxford Flowers-102",
        images=8_189,
        classes=102,
        license="None stated; the pictures belong to their owners",
        source="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        paper="Nilsback and Zisserman, Automated Flower Classification over a Large Number of Classes, 2008",
        files=(
            RemoteFile(
                "102flowers.tgz",
                (f"{URL}102flowers.tgz",),
                size=344_862_509,
                sha256="2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
                md5="52808999861908f626f3c1f4e79d11fa",
            ),
            RemoteFile(
                "imagelabels.mat",
                (f"{URL}imagelabels.mat",),
                size=502,
                sha256="4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
                md5="e0620be6f572b9609742df49c70aed4d",
            ),
            RemoteFile(
                "setid.mat",
                (f"{URL}setid.mat",),
                size=14_989,
                sha256="46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
                md5="a5357ecc9cb78c4bef273ce3793fc85c",
            ),
        ),
    )

    def get_classes(self):
        return {str(label): name for label, name in enumerate(NAMES, 1)}

    def get_samples(self):
        labels = self._integers("imagelabels.mat", "labels", len(NAMES))
        parts = [""] * len(labels)
        for name, part in CLASSIFICATION.items():
            for number in self._integers("setid.mat", name, len(labels)):
                if parts[number - 1]:
                    raise ValueError(
                        f"Expected {self.downloads / 'setid.mat'} to have each picture once, "
                        f"received: {number} in {part} and {parts[number - 1]}"
                    )
                parts[number - 1] = part
        return [
            Sample(str(label), f"jpg/image_{number:05}.jpg", classification=parts[number - 1])
            for number, label in enumerate(labels, 1)
        ]

    def _integers(self, file, name, largest):
        """The integers of a matrix, which go from 1 to `largest`."""
        path = self.download(file)
        values = read_mat(path).get(name)
        numbers = isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and values.size
        if not numbers or values.min() < 1 or values.max() > largest or (values != np.round(values)).any():
            raise ValueError(
                f"Expected {name} of {path} to be integers from 1 to {largest}, received: {values!r}"
            )
        return values.astype(int).ravel().tolist()

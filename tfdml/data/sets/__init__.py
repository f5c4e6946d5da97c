"""The image sets that are ingested from their publishers' files."""

from tfdml.data.sets.cars196 import Cars196
from tfdml.data.sets.cifar10 import Cifar10
from tfdml.data.sets.cifar100 import Cifar100
from tfdml.data.sets.core50 import Core50
from tfdml.data.sets.cub200_2011 import Cub200
from tfdml.data.sets.fashion_mnist import FashionMnist
from tfdml.data.sets.fgvc_aircraft import FgvcAircraft
from tfdml.data.sets.flowers102 import Flowers102
from tfdml.data.sets.inshop import InShop
from tfdml.data.sets.omniglot import Omniglot
from tfdml.data.sets.online_products import OnlineProducts
from tfdml.data.sets.rgbd_object import RgbdObject
from tfdml.data.sets.tiny_imagenet import TinyImageNet

SETS = {
    ingestion.info.name: ingestion
    for ingestion in (
        Cars196,
        Cub200,
        OnlineProducts,
        InShop,
        Flowers102,
        FgvcAircraft,
        Omniglot,
        TinyImageNet,
        Core50,
        RgbdObject,
        Cifar10,
        Cifar100,
        FashionMnist,
    )
}

__all__ = [
    "SETS",
    "Cars196",
    "Cifar10",
    "Cifar100",
    "Core50",
    "Cub200",
    "FashionMnist",
    "FgvcAircraft",
    "Flowers102",
    "InShop",
    "Omniglot",
    "OnlineProducts",
    "RgbdObject",
    "TinyImageNet",
]

"""Image sets, and the batches they give."""

from tfdml.data.catalog import load
from tfdml.data.folder import from_folder
from tfdml.data.image_set import ImageSet, from_arrays
from tfdml.data.pictures import decode_picture, fit_picture, read_picture
from tfdml.data.resizing import fit_images, resize
from tfdml.data.sampler import BalancedSampler
from tfdml.data.splits import Splits, hold_out
from tfdml.data.streams import balanced_batches, ordered_batches

__all__ = [
    "BalancedSampler",
    "ImageSet",
    "Splits",
    "balanced_batches",
    "decode_picture",
    "fit_images",
    "fit_picture",
    "from_arrays",
    "from_folder",
    "hold_out",
    "load",
    "ordered_batches",
    "read_picture",
    "resize",
]

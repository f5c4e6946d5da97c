"""Image sets, and the batches they give."""

from tfdml.data.catalog import datasets, download_dataset, ingest_dataset, load
from tfdml.data.download import RemoteFile, download_file
from tfdml.data.folder import from_folder
from tfdml.data.hdf5 import from_hdf5
from tfdml.data.image_set import ImageSet, from_arrays
from tfdml.data.ingestion import (
    DatasetIngestion,
    Sample,
    SetInfo,
    from_tfds,
    ingest_csv,
    ingest_folder,
    ingest_tfds,
)
from tfdml.data.pictures import decode_picture, fit_picture, read_picture
from tfdml.data.resizing import fit_images, resize
from tfdml.data.sampler import BalancedSampler
from tfdml.data.splits import Splits, hold_out
from tfdml.data.streams import balanced_batches, ordered_batches

__all__ = [
    "BalancedSampler",
    "DatasetIngestion",
    "ImageSet",
    "RemoteFile",
    "Sample",
    "SetInfo",
    "Splits",
    "balanced_batches",
    "datasets",
    "decode_picture",
    "download_dataset",
    "download_file",
    "fit_images",
    "fit_picture",
    "from_arrays",
    "from_folder",
    "from_hdf5",
    "from_tfds",
    "hold_out",
    "ingest_csv",
    "ingest_dataset",
    "ingest_folder",
    "ingest_tfds",
    "load",
    "ordered_batches",
    "read_picture",
    "resize",
]

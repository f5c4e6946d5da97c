"""Image sets, and the batches they give."""

from tfdml.data.catalog import Entry, datasets, download_dataset, ingest_dataset, load
from tfdml.data.download import DownloadError, RemoteFile, download_file, progress_bar
from tfdml.data.folder import from_folder
from tfdml.data.folds import ClassFolds, Fold, class_folds
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
from tfdml.data.streams import balanced_batches, ordered_batches, shuffled_batches

__all__ = [
    "BalancedSampler",
    "ClassFolds",
    "DatasetIngestion",
    "DownloadError",
    "Entry",
    "Fold",
    "ImageSet",
    "RemoteFile",
    "Sample",
    "SetInfo",
    "Splits",
    "balanced_batches",
    "class_folds",
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
    "progress_bar",
    "read_picture",
    "resize",
    "shuffled_batches",
]

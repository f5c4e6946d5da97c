"""From downloaded archives, or pictures of a user's own, to one HDF5 file."""

from tfdml.data.ingestion.base import DatasetIngestion
from tfdml.data.ingestion.info import Sample, SetInfo
from tfdml.data.ingestion.own import ingest_csv, ingest_folder
from tfdml.data.ingestion.tensorflow_datasets import from_tfds, ingest_tfds

__all__ = [
    "DatasetIngestion",
    "Sample",
    "SetInfo",
    "from_tfds",
    "ingest_csv",
    "ingest_folder",
    "ingest_tfds",
]

"""From downloaded archives, or pictures of a user's own, to one HDF5 file."""

from tfdml.data.ingestion.base import DatasetIngestion
from tfdml.data.ingestion.info import Sample, SetInfo

__all__ = ["DatasetIngestion", "Sample", "SetInfo"]

"""Files from the internet: whole and verified, or an error that says why not."""

from tfdml.data.download.bar import progress_bar
from tfdml.data.download.downloading import download_file
from tfdml.data.download.errors import DownloadError
from tfdml.data.download.remote_file import RemoteFile

__all__ = ["DownloadError", "RemoteFile", "download_file", "progress_bar"]

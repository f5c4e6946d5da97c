"""`tfdml download`."""

from tfdml import data
from tfdml.cli.parsing import parse
from tfdml.data.download import progress_bar

OPTIONS = {
    "name": {"type": str, "help": "image set; tfdml datasets lists them"},
    "--dir": {"type": str, "default": None, "help": "folder of image sets (default: ~/.tfdml/data)"},
}


def run(arguments):
    """Downloads the files of an image set, or goes on with it."""
    settings = parse("download", "Download an image set, or go on with it.", arguments, OPTIONS)
    with progress_bar() as progress:
        folder = data.download_dataset(settings.name, settings.dir, progress=progress)
    where = f" --dir {settings.dir}" if settings.dir else ""
    print(f"Downloaded: {folder} (tfdml ingest -d {settings.name}{where} makes an HDF5 file of it)")

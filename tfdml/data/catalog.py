"""The image sets that can be asked for by name: which there are, and which are here."""

import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tfdml.data.download import download_file
from tfdml.data.hdf5 import open_hdf5
from tfdml.data.ingestion import SetInfo
from tfdml.data.locations import data_dir
from tfdml.data.sets import SETS

EMOJI = SetInfo(
    "emoji",
    "Emoji",
    5920,
    1069,
    "Apache-2.0, CC-BY-4.0, MIT (NOTICE names which)",
    "https://github.com/iconify/icon-sets",
    "comes with tfdml",
    image_size=64,
)
_FILE = Path(__file__).parent / "emoji" / "emoji.hdf5"
EMBEDDED = EMOJI.name
NAMES = (EMBEDDED, *SETS)


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue.

    Attributes:
        info: The published facts, a `SetInfo`.
        state: `"embedded"`, `"ingested"`, `"downloaded"`, `"partly downloaded"` or `""`.
    """

    info: SetInfo
    state: str


def datasets(directory=None):
    """What the catalogue has, and what of it is here.

    Args:
        directory: Folder of image sets. Defaults to the variable `TFDML_DATA`, or `~/.tfdml/data`.

    Returns:
        A list of `Entry`.

    Example:

    >>> names = [entry.info.name for entry in tfdml.data.datasets()]
    >>> names[:3]
    ['emoji', 'cars196', 'cub200_2011']
    """
    root = data_dir(directory)
    return [Entry(EMOJI, "embedded"), *(Entry(made.info, _state(root, made.info)) for made in SETS.values())]


def _state(root, info):
    if (root / f"{info.name}.hdf5").is_file():
        return "ingested"
    here = [(root / info.name / file.name).is_file() for file in info.files]
    if here and all(here):
        return "downloaded"
    return "partly downloaded" if any(here) else ""


def check_name(name, names=NAMES):
    """Raises unless a name is in the catalogue; the message has those that are like it."""
    if name not in names:
        near = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "tfdml datasets lists them"
        hint = "it comes with tfdml, as an HDF5 file" if name == EMBEDDED else hint
        raise ValueError(f"Expected name to be an image set of the catalogue, received: {name!r} ({hint})")


def download_dataset(name, directory=None, *, progress=None):
    """Downloads the files of an image set, or goes on with it.

    Files that are here and as they should be are left as they are.

    Args:
        name: Name of the set, one of `tfdml.data.datasets`.
        directory: Folder of image sets; the files go to its subfolder `name`. Defaults to the variable
            `TFDML_DATA`, or `~/.tfdml/data`.
        progress: As in `tfdml.data.download_file`.

    Returns:
        The folder of the files.

    Raises:
        ValueError: There is no such set.
        OSError: A file cannot be fetched or written, or the set's terms forbid automatic downloads; the
            message tells what to fetch and where to put it.
    """
    check_name(name, tuple(SETS))
    info = SETS[name].info
    folder = data_dir(directory) / name
    for file in info.files:
        download_file(file, folder, progress=progress, note=info.manual)
    return folder


def ingest_dataset(name, directory=None, out=None, **options):
    """Writes an image set that was downloaded to an HDF5 file, or goes on with it.

    Args:
        name: Name of the set, one of `tfdml.data.datasets`.
        directory, out, options: As in `tfdml.data.DatasetIngestion`: `n`, `size`, `fit`, `fuel` and others.

    Returns:
        Path of the file.

    Raises:
        ValueError: There is no such set, an option is wrong, or its files are missing or damaged.
    """
    check_name(name, tuple(SETS))
    return SETS[name](directory, out, **options).start()


def load(name, split="train", *, by="retrieval", directory=None):
    """An image set by name.

    Args:
        name: `"emoji"`: 64x64 pictures of emoji, one class a Unicode code point, one image an artist;
            embedded in the package. Or a set that was downloaded and ingested: `tfdml datasets` lists them.
        split: `"train"`, `"validation"`, `"trainval"` (both), `"test"` or `"all"`; sets without a validation
            part have no such split. No class is in both the training and the test part: a model is tested
            on classes that it never saw. Defaults to `"train"`.
        by: `"retrieval"`, or `"classification"` for the split that has images of every class in each part.
            Defaults to `"retrieval"`.
        directory: Folder of image sets. Defaults to the variable `TFDML_DATA`, or `~/.tfdml/data`.

    Returns:
        An `ImageSet`.

    Raises:
        ValueError: There is no such set or split, or the set is not here yet.

    Example:

    >>> tfdml.data.load("emoji", split="test").image_shape
    (64, 64, 3)
    """
    check_name(name)
    return open_set(name, directory).part(split, by)


def open_set(name, directory=None):
    """The `StoredSet` of a name of the catalogue, or of the path of an HDF5 file.

    Raises:
        ValueError: The set is not here, or the file is none.
    """
    if name == EMBEDDED:
        return _open(_FILE, 0)
    path = data_dir(directory) / f"{name}.hdf5" if name in SETS else Path(name)
    if name in SETS and not path.is_file():
        raise ValueError(
            f"Expected {path} to be there, received: no file "
            f"(tfdml download {name}, then tfdml ingest -d {name}, makes it)"
        )
    return _open(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=4)
def _open(path, _changed):
    return open_hdf5(path)

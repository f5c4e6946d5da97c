"""`tfdml ingest`."""

from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tfdml import data
from tfdml.cli.parsing import parse

SOURCES = ("dataset", "folder", "csv", "tfds")
OPTIONS = {
    "out": {"type": str, "nargs": "?", "default": None, "help": "HDF5 file to write"},
    "-d,--dataset": {"type": str, "default": None, "help": "image set of the catalogue, downloaded before"},
    "--folder": {"type": str, "default": None, "help": "pictures of your own, one subfolder a class"},
    "--csv": {"type": str, "default": None, "help": "list of your own: path,label[,split]"},
    "--from": {"type": str, "default": None, "help": "tfds:NAME, a set of TensorFlow Datasets"},
    "-n,--n": {"type": int, "default": None, "help": "classes to draw at random (default: all)"},
    "--seed": {"type": int, "default": 0, "help": "decides which classes are drawn"},
    "--size": {"type": int, "default": None, "help": "side of the pictures in pixels"},
    "--fit": {
        "choices": ("crop", "pad", "stretch"),
        "default": "crop",
        "help": "shorter side to the size, longer side with padding, or both",
    },
    "--encoding": {
        "choices": ("raw", "jpeg", "png"),
        "default": "raw",
        "help": "raw pixels are faster to read, encoded ones smaller",
    },
    "--channels": {"choices": ("last", "first"), "default": "last", "help": "order of raw pixels"},
    "--fuel": {"action": "store_true", "help": "the layout of the first converters, for Fuel"},
    "--max_skipped": {"type": int, "default": 100, "help": "pictures that may be unreadable"},
    "--keep_unpacked": {"action": "store_true", "help": "leave the unpacked files for the next ingestion"},
    "--dir": {"type": str, "default": None, "help": "folder of image sets (default: ~/.tfdml/data)"},
}


def run(arguments):
    """Writes an image set, or pictures of the user's own, to an HDF5 file."""
    settings = parse("ingest", "Write pictures to an HDF5 file, or go on with it.", arguments, OPTIONS)
    given = {name: settings[name] for name in ("dataset", "folder", "csv", "from") if settings[name]}
    if len(given) != 1:
        raise ValueError(
            f"Expected one of -d, --folder, --csv and --from, received: {', '.join(given) or 'none of them'}"
        )
    ((source, value),) = given.items()
    options = {
        name: settings[name]
        for name in ("n", "seed", "size", "fit", "encoding", "channels", "fuel", "max_skipped")
    }
    with _bar() as progress:
        options |= {"note": print, "progress": progress}
        path = _ingest(source, value, settings, options)
    print(f"Written: {path}, {data.from_hdf5(path)} (tfdml train --data {path} trains on it)")


def _ingest(source, value, settings, options):
    if source == "dataset":
        options["keep_unpacked"] = settings.keep_unpacked
        return data.ingest_dataset(value, settings.dir, settings.out, **options)
    if settings.out is None:
        raise ValueError("Expected out to be the HDF5 file to write, received: none")
    if source == "from":
        kind, _, name = value.partition(":")
        if kind != "tfds" or not name:
            raise ValueError(f"Expected --from to be tfds:NAME, received: {value!r}")
        return data.ingest_tfds(name, settings.out, **options)
    return {"folder": data.ingest_folder, "csv": data.ingest_csv}[source](value, settings.out, **options)


@contextmanager
def _bar():
    """A bar on a terminal; a function `(done, total)` that moves it."""
    columns = "Pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None)

    def show(done, total):
        bar.start()  # not before there is something to show
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()

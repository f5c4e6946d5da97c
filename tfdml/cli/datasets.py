"""`tfdml datasets`."""

from tfdml import data
from tfdml.cli.parsing import parse
from tfdml.cli.tables import print_table

OPTIONS = {"--dir": {"type": str, "default": None, "help": "folder of image sets (default: ~/.tfdml/data)"}}


def run(arguments):
    """Prints the catalogue of image sets, and what of it is here."""
    settings = parse("datasets", "List the image sets that have a name.", arguments, OPTIONS)
    rows = [
        [
            entry.info.name,
            f"{entry.info.images:,}",
            f"{entry.info.classes:,}",
            size(entry.info.size),
            entry.state or ("by hand" if entry.info.manual else ""),
            entry.info.license,
            entry.info.source,
            entry.info.paper,
        ]
        for entry in data.datasets(settings.dir)
    ]
    columns = ["name", "images", "classes", "download", "here", "licence or terms", "source", "paper"]
    print_table(columns, rows, left=("licence or terms", "source", "paper"))


def size(count):
    """Bytes as a person says them; nothing where they are not known."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return ""

"""What is told of an ingestion: a file beside the HDF5 file, and counts that are not the published ones."""

import json


def report_path(out):
    """Path of the report of a file: `x.report.json` of `x.hdf5`, `x.h5.report.json` of `x.h5`."""
    return out.with_name(f"{out.name.removesuffix('.hdf5')}.report.json")


def write_report(path, part, selection, skipped, identity):
    """Writes what was ingested and what could not be read.

    Args:
        path: The file.
        part: Path on the same disk, which it has until it is whole.
        selection: A `Selection`.
        skipped: `{place: reason}` of the pictures that could not be read.
        identity: What the file was made from and how, a dictionary of plain values.
    """
    report = {
        **identity,
        "images": len(selection.samples) - len(skipped),
        "classes": [list(pair) for pair in zip(selection.class_ids, selection.class_names, strict=True)],
        "listed_by_split": {name: stop - start for name, (start, stop) in selection.ranges.items()},
        "skipped": [
            {"source": selection.samples[place].source, "reason": why} for place, why in skipped.items()
        ],
    }
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    # Names of files may hold bytes that are no text; the escape is the one that JSON has for them.
    part.write_text(text, encoding="utf-8", errors="backslashreplace")
    part.replace(path)


def is_of(path, identity):
    """Whether a report is of the same pictures, ingested the same way."""
    report = _read(path)
    return all(report.get(name) == value for name, value in identity.items())


def check_place(path):
    """Raises where a report would take the place of a file that is none."""
    if path.exists() and "recipe" not in _read(path):
        raise ValueError(f"Expected {path} to be free for the report, received: another file")


def _read(path):
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def check_published(info, selection, folder):
    """Raises where a whole set has other numbers of classes and images than its publishers say.

    Args:
        info: A `SetInfo`.
        selection: The `Selection` of all classes.
        folder: Where its files came from, for the message.
    """
    found = {"images": len(selection.samples), "classes": len(selection.class_ids)}
    found |= {f"images to {name}": stop - start for name, (start, stop) in selection.ranges.items()}
    wanted = {"images": info.images, "classes": info.classes}
    wanted |= {f"images to {name}": count for name, count in info.splits.items()}
    for what, count in wanted.items():
        if found.get(what, 0) != count:
            raise ValueError(
                f"Expected {info.title} to have {count} {what}, received: {found.get(what, 0)} "
                f"(the files in {folder} are not those that were published)"
            )

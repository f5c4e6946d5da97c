"""The `split` attribute by which Fuel's HDF5 files say which rows are in which split."""

import h5py
import numpy as np


def split_array(splits, sources):
    """The attribute's value: a row for each split and source.

    Args:
        splits: `{name: (start, stop)}`, rows from `start` on and before `stop`.
        sources: Names of the data sets that have these rows.
    """
    kinds = [
        ("split", f"S{max(len(name.encode()) for name in splits)}"),
        ("source", f"S{max(len(name) for name in sources)}"),
        ("start", np.int64),
        ("stop", np.int64),
        ("indices", h5py.special_dtype(ref=h5py.Reference)),
        ("available", np.bool_),
        ("comment", "S1"),
    ]
    rows = [
        (name.encode(), source.encode(), start, stop, h5py.Reference(), True, b".")
        for name, (start, stop) in splits.items()
        for source in sorted(sources)
    ]
    return np.array(rows, dtype=kinds)


def read_splits(file, source, count):
    """The rows of each split of a data set, `{name: int64 array}`.

    Args:
        file: An open `h5py.File`.
        source: Name of the data set.
        count: Rows that it has.

    Raises:
        ValueError: The attribute is none of Fuel's, its rows are outside the data set, or two splits overlap.
    """
    table = _table(file)
    splits, used = {}, np.zeros(count, bool)
    for row in table:
        if row["source"] != source.encode() or not row["available"]:
            continue
        try:
            name = row["split"].decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"a split whose name is no text: {row['split']!r}") from None
        rows = _rows(file, row, count, name)
        if name in splits or used[rows].any():
            raise ValueError(f"splits that overlap: {name!r} has rows of another")
        used[rows] = True
        splits[name] = rows
    if not splits:
        raise ValueError(f"a split attribute that says nothing of {source!r}")
    return splits


def _table(file):
    table = file.attrs["split"]
    named = getattr(table, "dtype", np.dtype("V")).names or ()
    wanted = {"split": "S", "source": "S", "start": "iu", "stop": "iu", "available": "biu"}
    if not set(wanted) <= set(named) or table.ndim != 1:
        raise ValueError("a split attribute of another form than Fuel's")
    if any(table.dtype[name].kind not in kinds for name, kinds in wanted.items()):
        raise ValueError("a split attribute of other types than Fuel's")
    return table


def _rows(file, row, count, name):
    """Rows of one split: a range, or those that a data set of indices lists."""
    indices = row["indices"] if "indices" in row.dtype.names else None
    if isinstance(indices, h5py.Reference) and indices:
        listed = file[indices]
        plain = isinstance(listed, h5py.Dataset) and not listed.external and not listed.is_virtual
        if not plain or listed.dtype.kind not in "iu" or listed.ndim != 1 or len(listed) > count:
            raise ValueError(f"a split {name!r} whose indices are no list of rows")
        # Fuel sorts them too.
        rows = np.sort(listed[:].astype("int64"))
        if len(rows) and (rows[0] < 0 or rows[-1] >= count or (np.diff(rows) == 0).any()):
            raise ValueError(f"a split {name!r} with rows outside 0 to {count - 1}, or twice the same")
        return rows
    start, stop = int(row["start"]), int(row["stop"])
    if not 0 <= start <= stop <= count:
        raise ValueError(f"a split {name!r} of rows {start} to {stop} in a file of {count}")
    return np.arange(start, stop)

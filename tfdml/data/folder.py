"""A user's own pictures: one folder a class."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tfdml.data.image_set import ImageSet
from tfdml.data.pictures import FITS, SUFFIXES, fit_picture, read_picture
from tfdml.data.stores import CachedStore, FileStore, cached


def from_folder(path, size=96, fit="crop", on_skip=None):
    """An image set of the pictures in a folder, whose subfolders are the classes.

    Every picture is read once to see that it can be; those that fit into 1 GB of memory stay there,
    larger sets are read again when needed. Files that are no pictures are left out.

    Args:
        path: Folder with one subfolder a class; the pictures of a class may lie deeper in it.
        size: Side of the pictures in pixels, 1 or more. Defaults to `96`.
        fit: `"crop"` (the middle square), `"pad"` (the whole picture on white) or `"stretch"`.
            Defaults to `"crop"`.
        on_skip: Function called with the message of each picture that cannot be read.

    Returns:
        An `ImageSet`; `sources` are the paths.

    Raises:
        ValueError: `path` is no folder, or is left with fewer than two classes.

    Example:

    >>> import cv2
    >>> for name in ("cats", "dogs"):
    ...     Path("pets", name).mkdir(parents=True)
    ...     _ = cv2.imwrite(f"pets/{name}/1.png", np.zeros((20, 30, 3), "uint8"))
    >>> tfdml.data.from_folder("pets", size=16)
    <ImageSet pets: 2 images of 2 classes>
    """
    root = Path(path)
    if size < 1:
        raise ValueError(f"Expected size to be 1 or more, received: {size}")
    if fit not in FITS:
        raise ValueError(f"Expected fit to be one of {', '.join(map(repr, FITS))}, received: {fit!r}")
    found = class_folders(root)
    paths = [file for files in found.values() for file in files]
    store = cached(FileStore(paths, size, fit))
    keep = _readable(store, paths, size, fit, on_skip)
    names = [name for name, files in found.items() for _ in files]
    class_names = sorted({names[i] for i in keep})
    if len(class_names) < 2:
        what = f"only {class_names[0]!r}" if class_names else "no picture that can be read"
        raise ValueError(f"Expected {root} to hold two classes or more (a subfolder each), received: {what}")
    numbers = {name: number for number, name in enumerate(class_names)}
    return ImageSet(
        store,
        [numbers[names[i]] for i in keep],
        class_names,
        root.resolve().name,
        [str(paths[i]) for i in keep],
        np.asarray(keep),
    )


def class_folders(root):
    """The paths of the pictures below each subfolder of a folder, `{name: paths}`, in order.

    Raises:
        ValueError: It is no folder, or there is no picture.
    """
    if not root.is_dir():
        raise ValueError(
            f"Expected {root} to be a folder with one subfolder a class, received: no folder there"
        )
    found = {folder.name: _pictures(folder) for folder in sorted(root.iterdir()) if _visible_folder(folder)}
    if not any(found.values()):
        raise ValueError(f"Expected {root} to hold pictures in one subfolder a class, received: none")
    return found


def _visible_folder(path):
    return path.is_dir() and not path.name.startswith(".")


def _pictures(folder):
    def refuse(error):
        raise error  # a folder that may not be read is not an empty one

    files = (Path(parent, name) for parent, _, names in os.walk(folder, onerror=refuse) for name in names)
    return sorted(file for file in files if file.suffix.lower() in SUFFIXES)


def _readable(store, paths, size, fit, on_skip):
    """Rows whose picture can be read; their pixels are kept where the store has a cache."""

    def attempt(row):
        try:
            return fit_picture(read_picture(paths[row]), size, fit), None
        except (ValueError, OSError) as error:
            return None, str(error)

    keep = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, (pixels, problem) in enumerate(pool.map(attempt, range(len(paths)))):
            if problem:
                if on_skip:
                    on_skip(problem)
                continue
            keep.append(row)
            if isinstance(store, CachedStore):
                store.put(row, pixels)
    return keep

"""Builds the embedded emoji set: one class per Unicode code point, one picture per artist.

    python tools/build_emoji.py                       # fetches the pinned packages with npm
    python tools/build_emoji.py --packages FOLDER     # FOLDER/<artist>/ holds each package, unpacked

Needs `resvg-py` (in the extra `test`), and npm unless the packages are at hand. The same packages and
the same versions of resvg-py, OpenCV and h5py give the same file, bit by bit.
"""

import argparse
import base64
import collections
import hashlib
import importlib.metadata
import json
import pathlib
import re
import subprocess
import tarfile
import unicodedata

import cv2
import h5py
import numpy as np
import resvg_py
from emoji_sources import EXCLUDED, FXEMOJI_NAMES, SOURCES

SIZE = 64
SEED = 2026
SPLITS = ("train", "validation", "test")
VALIDATION_SHARE = 0.15
ROOT = pathlib.Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "tfdml" / "data" / "emoji" / "emoji.hdf5"
LICENSE = (
    "Each picture is under the licence of its artist (attribute `sources`): Apache-2.0, CC-BY-4.0 or MIT. "
    "Credits and texts are in NOTICE, beside this file."
)


def fetch(source, folder):
    """Downloads a package into `folder` unless it is there, checks its hash, unpacks it; returns where."""
    archive = folder / f"iconify-json-{source.artist}-{source.version}.tgz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "pack", "--silent", f"{source.package}@{source.version}"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != source.integrity:
        raise ValueError(f"Expected {archive} to have {source.integrity}, received: sha512-{digest}")
    unpacked = folder / f"{source.artist}-{source.version}"
    with tarfile.open(archive) as contents:
        contents.extractall(unpacked, filter="data")
    return unpacked / "package"


def read_package(source, folder):
    """Returns a package's icon set, and its names by single code point (empty where it lists none)."""
    about = json.loads((folder / "package.json").read_text("utf-8"))
    found = (about["name"], about["version"], about["license"])
    wanted = (source.package, source.version, source.license)
    if found != wanted:
        raise ValueError(f"Expected {folder} to be {' '.join(wanted)}, received: {' '.join(found)}")
    icons = json.loads((folder / "icons.json").read_text("utf-8"))
    chars = folder / "chars.json"
    listed = json.loads(chars.read_text("utf-8")) if chars.exists() else {}
    # U+FE0F only asks for the coloured form; what is left of a sequence is not one code point.
    listed = {text.lower().replace("-fe0f", ""): name for text, name in listed.items()}
    return icons, {int(text, 16): name for text, name in sorted(listed.items()) if "-" not in text}


def is_emoji(code_point):
    """Leaves out Latin-1, lone halves of flags, skin tones, and private use."""
    return not (
        code_point <= 0xFF
        or 0x1F1E6 <= code_point <= 0x1F1FF
        or 0x1F3FB <= code_point <= 0x1F3FF
        or 0xE000 <= code_point <= 0xF8FF
        or code_point >= 0xF0000
    )


def code_points_of_names(packages):
    """Names that any set lists with a code point, and what the sets' aliases add to those.

    Names changed from one release of Unicode's list to the next. A set without code points uses the
    names of its time, and the aliases of the others tell which those are.
    """
    known = {}
    for _, listed in packages.values():
        for code_point, name in listed.items():
            known.setdefault(name, code_point)
    for icons, _ in packages.values():
        for alias, about in icons.get("aliases", {}).items():
            parent = about["parent"]
            if about.keys() & {"rotate", "hFlip", "vFlip"}:
                continue  # the mirrored drawing is of something else
            if parent in known:
                known.setdefault(alias, known[parent])
            elif alias in known:
                known.setdefault(parent, known[alias])
    return known


def code_points_of_fxemoji():
    """FxEmoji uses the formal names of Unicode, without spaces, where it has no name of its own."""
    formal = {}
    for code_point in range(0x80, 0x1FBFF):
        name = unicodedata.name(chr(code_point), "").lower()
        formal.setdefault(re.sub("[^a-z0-9]", "", name), code_point)
    return formal | FXEMOJI_NAMES


def match(packages):
    """Returns `{code point: {artist: name of the icon}}`, sorted, without what `EXCLUDED` lists."""
    known, formal = code_points_of_names(packages), code_points_of_fxemoji()
    matched = collections.defaultdict(dict)
    for artist, (icons, listed) in packages.items():
        drawn = {code_point: name for code_point, name in listed.items() if name in icons["icons"]}
        names = formal if artist == "fxemoji" else known
        for name in icons["icons"]:
            if name in names:
                drawn.setdefault(names[name], name)
        for code_point, name in drawn.items():
            if is_emoji(code_point) and (code_point, artist) not in EXCLUDED:
                matched[code_point][artist] = name
    return dict(sorted(matched.items()))


def render(icons, name):
    """Returns the icon on white, `(SIZE, SIZE, 3)` in OpenCV's order (BGR)."""
    icon = icons["icons"][name]

    def of(key, default):
        return icon.get(key, icons.get(key, default))

    box = f"{of('left', 0)} {of('top', 0)} {of('width', 16)} {of('height', 16)}"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{SIZE}" height="{SIZE}" viewBox="{box}">{icon["body"].replace("currentColor", "#000")}</svg>'
    )
    # Fonts differ between machines; the sets draw their letters as paths.
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=SIZE, height=SIZE, background="white", skip_system_fonts=True
    )
    picture = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_COLOR)
    # 86 levels a channel: no value moves by more than one of 255, black and white not at all, and the
    # file loses an eighth of its size.
    return ((picture.astype(np.uint16) + 1) // 3 * 3).astype(np.uint8)


def draw(packages, matched, fewest):
    """Returns `{code point: {artist: picture}}` without blank pictures and classes of fewer than `fewest`."""
    classes = {}
    for code_point, names in matched.items():
        if len(names) >= fewest:
            pictures = {artist: render(packages[artist][0], name) for artist, name in names.items()}
            pictures = {artist: picture for artist, picture in pictures.items() if picture.std() > 1}
            if len(pictures) >= fewest:
                classes[code_point] = pictures
    return classes


def encode(picture):
    """Lossless WebP: OpenCV takes any quality above 100 to mean that."""
    done, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
    if not done:
        raise ValueError("Expected OpenCV to be built with WebP")
    return encoded


def split_classes(count, seed=SEED):
    """Returns the split of each class: half to test, and a share of the rest to validation."""
    order = np.random.default_rng(seed).permutation(count)
    training = order[count // 2 :]
    splits = np.full(count, SPLITS.index("test"), np.uint8)
    splits[training] = SPLITS.index("train")
    splits[training[: round(VALIDATION_SHARE * len(training))]] = SPLITS.index("validation")
    return splits


def write(path, classes):
    """Writes the set under a temporary name and renames it: no reader ever sees half a file."""
    artists = [source.artist for source in SOURCES]
    keys = [(c, a) for c, p in enumerate(classes.values()) for a, name in enumerate(artists) if name in p]
    targets, artist = np.array(keys, np.int32).T
    pictures = list(classes.values())
    encoded = [encode(pictures[c][artists[a]]) for c, a in keys]
    datasets = {
        "images": np.concatenate(encoded),
        "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        "targets": targets,
        "splits": split_classes(len(classes))[targets],
        "class_names": np.array([unicodedata.name(chr(c)).lower().encode() for c in classes]),
        "code_points": np.array([f"{c:x}".encode() for c in classes]),
        "artists": np.array([name.encode() for name in artists]),
        "artist": artist.astype(np.uint8),
    }
    attributes = {
        "name": "emoji",
        "format": "tfdml-images",
        "format_version": 1,
        "encoding": "webp",
        "image_shape": [SIZE, SIZE, 3],
        "license": LICENSE,
        "sources": json.dumps(
            [
                {key: getattr(source, key) for key in ("package", "version", "license", "url", "artist")}
                for source in SOURCES
            ]
        ),
        "split_names": json.dumps(SPLITS),
        "rendered_with": f"resvg-py {importlib.metadata.version('resvg-py')}, OpenCV {cv2.__version__}",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        # A fixed range of file formats and no times: the bytes depend on the contents alone.
        with h5py.File(partial, "w", libver=("earliest", "v110")) as file:
            for name, value in attributes.items():
                file.attrs[name] = value
            for name, value in datasets.items():
                file.create_dataset(name, data=value, track_times=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return len(keys)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=OUTPUT, help="file to write")
    parser.add_argument("--packages", type=pathlib.Path, help="folder of unpacked packages, one per artist")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "emoji", help="download folder")
    parser.add_argument("--fewest", type=int, default=5, help="fewest pictures that make a class")
    options = parser.parse_args(arguments)

    packages = {}
    for source in SOURCES:
        folder = options.packages / source.artist if options.packages else fetch(source, options.work)
        packages[source.artist] = read_package(source, folder)
    classes = draw(packages, match(packages), options.fewest)
    if not classes:
        raise ValueError(f"Expected classes of at least {options.fewest} pictures, received: none")
    count = write(options.output, classes)
    digest = hashlib.sha256(options.output.read_bytes()).hexdigest()
    print(f"{count} pictures of {len(classes)} classes, {options.output.stat().st_size} bytes, {digest}")


if __name__ == "__main__":
    main()

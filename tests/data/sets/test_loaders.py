"""Agreement with public loaders of the same files.

Each function below reads the files by the rules of a loader that others use, in a few lines of its own, and
gives `(path, label, part)` of every picture: in the loader's order or, where it has none, in ours. These
are the converters of HDML (github.com/wzzheng/HDML, `datasets/*_converter.py`), torchvision 0.29
(`torchvision/datasets`), Open Metric Learning (`pipelines/datasets_converters/convert_inshop.py`), Avalanche
(`avalanche/benchmarks/datasets`) and `Washington_RGBD_Dataset`, which is in several repositories.
"""

import gzip
import pickle

import cv2
import h5py
import numpy as np
import pytest
from data.sets.layouts import LAYOUTS, small
from scipy.io import loadmat

from tfdml.data.sets import SETS


def hdml_cars196(downloads, root):
    pictures = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    annotations = sorted(
        loadmat(downloads / "cars_annos.mat")["annotations"].ravel(), key=lambda a: str(a[0][0])
    )
    labels = [int(annotation[5].item()) for annotation in annotations]
    test_head = labels.index(3)  # 99 in the whole set: the first of the second half of the classes
    return [
        (path, label, place >= test_head)
        for place, (path, label) in enumerate(zip(pictures, labels, strict=True))
    ]


def hdml_cub200_2011(_, root):
    top = root / "CUB_200_2011"
    paths, labels = (np.loadtxt(top / name, str) for name in ("images.txt", "image_class_labels.txt"))
    assert paths[:, 0].tolist() == labels[:, 0].tolist() == [str(i) for i in range(1, len(paths) + 1)]
    labels = labels[:, 1].astype(int).tolist()
    test_head = labels.index(3)  # 101 in the whole set
    return [(f"CUB_200_2011/images/{path}", labels[i], i >= test_head) for i, path in enumerate(paths[:, 1])]


def hdml_online_products(_, root):
    top = root / "Stanford_Online_Products"
    train, test = (np.loadtxt(top / f"Ebay_{part}.txt", str, skiprows=1) for part in ("train", "test"))
    records = np.concatenate([train, test])
    return [(f"{top.name}/{row[3]}", int(row[1]), i >= len(train)) for i, row in enumerate(records)]


def oml_inshop(downloads, _):
    rows = (downloads / "list_eval_partition.txt").read_text().split("\n")[1:]
    names, *rows = [[value for value in row.split(" ") if value] for row in rows if row]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return [(r["image_name"], r["item_id"], r["evaluation_status"]) for r in records]


def torchvision_flowers102(downloads, _):
    labels = dict(enumerate(loadmat(downloads / "imagelabels.mat", squeeze_me=True)["labels"].tolist(), 1))
    ids = loadmat(downloads / "setid.mat", squeeze_me=True)
    parts = {"train": "trnid", "validation": "valid", "test": "tstid"}
    found = [(i, part) for part, key in parts.items() for i in np.atleast_1d(ids[key]).tolist()]
    return [(f"jpg/image_{i:05d}.jpg", labels[i], part) for i, part in sorted(found)]


def torchvision_fgvc_aircraft(_, root):
    top = root / "fgvc-aircraft-2013b" / "data"
    found = []
    for name, part in (("train", "train"), ("val", "validation"), ("test", "test")):
        for line in (top / f"images_variant_{name}.txt").read_text().splitlines():
            image, variant = line.strip().split(" ", 1)
            found.append((f"fgvc-aircraft-2013b/data/images/{image}.jpg", variant, part))
    return found


def torchvision_omniglot(_, root):
    found = []
    for side in ("images_background", "images_evaluation"):
        target = root.parent / side / side
        alphabets = sorted(path.name for path in target.iterdir() if path.is_dir())
        characters = [
            f"{a}/{c.name}" for a in alphabets for c in sorted((target / a).iterdir()) if c.is_dir()
        ]
        for character in characters:
            pictures = sorted(path.name for path in (target / character).iterdir() if path.suffix == ".png")
            found += [
                (f"{side}/{character}/{name}", character, side == "images_evaluation") for name in pictures
            ]
    return found


def avalanche_tiny_imagenet(_, root):
    top = root / "tiny-imagenet-200"
    ids = (top / "wnids.txt").read_text().split()
    images = [path for i in ids for path in sorted((top / "train" / i / "images").iterdir())]
    found = [(path.relative_to(root).as_posix(), path.parts[-3], "train") for path in images]
    rows = [line.split("\t") for line in (top / "val" / "val_annotations.txt").read_text().splitlines()]
    return found + [(f"tiny-imagenet-200/val/images/{row[0]}", row[1], "validation") for row in rows]


def avalanche_core50(_, root):
    # Its lists have s<session>/o<object>/C_<session>_<object>_<frame>.png, its labels are the objects from 0;
    # sessions 3, 7 and 10 are the list of the test.
    top = root / "core50_128x128"
    found = []
    for session in range(1, 12):
        for label in range(50):
            names = sorted(
                (top / f"s{session}" / f"o{label + 1}").glob(f"C_{session:02}_{label + 1:02}_*.png")
            )
            part = "test" if session in (3, 7, 10) else "train"
            found += [(path.relative_to(root).as_posix(), f"o{label + 1}", part) for path in names]
    return found


def washington_rgbd_object(_, root):
    found = []
    for category in sorted(path for path in (root / "rgbd-dataset").iterdir() if path.is_dir()):
        instances = sorted(category.iterdir(), key=lambda path: int(path.name.split("_")[-1]))
        for instance in instances:
            crops = [path for path in instance.iterdir() if path.name.endswith("_crop.png")]
            crops.sort(key=lambda path: [int(n) for n in path.name.removesuffix("_crop.png").split("_")[-2:]])
            found += [(path.relative_to(root).as_posix(), category.name, "") for path in crops]
    return found


def torchvision_cifar(_, root, top, files, key):
    found = []
    for name in files:
        entry = pickle.loads((root / top / name).read_bytes(), encoding="latin1")
        part = "test" if name.startswith("test") else "train"
        images = np.vstack([entry["data"]]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        found += [(f"{name}/{i}", label, part, images[i]) for i, label in enumerate(entry[key])]
    return found


def torchvision_cifar10(downloads, root):
    files = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return torchvision_cifar(downloads, root, "cifar-10-batches-py", files, "labels")


def torchvision_cifar100(downloads, root):
    return torchvision_cifar(downloads, root, "cifar-100-python", ["train", "test"], "fine_labels")


def torchvision_fashion_mnist(downloads, _):
    found = []
    for name, part in (("train", "train"), ("t10k", "test")):
        images, labels = (
            np.frombuffer(
                gzip.decompress((downloads / f"{name}-{kind}-ubyte.gz").read_bytes()), "uint8", offset=head
            )
            for kind, head in (("images-idx3", 16), ("labels-idx1", 8))
        )
        images = images.reshape(-1, 28, 28)
        found += [(f"{name}/{i}", label, part, images[i]) for i, label in enumerate(labels.tolist())]
    return found


LOADERS = {
    "cars196": hdml_cars196,
    "cub200_2011": hdml_cub200_2011,
    "online_products": hdml_online_products,
    "inshop": oml_inshop,
    "flowers102": torchvision_flowers102,
    "fgvc_aircraft": torchvision_fgvc_aircraft,
    "omniglot": torchvision_omniglot,
    "tiny_imagenet": avalanche_tiny_imagenet,
    "core50": avalanche_core50,
    "rgbd_object": washington_rgbd_object,
    "cifar10": torchvision_cifar10,
    "cifar100": torchvision_cifar100,
    "fashion_mnist": torchvision_fashion_mnist,
}


@pytest.mark.parametrize("name", SETS)
def test_pictures_labels_and_splits_are_those_of_a_public_loader(name, tmp_path):
    LAYOUTS[name](tmp_path / name)
    ingestion = SETS[name](tmp_path)
    ingestion.decompress()
    samples = ingestion.get_samples()
    splits = ingestion.get_test_samples(samples)
    found = LOADERS[name](
        ingestion.downloads, ingestion.folder / ingestion.info.files[0].name.partition(".")[0]
    )
    assert len(found) == len(samples) > 0
    for (path, label, part, *image), sample, split, payload in zip(
        found, samples, splits, ingestion.payloads(samples), strict=True
    ):
        assert (sample.source, sample.class_id) == (path, str(label))
        if isinstance(part, bool):
            assert split == ("test" if part else "train")
        else:
            assert part in (sample.classification, sample.retrieval)
        if image:
            assert np.array_equal(payload, image[0])
        else:
            assert payload.is_file() and payload.as_posix().endswith(path)


@pytest.mark.parametrize("name", ["cars196", "cub200_2011", "online_products"])
def test_fuel_files_hold_what_the_converters_of_hdml_wrote(name, tmp_path):
    """The same pictures in the same order, squared as they did it; the labels; where the splits begin."""
    ingestion = small(name, tmp_path, fuel=True, keep_unpacked=True)
    with h5py.File(ingestion.start()) as file:
        found = LOADERS[name](ingestion.downloads, ingestion.root)
        test_head = [test for *_, test in found].index(True)
        for place, (path, label, _) in enumerate(found):
            picture = cv2.cvtColor(
                cv2.imread(str(ingestion.root / path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
            )
            assert np.array_equal(file["images"][place], cv2.resize(picture, (256, 256)).transpose(2, 0, 1))
            assert file["targets"][place].tolist() == [label]
        rows = [[*row][:4] for row in file.attrs["split"].tolist()]
        assert len(file["images"]) == len(found)
    places = {b"train": [0, test_head], b"test": [test_head, len(found)]}
    assert sorted(rows) == sorted(
        [split, source, *place] for split, place in places.items() for source in (b"images", b"targets")
    )

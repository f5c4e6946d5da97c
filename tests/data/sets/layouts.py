"""Small archives in the layout in which each image set is published.

`LAYOUTS[name](folder)` writes the files that a download of the set would leave in `folder` and returns what
is in them; `small(name, directory)` is an ingestion of them.
"""

import gzip
import struct
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from data.sets.publishing import encoded, lines, pixels, python2_pickle, write_tar, write_zip
from scipy.io import savemat

from tfdml.data.sets import SETS


@dataclass
class Expected:
    """How many pictures and classes there are, and how many pictures in each part of each split."""

    images: int
    classes: int
    splits: dict
    classification: dict = field(default_factory=dict)


def small(name, directory, **options):
    """An ingestion of a small archive of a set in `directory`, as if its counts were published."""
    expected = LAYOUTS[name](directory / name)
    return ingestion_of(name, expected)(directory, **options)


def ingestion_of(name, expected):
    """The class that ingests a set, with other published counts."""
    info = SETS[name].info
    counts = {"images": expected.images, "classes": expected.classes, "splits": expected.splits}
    return type(SETS[name].__name__, (SETS[name],), {"info": replace(info, **counts)})


def cars196(folder):
    # Neither the annotations nor the members are in order, and some classes have more pictures than others.
    labels = {5: 3, 1: 1, 4: 2, 2: 1, 3: 1, 6: 4, 7: 4}
    write_tar(folder / "car_ims.tgz", {f"car_ims/{i:06}.jpg": encoded(i) for i in labels})
    fields = ("relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test")
    annotations = np.empty((1, len(labels)), [(name, object) for name in fields])
    for place, (i, label) in enumerate(labels.items()):
        numbers = [np.array([[value]], "uint8") for value in (1, 2, 30, 20, label, i % 2)]
        annotations[0, place] = (f"car_ims/{i:06}.jpg", *numbers)
    names = np.empty((1, 4), object)
    names[0] = [
        "AM General Hummer SUV 2000",
        "Acura RL Sedan 2012",
        "Audi TT Coupe 2012",
        "Ram C/V Cargo Van 2012",
    ]
    savemat(folder / "cars_annos.mat", {"annotations": annotations, "class_names": names})
    return Expected(7, 4, {"train": 4, "test": 3}, {"train": 3, "test": 4})


def cub200_2011(folder):
    classes = [
        "001.Black_footed_Albatross",
        "002.Laysan_Albatross",
        "003.Sooty_Albatross",
        "004.Groove_billed_Ani",
    ]
    pictures = [
        (label, f"{classes[label - 1]}/Bird_{i:04}.jpg") for i, label in enumerate((1, 1, 2, 3, 3, 3, 4), 1)
    ]
    top = "CUB_200_2011"
    files = {f"{top}/images/{path}": encoded(i) for i, (_, path) in enumerate(pictures, 1)}
    write_tar(
        folder / "CUB_200_2011.tgz",
        {
            "attributes.txt": b"1 has_bill_shape::curved_(up_or_down)\n",
            f"{top}/classes.txt": lines(enumerate(classes, 1)),
            f"{top}/images.txt": lines((i, path) for i, (_, path) in enumerate(pictures, 1)),
            f"{top}/image_class_labels.txt": lines((i, label) for i, (label, _) in enumerate(pictures, 1)),
            f"{top}/train_test_split.txt": lines((i, i % 2) for i in range(1, len(pictures) + 1)),
            **files,
        },
    )
    return Expected(7, 4, {"train": 3, "test": 4}, {"train": 4, "test": 3})


def online_products(folder):
    header = ("image_id", "class_id", "super_class_id", "path")
    train = [(1, 1, 1, "bicycle_final/111_0.JPG"), (2, 1, 1, "bicycle_final/111_1.JPG")]
    train += [(3, 2, 4, "coffee_maker_final/222_0.JPG")]
    test = [(4, 3, 1, "bicycle_final/333_0.JPG"), (5, 4, 4, "coffee_maker_final/444_0.JPG")]
    test += [(6, 4, 4, "coffee_maker_final/444_1.JPG"), (7, 4, 4, "coffee_maker_final/444_2.JPG")]
    top = "Stanford_Online_Products"
    write_zip(
        folder / "Stanford_Online_Products.zip",
        {
            f"{top}/Ebay_info.txt": lines([header, *train, *test]),
            f"{top}/Ebay_train.txt": lines([header, *train]),
            f"{top}/Ebay_test.txt": lines([header, *test]),
            f"{top}/bicycle_final.txt": b"not read\n",
            **{f"{top}/{row[3]}": encoded(row[0], ".jpg") for row in train + test},
        },
    )
    return Expected(7, 4, {"train": 3, "test": 4})


def inshop(folder):
    rows = [
        ("img/WOMEN/Dresses/id_00000002/02_1_front.jpg", "id_00000002", "train"),
        ("img/WOMEN/Dresses/id_00000002/02_2_side.jpg", "id_00000002", "train"),
        ("img/MEN/Denim/id_00000080/01_1_front.jpg", "id_00000080", "query"),
        ("img/MEN/Denim/id_00000080/01_2_side.jpg", "id_00000080", "gallery"),
        ("img/MEN/Denim/id_00000080/01_3_back.jpg", "id_00000080", "gallery"),
        ("img/WOMEN/Tees_Tanks/id_00000001/02_1_front.jpg", "id_00000001", "query"),
        ("img/WOMEN/Tees_Tanks/id_00000001/02_3_back.jpg", "id_00000001", "gallery"),
    ]
    write_zip(folder / "img.zip", {row[0]: encoded(i) for i, row in enumerate(rows)})
    head = f"{len(rows)}\nimage_name item_id evaluation_status\n"
    text = head + "".join(f"{path:<70} {item} {status:<10}\n" for path, item, status in rows)
    (folder / "list_eval_partition.txt").write_text(text, encoding="utf-8", newline="\n")
    return Expected(7, 3, {"train": 2, "query": 2, "gallery": 3})


def flowers102(folder):
    labels = (77, 1, 51, 52, 102, 1)
    write_tar(folder / "102flowers.tgz", {f"jpg/image_{i:05}.jpg": encoded(i) for i in range(1, 7)})
    savemat(folder / "imagelabels.mat", {"labels": np.array([labels], "uint8")})
    ids = {"trnid": [[6, 3]], "valid": [[1]], "tstid": [[2, 5, 4]]}
    savemat(folder / "setid.mat", {name: np.array(values, "uint16") for name, values in ids.items()})
    return Expected(6, 5, {"train": 3, "test": 3}, {"train": 2, "validation": 1, "test": 3})


def omniglot(folder):
    def drawings(side, characters):
        bilevel = [cv2.IMWRITE_PNG_BILEVEL, 1]
        picture = np.full((105, 105), 255, "uint8")
        picture[50:55, 20:80] = 0
        content = cv2.imencode(".png", picture, bilevel)[1].tobytes()
        names = [f"{side}/{name}/{i:04}_{j:02}.png" for i, name in enumerate(characters, 1) for j in (1, 2)]
        write_zip(folder / f"{side}.zip", {f"{side}/": b"", **dict.fromkeys(names, content)})

    drawings(
        "images_background", ["Korean/character01", "Korean/character02", "Japanese_(katakana)/character01"]
    )
    drawings("images_evaluation", ["Tengwar/character01"])
    return Expected(8, 4, {"train": 6, "test": 2})


def fgvc_aircraft(folder):
    variants = ["Boeing 707-320", "F/A-18", "Cessna 172", "A300B4"]
    lists = {"train": [(1, 0), (2, 1), (3, 2)], "val": [(4, 0), (5, 3)], "test": [(6, 1), (7, 3), (8, 3)]}
    top = "fgvc-aircraft-2013b/data"
    files = {f"{top}/variants.txt": lines((name,) for name in variants)}
    for part, rows in lists.items():
        files[f"{top}/images_variant_{part}.txt"] = lines((f"{i:07}", variants[label]) for i, label in rows)
        files |= {f"{top}/images/{i:07}.jpg": aircraft(i) for i, _ in rows}
    write_tar(folder / "fgvc-aircraft-2013b.tar.gz", files)
    return Expected(8, 4, {"train": 4, "test": 4}, {"train": 3, "validation": 2, "test": 3})


def aircraft(number):
    """A dark picture with a white banner of 20 rows below it."""
    picture = pixels(number, 60, 40) // 4
    return cv2.imencode(".jpg", np.vstack([picture, np.full((20, 40, 3), 255, "uint8")]))[1].tobytes()


def tiny_imagenet(folder):
    ids = ["n02124075", "n04067472", "n01443537", "n02423022"]
    top = "tiny-imagenet-200"
    words = [
        ("n00001740", "entity"),
        ("n01443537", "goldfish, Carassius auratus"),
        ("n02124075", "Egyptian cat"),
    ]
    words += [("n02423022", "gazelle"), ("n04067472", "reel"), ("n15300051", "nocturne")]
    files = {f"{top}/wnids.txt": "\n".join(ids).encode(), f"{top}/words.txt": lines(words, "\t")}
    for number, name in enumerate(ids):
        boxes = [(f"{name}_{i}.JPEG", 0, 10, 63, 58) for i in range(3)]
        files[f"{top}/train/{name}/{name}_boxes.txt"] = lines(boxes, "\t")
        files |= {
            f"{top}/train/{name}/images/{box[0]}": encoded(10 * number + i) for i, box in enumerate(boxes)
        }
    annotations = [(f"val_{i}.JPEG", name, 0, 32, 44, 62) for i, name in enumerate([ids[2], ids[0], ids[2]])]
    files[f"{top}/val/val_annotations.txt"] = lines(annotations, "\t")
    files |= {f"{top}/val/images/val_{i}.JPEG": encoded(20 + i) for i in range(3)}
    files |= {f"{top}/test/images/test_{i}.JPEG": encoded(30 + i) for i in range(2)}
    write_zip(folder / "tiny-imagenet-200.zip", files)
    return Expected(15, 4, {"train": 7, "test": 8}, {"train": 12, "validation": 3})


def core50(folder):
    sizes = {"height": 16, "width": 16}
    files = {
        f"core50_128x128/s{session}/o{thing}/C_{session:02}_{thing:02}_{frame:03}.png": encoded(
            frame + thing, ".png", **sizes
        )
        for session in (11, 1, 3, 10, 2)
        for thing in (2, 10, 26, 50)
        for frame in (0, 10)
    }
    write_zip(folder / "core50_128x128.zip", files)
    return Expected(40, 4, {"train": 20, "test": 20}, {"train": 24, "test": 16})


def rgbd_object(folder):
    files = {}
    for category, thing in (("food_bag", 10), ("food_bag", 2), ("apple", 1), ("cell_phone", 1), ("ball", 3)):
        for film, frame in ((1, 1), (1, 11), (4, 6)):
            stem = f"rgbd-dataset/{category}/{category}_{thing}/{category}_{thing}_{film}_{frame}"
            files |= {
                f"{stem}_{kind}.png": encoded(frame, ".png") for kind in ("crop", "depthcrop", "maskcrop")
            }
            files[f"{stem}_loc.txt"] = b"300,200\n"
    write_zip(folder / "rgbd-dataset_eval.zip", files)
    return Expected(15, 4, {"train": 6, "test": 9})


def cifar10(folder):
    rng = np.random.default_rng(0)

    def batch(labels):
        data = rng.integers(0, 256, (len(labels), 3072), "uint8")
        names = [b"name.png"] * len(labels)
        return python2_pickle({"batch_label": "a batch", "labels": labels, "data": data, "filenames": names})

    top = "cifar-10-batches-py"
    files = {f"{top}/data_batch_{i}": batch([i % 4, 3, 0]) for i in range(1, 6)}
    files[f"{top}/test_batch"] = batch([0, 1, 2, 2])
    files[f"{top}/batches.meta"] = python2_pickle(
        {"num_cases_per_batch": 3, "label_names": ["airplane", "automobile", "bird", "cat"], "num_vis": 3072}
    )
    files[f"{top}/readme.html"] = b"<html></html>"
    write_tar(folder / "cifar-10-python.tar.gz", files)
    # Labels 1, 2, 3, 0, 1, and five times 3 and 0; then 0, 1, 2, 2.
    return Expected(19, 4, {"train": 10, "test": 9}, {"train": 15, "test": 4})


def cifar100(folder):
    data = np.random.default_rng(0).integers(0, 256, (5, 3072), "uint8")

    def batch(labels, rows):
        return python2_pickle({"fine_labels": labels, "coarse_labels": [0] * len(labels), "data": data[rows]})

    names = {"fine_label_names": ["apple", "beaver"], "coarse_label_names": ["aquatic_mammals"]}
    files = {
        "train": batch([1, 0, 1], slice(3)),
        "test": batch([0, 1], slice(3, 5)),
        "meta": python2_pickle(names),
    }
    write_tar(
        folder / "cifar-100-python.tar.gz", {f"cifar-100-python/{name}": file for name, file in files.items()}
    )
    return Expected(5, 2, {"train": 2, "test": 3}, {"train": 3, "test": 2})


def fashion_mnist(folder):
    folder.mkdir(parents=True, exist_ok=True)
    labels = {"train": [9, 0, 4, 0], "t10k": [5, 0]}
    for name, values in labels.items():
        count = len(values)
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), "uint8")
        for kind, array in (("images-idx3", images), ("labels-idx1", np.array(values, "uint8"))):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))
    return Expected(6, 4, {"train": 4, "test": 2}, {"train": 4, "test": 2})


LAYOUTS = {
    function.__name__: function
    for function in (
        cars196,
        cub200_2011,
        online_products,
        inshop,
        flowers102,
        fgvc_aircraft,
        omniglot,
        tiny_imagenet,
        core50,
        rgbd_object,
        cifar10,
        cifar100,
        fashion_mnist,
    )
}

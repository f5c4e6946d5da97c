"""Annotation files that are not as published."""

import numpy as np
import pytest
from data.sets.layouts import LAYOUTS
from data.sets.publishing import python2_pickle
from scipy.io import loadmat, savemat

from tfdml.data.ingestion import Sample
from tfdml.data.sets import SETS
from tfdml.data.sets.tables import inside, one_of, read_numbered, read_table


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_converted(tmp_path):
    path = write(tmp_path / "list.txt", "id path\n1 a/b.jpg\n22 c.jpg\n")
    assert read_table(path, {"id": int, "path": inside}, skip=1) == [(1, "a/b.jpg"), (22, "c.jpg")]


def test_the_last_column_may_have_spaces(tmp_path):
    path = write(tmp_path / "list.txt", "1 Boeing 707\n")
    assert read_table(path, {"id": int, "name": str}, rest=True) == [(1, "Boeing 707")]


@pytest.mark.parametrize(
    "line", ["2", "2 b c", "b 2", "2 ../b", "2 /b", "2 C:/b", "2 a\\..\\b", "2 //host/b"]
)
def test_a_wrong_line_is_named(line, tmp_path):
    path = write(tmp_path / "list.txt", f"1 a\n{line}\n")
    with pytest.raises(ValueError, match=r"Expected line 2 of .*list.txt to be <id> <path>, received: "):
        read_table(path, {"id": int, "path": inside})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"to be a file, received: .*none.txt"):
        read_table(tmp_path / "none.txt", {"id": int})


def test_numbers_must_count_from_one(tmp_path):
    assert read_numbered(write(tmp_path / "a.txt", "1 x\n2 y z\n"), "name", str) == ["x", "y z"]
    with pytest.raises(ValueError, match=r"line 2 of .*b.txt to have the number 2, received: 3"):
        read_numbered(write(tmp_path / "b.txt", "1 x\n3 y\n"), "name", str)


def test_one_of_knows_its_values():
    assert one_of("a", "b")("b") == "b"
    with pytest.raises(ValueError, match="c"):
        one_of("a", "b")("c")


def unpacked(name, directory):
    LAYOUTS[name](directory / name)
    ingestion = SETS[name](directory)
    ingestion.decompress()
    return ingestion


LISTS = {
    "cub200_2011": ["classes.txt", "images.txt", "image_class_labels.txt", "train_test_split.txt"],
    "online_products": ["Ebay_train.txt", "Ebay_test.txt"],
    "fgvc_aircraft": ["variants.txt", *(f"images_variant_{part}.txt" for part in ("train", "val", "test"))],
    "tiny_imagenet": ["words.txt", "wnids.txt", "val_annotations.txt", "n02124075_boxes.txt"],
    "cifar10": ["batches.meta", "data_batch_3", "test_batch"],
    "cifar100": ["meta", "train", "test"],
}


@pytest.mark.parametrize("name, file", [(name, file) for name, files in LISTS.items() for file in files])
def test_a_list_that_is_missing_in_the_archive_is_named(name, file, tmp_path):
    ingestion = unpacked(name, tmp_path)
    next(path for path in ingestion.root.rglob(file) if path.is_file()).unlink()
    with pytest.raises(ValueError, match=rf"to be a file, received: .*{file}"):
        ingestion.get_classes(), ingestion.get_samples()


WRONG = [
    ("cub200_2011", "image_class_labels.txt", 3, "3 5", "<class_id>"),
    ("cub200_2011", "images.txt", 2, "7 a.jpg", "the number 2"),
    ("cub200_2011", "images.txt", 2, "2 ../../a.jpg", "<image_name>"),
    ("cub200_2011", "train_test_split.txt", 1, "1 2", "<is_training_image>"),
    ("online_products", "Ebay_test.txt", 2, "4 3 bicycle_final/333_0.JPG", "<image_id> <class_id>"),
    ("online_products", "Ebay_train.txt", 3, "2 x 1 bicycle_final/111_1.JPG", "<image_id> <class_id>"),
    ("fgvc_aircraft", "images_variant_val.txt", 1, "0000004 Boeing 708", "<variant>"),
    ("tiny_imagenet", "wnids.txt", 4, "n00000000", "be <id>"),
    ("tiny_imagenet", "words.txt", 2, "../../etc\tpasswd", "<id> <words>"),
    ("tiny_imagenet", "val_annotations.txt", 3, "val_2.JPEG\tn00000000\t0\t0\t1\t1", "<image> <id>"),
    ("tiny_imagenet", "n02124075_boxes.txt", 2, "/etc/passwd\t0\t0\t1\t1", "<image>"),
]


@pytest.mark.parametrize("name, file, number, line, expected", WRONG)
def test_a_wrong_line_of_a_list_is_named(name, file, number, line, expected, tmp_path):
    ingestion = unpacked(name, tmp_path)
    path = next(ingestion.root.rglob(file))
    text = path.read_text("utf-8").splitlines()
    text[number - 1] = line
    write(path, "\n".join(text))
    with pytest.raises(ValueError, match=rf"Expected line {number} of .*{file} to .*{expected}"):
        ingestion.get_samples()


def test_lists_of_birds_must_have_the_same_length(tmp_path):
    ingestion = unpacked("cub200_2011", tmp_path)
    path = next(ingestion.root.rglob("train_test_split.txt"))
    write(path, "\n".join(path.read_text("utf-8").splitlines()[:-1]))
    with pytest.raises(ValueError, match="as many lines, received: 7, 7 and 6"):
        ingestion.get_samples()


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("train", "training", r"line 3 of .* to be <image_name> <item_id> <evaluation_status>"),
        ("7\n", "8\n", "to have 8 rows as its first line says, received: 7"),
    ],
)
def test_the_list_of_clothes_is_checked(old, new, expected, tmp_path):
    ingestion = unpacked("inshop", tmp_path)
    path = tmp_path / "inshop" / "list_eval_partition.txt"
    write(path, path.read_text("utf-8").replace(old, new, 1))
    with pytest.raises(ValueError, match=expected):
        ingestion.get_samples()


@pytest.mark.parametrize("file, name", [("imagelabels.mat", "labels"), ("setid.mat", "tstid")])
@pytest.mark.parametrize("wrong", [0, 103, None])
def test_the_numbers_of_flowers_are_checked(file, name, wrong, tmp_path):
    ingestion = unpacked("flowers102", tmp_path)
    path = tmp_path / "flowers102" / file
    content = {key: value for key, value in loadmat(path).items() if not key.startswith("_")}
    content[name] = content[name] + 0.5 if wrong is None else np.full_like(content[name], wrong)
    savemat(path, content)
    with pytest.raises(ValueError, match=rf"Expected {name} of .*{file} to be integers from 1 to "):
        ingestion.get_samples()


def test_a_flower_is_in_one_part_alone(tmp_path):
    ingestion = unpacked("flowers102", tmp_path)
    ids = {"trnid": np.array([[1, 2]]), "valid": np.array([[3, 2]]), "tstid": np.array([[4]])}
    savemat(tmp_path / "flowers102" / "setid.mat", ids)
    with pytest.raises(
        ValueError, match=r"setid.mat to have each picture once, received: 2 in validation and train"
    ):
        ingestion.get_samples()


@pytest.mark.parametrize(
    "field, value", [("class", 5), ("class", 0), ("test", 2), ("relative_im_path", "../1.jpg")]
)
def test_annotations_of_cars_are_checked(field, value, tmp_path):
    ingestion = unpacked("cars196", tmp_path)
    path = tmp_path / "cars196" / "cars_annos.mat"
    content = loadmat(path)
    content["annotations"][field][0, 2] = value
    savemat(path, {name: content[name] for name in ("annotations", "class_names")})
    with pytest.raises(
        ValueError, match=r"Expected annotation 3 of .*cars_annos.mat to have a path, a class from 1"
    ):
        ingestion.get_samples()


@pytest.mark.parametrize("annotations", [np.zeros(3), {"class": np.ones(3)}])
def test_annotations_of_cars_must_have_the_fields(annotations, tmp_path):
    ingestion = unpacked("cars196", tmp_path)
    path = tmp_path / "cars196" / "cars_annos.mat"
    savemat(path, {"class_names": loadmat(path)["class_names"], "annotations": annotations})
    with pytest.raises(ValueError, match=r"Expected annotations of .*cars_annos.mat to be a struct array"):
        ingestion.get_samples()


@pytest.mark.parametrize("content", [{}, {"class_names": np.ones(4)}])
def test_the_names_of_cars_must_be_texts(content, tmp_path):
    ingestion = unpacked("cars196", tmp_path)
    savemat(tmp_path / "cars196" / "cars_annos.mat", content)
    with pytest.raises(ValueError, match=r"Expected class_names of .*cars_annos.mat to be texts"):
        ingestion.get_classes()


@pytest.mark.parametrize(
    "name, path",
    [
        ("core50", "core50_128x128/s3/o2/C_03_04_000.png"),
        ("core50", "core50_128x128/s3/o51/C_03_51_000.png"),
        ("core50", "core50_128x128/s12/o1/C_12_01_000.png"),
        ("rgbd_object", "rgbd-dataset/apple/apple_1/pear_1_1_1_crop.png"),
        ("rgbd_object", "rgbd-dataset/fruit/apple_1/apple_1_1_1_crop.png"),
    ],
)
def test_a_picture_in_the_wrong_folder_is_named(name, path, tmp_path):
    ingestion = unpacked(name, tmp_path)
    (ingestion.root / path).parent.mkdir(parents=True, exist_ok=True)
    (ingestion.root / path).write_bytes(b"")
    with pytest.raises(ValueError, match=rf"Expected .* received: {path}"):
        ingestion.get_samples()


def test_pickles_without_pictures_are_refused(tmp_path):
    ingestion = unpacked("cifar10", tmp_path)
    meta = next(ingestion.root.rglob("batches.meta"))
    meta.replace(meta.with_name("data_batch_4"))
    with pytest.raises(ValueError, match=r"data_batch_4 to have a list labels, received: NoneType"):
        ingestion.get_samples()


def test_pixels_of_another_shape_are_refused(tmp_path):
    ingestion = unpacked("cifar100", tmp_path)
    samples = ingestion.get_samples()
    path = next(ingestion.root.rglob("test"))
    path.write_bytes(python2_pickle({"fine_labels": [0, 1], "data": np.zeros((2, 3071), "uint8")}))
    with pytest.raises(
        ValueError, match=r"Expected data of .*test to be uint8 \(2, 3072\), received: uint8 \(2, 3071\)"
    ):
        list(ingestion.payloads(samples))


@pytest.mark.parametrize(
    "other, expected",
    [
        (
            "train-labels-idx1-ubyte.gz",
            r"t10k-images-idx3-ubyte.gz to be uint8 of rank 3, received: uint8 \(4,\)",
        ),
        (
            "train-images-idx3-ubyte.gz",
            r"t10k-images-idx3-ubyte.gz to have 2 pictures, one a label, received: 4",
        ),
    ],
)
def test_images_that_do_not_fit_their_labels_are_refused(other, expected, tmp_path):
    folder = tmp_path / "fashion_mnist"
    LAYOUTS["fashion_mnist"](folder)
    (folder / other).replace(folder / "t10k-images-idx3-ubyte.gz")
    with pytest.raises(ValueError, match=expected):
        list(SETS["fashion_mnist"](tmp_path).payloads([Sample("0", "t10k/0")]))


def test_an_empty_list_of_clothes_is_refused(tmp_path):
    ingestion = unpacked("inshop", tmp_path)
    write(tmp_path / "inshop" / "list_eval_partition.txt", "")
    with pytest.raises(ValueError, match="rows as its first line says"):
        ingestion.get_samples()

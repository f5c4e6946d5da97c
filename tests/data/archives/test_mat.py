import struct
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from tfdml.data.archives import read_mat


def cars(count):
    """Annotations in the layout of cars_annos.mat of Cars196."""
    fields = "relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"
    annotations = np.zeros((1, count), [(field, object) for field in fields])
    for n in range(count):
        annotations[0, n] = (f"car_ims/{n + 1:06d}.jpg", n, 2, 300 + n, 70000, n % 3 + 1, n % 2)
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Ébène"], object)[None]
    return {"annotations": annotations, "class_names": names}


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("packed", [True, False])
def test_struct_arrays_are_columns(tmp_path, count, packed):
    scipy.io.savemat(tmp_path / "cars_annos.mat", cars(count), do_compression=packed)
    read = read_mat(tmp_path / "cars_annos.mat")
    columns = read["annotations"]
    assert columns["relative_im_path"].tolist() == [f"car_ims/{n + 1:06d}.jpg" for n in range(count)]
    assert columns["class"].tolist() == [n % 3 + 1 for n in range(count)]
    assert columns["bbox_x2"].tolist() == [300 + n for n in range(count)]
    assert columns["test"].shape == (count,)
    assert read["class_names"].tolist() == ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Ébène"]


@pytest.mark.parametrize("format_", ["4", "5"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f8"])
def test_vectors_have_one_dimension(tmp_path, format_, dtype):
    labels = np.arange(8189).astype(dtype)
    variables = {"labels": labels[None], "column": labels[:, None], "one": np.array([[3]], dtype)}
    variables |= {"matrix": np.arange(6).reshape(2, 3).astype(dtype), "nothing": np.zeros((0, 0), dtype)}
    scipy.io.savemat(tmp_path / "x.mat", variables, format=format_)
    read = read_mat(tmp_path / "x.mat")
    assert np.array_equal(read["labels"], labels) and np.array_equal(read["column"], labels)
    assert read["one"].tolist() == [3] and read["nothing"].shape == (0,)
    assert read["matrix"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert all(value.dtype.isnative for value in read.values())


@pytest.mark.parametrize("format_", ["4", "5"])
def test_text(tmp_path, format_):
    variables = {"one": "ab ", "rows": ["a", "bcd"]} | ({"none": ""} if format_ == "5" else {})
    scipy.io.savemat(tmp_path / "x.mat", variables, format=format_, oned_as="row")
    read = read_mat(tmp_path / "x.mat")
    assert read["one"].tolist() == ["ab "] and read["rows"].tolist() == ["a", "bcd"]
    assert format_ == "4" or read["none"].tolist() == [""]


def test_the_rest_of_what_annotations_consist_of(tmp_path):
    cell = np.empty((2, 2), object)
    cell[:] = [["a", [1, 2]], [3.0, np.array([[1, 2], [3, 4]])]]
    structs = np.zeros((1, 2), [("box", object), ("inner", object)])
    for n in range(2):
        structs[0, n] = (np.arange(4), {"name": "x"})
    variables = {"cell": cell, "yes": np.array([True, False]), "nested": {"a": {"b": [1, 2]}}}
    variables |= {
        "structs": structs,
        "cube": np.arange(24).reshape(2, 3, 4),
        "empty": np.empty((0, 0), object),
    }
    scipy.io.savemat(tmp_path / "x.mat", variables)
    read = read_mat(tmp_path / "x.mat")
    first, second, third, fourth = read["cell"]  # in the order of MATLAB: columns first
    assert (first.tolist(), second.tolist(), third.tolist()) == (["a"], [3], [1, 2])
    assert fourth.tolist() == [[1, 2], [3, 4]]
    assert read["yes"].dtype == bool and read["yes"].tolist() == [True, False]
    assert read["nested"]["a"]["b"].tolist() == [1, 2]
    assert [box.tolist() for box in read["structs"]["box"]] == [[0, 1, 2, 3]] * 2
    assert [inner["name"].tolist() for inner in read["structs"]["inner"]] == [["x"]] * 2
    assert np.array_equal(read["cube"], variables["cube"]) and read["empty"] == []


def element(kind, content, order="<"):
    return struct.pack(f"{order}2I", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(class_, shape, *content, name=b"x", flags=0, order="<"):
    parts = struct.pack(f"{order}2I", class_ | flags, 0), struct.pack(f"{order}{len(shape)}i", *shape)
    head = [element(kind, part, order) for kind, part in zip((6, 5), parts, strict=True)]
    return element(14, b"".join([*head, element(1, name, order), *content]), order)


def file_of(*variables, order="<"):
    version = struct.pack(f"{order}H", 0x100) + (b"IM" if order == "<" else b"MI")
    return b"MATLAB 5.0 MAT-file".ljust(124) + version + b"".join(variables)


NUMBERS = element(9, struct.pack("<2d", 1, 2))
GOOD = matrix(6, (1, 2), NUMBERS)


def test_reads_big_endian_files_and_utf_16(tmp_path):
    numbers = matrix(12, (1, 2), element(5, struct.pack(">2i", 1, 70000), ">"), order=">")
    text = matrix(4, (1, 2), element(4, "é∂".encode("utf-16-be"), ">"), name=b"t", order=">")
    (tmp_path / "x.mat").write_bytes(file_of(numbers, text, order=">"))
    read = read_mat(tmp_path / "x.mat")
    assert read["x"].tolist() == [1, 70000] and read["t"].tolist() == ["é∂"]


def nested(depth, name=b"x"):
    inner = GOOD
    for _ in range(depth):
        inner = matrix(1, (1, 1), inner, name=name)
    return inner


@pytest.mark.parametrize(
    "content, why",
    [
        pytest.param(file_of(GOOD, GOOD), "two variables 'x'", id="twice"),
        pytest.param(file_of(GOOD)[:-8], "larger than what it is in", id="truncated"),
        pytest.param(file_of(element(15, zlib.compress(GOOD)[:-6])), "cut off", id="truncated zlib"),
        pytest.param(file_of(element(15, b"words")), "header", id="no zlib"),
        pytest.param(file_of(element(15, zlib.compress(bytes(2**25)))), "a bomb", id="bomb"),
        pytest.param(
            file_of(element(15, zlib.compress(element(15, b"")))), "element of type 15", id="packed twice"
        ),
        pytest.param(file_of(NUMBERS), "an element of type 9", id="no matrix"),
        pytest.param(file_of(matrix(6, (1, 3), NUMBERS)), "reshape", id="more than it has"),
        pytest.param(file_of(matrix(6, (-1, -2), NUMBERS)), "of the shape", id="negative"),
        pytest.param(file_of(matrix(6, (2,), NUMBERS)), "of the shape", id="one dimension"),
        pytest.param(file_of(matrix(6, (1,) * 33, NUMBERS)), "of the shape", id="33 dimensions"),
        pytest.param(file_of(matrix(1, (2**30, 2**30))), "", id="huge cell"),
        pytest.param(
            file_of(matrix(2, (2**30, 2**30), element(5, bytes(4)), NUMBERS)), "", id="struct of no names"
        ),
        pytest.param(
            file_of(matrix(2, (1, 1), element(5, b"\2\0\0\0"), element(1, b"a\0a\0"))),
            "two fields",
            id="fields",
        ),
        pytest.param(file_of(matrix(1, (1, 1), NUMBERS)), "type 9 in a cell", id="cell of no matrix"),
        pytest.param(file_of(nested(30)), "more than 20 deep", id="deep"),
        pytest.param(
            file_of(matrix(6, (1, 2), NUMBERS, NUMBERS, flags=0x800)), "complex numbers", id="complex"
        ),
        pytest.param(file_of(matrix(3, (1, 1))), "an object in the variable 'x'", id="object"),
        pytest.param(file_of(matrix(16, (1, 1))), "a function in the variable 'x'", id="function"),
        pytest.param(file_of(matrix(17, (1, 1))), "an object in the variable 'x'", id="opaque"),
        pytest.param(file_of(matrix(4, (2, 2), element(16, b"abc"))), "text of 3 characters", id="text"),
        pytest.param(file_of(matrix(4, (1, 2), element(16, b"\xff\xff"))), "utf-8", id="encoding"),
        pytest.param(bytes(512) + b"\x89HDF\r\n\x1a\n", "version 7.3, which is HDF5", id="7.3"),
        pytest.param(b"<html>404</html>" * 20, "no MATLAB file", id="a page"),
        pytest.param(b"x", "", id="short"),
        pytest.param(struct.pack("<5i", 0, 2, 2, 0, 2) + b"x\0" + bytes(24), "", id="4: truncated"),
        pytest.param(struct.pack("<5i", 0, -2, -2, 0, 2) + b"x\0" + bytes(32), "negative", id="4: negative"),
        pytest.param(
            struct.pack("<5i", 1, 1, 1, 0, 2) + b"x\0" + struct.pack("<d", np.nan), "", id="4: no text"
        ),
        pytest.param(struct.pack("<5i", 2, 1, 1, 0, 2) + b"x\0" + bytes(8), "no MATLAB", id="4: sparse"),
    ],
)
def test_refuses_damage_and_the_unknown(tmp_path, content, why):
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(ValueError, match=f"x.mat to be a MATLAB file of .*, received: .*{why}"):
        read_mat(tmp_path / "x.mat")


def test_the_hand_made_file_is_one(tmp_path):
    (tmp_path / "x.mat").write_bytes(file_of(GOOD, nested(15, b"y")))
    assert read_mat(tmp_path / "x.mat")["x"].tolist() == [1, 2]
    assert scipy.io.loadmat(tmp_path / "x.mat")["x"].tolist() == [[1, 2]]


def test_refuses_sparse_matrices(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"x": scipy.sparse.eye(3, format="csc")})
    with pytest.raises(ValueError, match="a sparse matrix in the variable 'x'"):
        read_mat(tmp_path / "x.mat")

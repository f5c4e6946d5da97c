import os
import pickle
import struct

import numpy as np
import pytest

from tfdml.data.archives import read_pickle

VALUE = {
    "data": np.arange(24, dtype="uint8").reshape(2, 12),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "strings": np.array(["a", "bc"]),
    "bytes strings": np.array([b"a", b"bc"]),
    "none": np.zeros((0, 3), "float32"),
    "scalar": np.float32(2.5),
    "labels": [1, 200, 70000, -3, 2**70],
    "others": (None, True, False, 1.5, "é", b"\xff\0", b"", (), [], {}, {7: (1, 2, 3, 4)}),
}


def assert_same(one, other):
    if isinstance(other, np.ndarray):
        assert one.dtype == other.dtype and np.array_equal(one, other)
    elif isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in other:
            assert_same(one[key], other[key])
    elif isinstance(other, np.generic):
        assert one == other
    else:
        assert one == other and type(one) is type(other)


@pytest.mark.parametrize("protocol", range(5))
def test_reads_what_was_pickled(tmp_path, protocol):
    data = pickle.dumps(VALUE, protocol)
    (tmp_path / "batch").write_bytes(data)
    assert_same(read_pickle(data), VALUE)
    assert_same(read_pickle(tmp_path / "batch"), VALUE)


def old_names(data):
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def python2_batch():
    """A batch of CIFAR-10 as Python 2 wrote it: names of old NumPy, strings that are bytes."""
    numbers = bytes(range(256)) * 24
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05(K\x06K\te"
        b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t"
        b"(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", len(numbers))
        + numbers
        + b"tbU\tfilenamesq\x0c]q\r(U\nleptodactyq\x0eh\x0eeu."
    )


def test_reads_a_batch_of_python_2():
    batch = read_pickle(python2_batch())
    expected = pickle.loads(python2_batch(), encoding="bytes")
    assert_same(batch, expected)
    assert batch[b"data"].shape == (2, 3072) and batch[b"labels"] == [6, 9]
    assert batch[b"filenames"] == [b"leptodacty"] * 2


def test_reads_the_names_of_old_numpy():
    data = pickle.dumps({"data": np.arange(5), "scalar": np.int64(3)}, protocol=2)
    assert_same(read_pickle(old_names(data)), {"data": np.arange(5), "scalar": 3})


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        read_pickle(pickle.dumps(np.zeros(3)))[0] = 1


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(5))
def test_runs_nothing(tmp_path, protocol):
    evil = pickle.dumps({"data": Runs(os.system, f"echo x > {tmp_path / 'ran'}")}, protocol)
    with pytest.raises(
        ValueError, match=r"a pickle of plain values and arrays, received: a call of '.* system'"
    ):
        read_pickle(evil)
    assert not (tmp_path / "ran").exists()
    pickle.loads(evil)  # it would have
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "value, why",
    [
        pytest.param(np.array([1, "a"], object), "type 'O8'", id="objects"),
        pytest.param(np.zeros(2, [("a", "i4"), ("b", "f4")]), "type 'V8'", id="records"),
        pytest.param(np.zeros(2, "datetime64[s]"), "type 'M8'", id="dates"),
        pytest.param(np.ma.zeros(2), "a call of 'numpy.ma", id="masked"),
        pytest.param({1, 2}, "a call of .* set'|instruction EMPTY_SET", id="set"),
        pytest.param(Runs(eval, "1 + 1"), "a call of '.* eval'", id="eval"),
        pytest.param(Runs(np.load, "x.npy"), "a call of 'numpy load'", id="numpy.load"),
        pytest.param(Runs(np.ndarray, (10**12,)), "a call of 'numpy ndarray'", id="ndarray itself"),
        pytest.param({(1, 2): 3}, "a key of the type tuple", id="key"),
        pytest.param({2**61 - 1: 3}, "a key of the type int, or too large", id="large key"),
        pytest.param({True: 3}, "a key of the type bool", id="bool key"),
    ],
)
def test_refuses_anything_else(value, why):
    with pytest.raises(ValueError, match=why):
        read_pickle(pickle.dumps(value, protocol=4))


def array_pickle(shape=b"K\x02\x85", dtype=b"U\x02u1", parts=b"NNN", numbers=b"U\x02ab", start=b""):
    return (
        b"\x80\x02" + start + b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\n" + dtype + b"K\x00K\x01\x87R(K\x03U\x01|" + parts +
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + numbers + b"tb."
    )  # fmt: skip


@pytest.mark.parametrize(
    "data, why",
    [
        pytest.param(array_pickle(shape=b"K\x03\x85"), r"shape \(3,\) with 2 numbers", id="more than it has"),
        pytest.param(array_pickle(shape=b"J\xff\xff\xff\xff\x85"), "a side that is no size", id="negative"),
        pytest.param(array_pickle(shape=b"K\x01" * 40 + b"t"), "", id="dimensions"),
        pytest.param(
            array_pickle(shape=b"(" + b"K\x01" * 40 + b"t"), "whose shape is none", id="40 dimensions"
        ),
        pytest.param(array_pickle(shape=b"G?\xf0" + bytes(6) + b"\x85"), "a side", id="float"),
        pytest.param(array_pickle(dtype=b"U\x02O8"), "type 'O8'", id="object"),
        pytest.param(array_pickle(dtype=b"U\x02u3"), "type 'u3'", id="odd"),
        pytest.param(array_pickle(parts=b"N(U\x01at}"), "a type with parts", id="fields"),
        pytest.param(array_pickle(numbers=b"]"), "without type or numbers", id="list"),
        pytest.param(array_pickle().split(b"(K\x01")[0] + b".", "an array without numbers", id="no state"),
        pytest.param(b"\x80\x02cnumpy\nndarray\n.", "a name where a value belongs", id="name"),
        pytest.param(b"\x80\x02cnumpy\ndtype\nU\x02u1\x85R.", "a dtype where a value belongs", id="dtype"),
        pytest.param(b"\x80\x02]q\x01h\x01a.", "more than 20 deep", id="cycle"),
        pytest.param(b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "more than 20 deep", id="deep"),
        pytest.param(b"\x80\x02r\xff\xff\xff\xff.", "", id="memo of nothing"),
        pytest.param(b"\x80\x02h\x07.", "", id="memo that is not there"),
        pytest.param(b"\x80\x05\x96" + b"\xff" * 7 + b"\x0f.", "", id="huge bytearray"),
        pytest.param(b"\x80\x02K\x01", "", id="no end"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"words", "", id="text"),
    ],
)
def test_refuses_damage(data, why):
    with pytest.raises(ValueError, match=f"path_or_bytes to be a pickle of plain .*received: .*{why}"):
        read_pickle(data)


def test_the_hand_made_array_is_one():
    assert read_pickle(array_pickle()).tolist() == [97, 98]
    assert pickle.loads(array_pickle(), encoding="latin1").tolist() == [97, 98]


def test_nothing_warns_of_text_that_python_does_not_write():
    assert read_pickle(b"S'a\\d'\n.") == b"a\\d"  # warnings are errors here


def test_a_large_memo_key_takes_no_memory():
    data = b"\x80\x02K\x07r\xff\xff\xff\xff."
    assert read_pickle(data) == 7


def test_what_is_in_many_places_is_read_once():
    value = [1]
    for _ in range(15):
        value = [value] * 100
    value = read_pickle(pickle.dumps(value, protocol=4))
    assert len(value) == 100 and value[0] is value[99]

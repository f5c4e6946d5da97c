import gzip
import struct

import numpy as np
import pytest

from tfdml.data.archives import read_idx


def idx(array, code):
    head = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "dtype, code", [("u1", 8), ("i1", 9), ("i2", 0xB), ("i4", 0xC), ("f4", 0xD), ("f8", 0xE)]
)
def test_reads_what_was_written(tmp_path, pack, dtype, code):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "x").write_bytes(pack(idx(array, code)))
    read = read_idx(tmp_path / "x")
    assert read.dtype == np.dtype(dtype) and read.dtype.isnative
    assert np.array_equal(read, array)


LABELS = idx(np.arange(10, dtype="u1"), 8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "content, why",
    [
        pytest.param(LABELS[:-1], "9 bytes of numbers where the header says 10", id="short"),
        pytest.param(LABELS + b"x", "more of numbers where the header says 10", id="long"),
        pytest.param(LABELS[:6], "", id="in the header"),
        pytest.param(b"", "does not begin as one", id="empty"),
        pytest.param(b"words and words", "does not begin as one", id="text"),
        pytest.param(bytes([0, 0, 7, 1]) + LABELS[4:], "does not begin as one", id="type"),
        pytest.param(bytes([0, 0, 8, 0]), "does not begin as one", id="no dimensions"),
        pytest.param(bytes([0, 0, 8, 3]) + b"\xff" * 12, "bomb", id="huge"),
    ],
)
def test_refuses_a_header_that_lies(tmp_path, pack, content, why):
    (tmp_path / "x").write_bytes(pack(content))
    with pytest.raises(ValueError, match=f"Expected .*x to be an IDX file, received: .*{why}"):
        read_idx(tmp_path / "x")


def test_refuses_damaged_gzip(tmp_path):
    packed = bytearray(gzip.compress(LABELS))
    for damaged in (packed[:-9], packed[:-8] + b"\0" * 8):
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"Expected .*x to be an IDX file"):
            read_idx(tmp_path / "x")


def test_refuses_a_bomb(tmp_path):
    (tmp_path / "x").write_bytes(gzip.compress(idx(np.zeros(2**25, "u1"), 8)))
    with pytest.raises(ValueError, match="a bomb"):
        read_idx(tmp_path / "x")

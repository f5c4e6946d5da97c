import hashlib
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdml.models import read_torch_weights

WRITTEN_BY_TORCH = Path(__file__).parents[1] / "fixtures/models/torch_weights.pth"
HEAD = b"".join(
    pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
)


def number(n):
    return b"J" + struct.pack("<i", n)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def numbers(*values):
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(shape, strides, offset=0, size=4, key="a"):
    storage = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(size) + b"NtQ"
    )
    arguments = storage + number(offset) + numbers(*shape) + numbers(*strides) + b"\x89}t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"R"


def checkpoint(*items, keys=("a",), data=(1.0, 2.0, 3.0, 4.0), stored=None):
    """A file of named tensors, by hand: the dict, the keys, the numbers of each key."""
    pairs = b"".join(text(name) + value for name, value in items)
    stored = len(data) if stored is None else stored
    raw = struct.pack("<q", stored) + np.array(data, "<f4").tobytes()
    return HEAD + b"\x80\x02}(" + pairs + b"u." + pickle.dumps(list(keys), protocol=2) + raw * len(keys)


@pytest.fixture
def read(tmp_path):
    def read_bytes(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return read_torch_weights(path)

    return read_bytes


def test_reads_what_torch_wrote():
    weights = read_torch_weights(WRITTEN_BY_TORCH)
    expected = np.arange(12, dtype="float32").reshape(3, 4)
    assert list(weights) == ["matrix", "transposed", "part", "count", "empty"]
    np.testing.assert_array_equal(weights["matrix"], expected)
    np.testing.assert_array_equal(weights["transposed"], expected.T)
    np.testing.assert_array_equal(weights["part"], [5, 6, 7, 8])
    assert weights["count"] == 7 and weights["count"].dtype == "int64"
    assert weights["empty"].shape == (0, 3)


def test_reads_a_file_made_by_hand(read):
    weights = read(checkpoint(("w", tensor((2, 2), (1, 2)))))
    np.testing.assert_array_equal(weights["w"], [[1, 3], [2, 4]])


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        read_torch_weights(WRITTEN_BY_TORCH)["matrix"][:] = 0


def test_checks_the_hash_before_reading(tmp_path):
    digest = hashlib.sha256(WRITTEN_BY_TORCH.read_bytes()).hexdigest()
    assert read_torch_weights(WRITTEN_BY_TORCH, sha256=digest)
    with pytest.raises(ValueError, match=f"to have the SHA-256 {'0' * 64}, received: {digest}"):
        read_torch_weights(WRITTEN_BY_TORCH, sha256="0" * 64)


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"Expected path to be a file .*none\.pth"):
        read_torch_weights(tmp_path / "none.pth")


def test_refuses_the_newer_format_by_name(tmp_path):
    path = tmp_path / "new.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"")
    with pytest.raises(ValueError, match=r"format before Torch 1.6, received: a zip file"):
        read_torch_weights(path)


class Command:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", range(5), ids=["magic", "protocol", "system", "tensors", "keys"])
def test_runs_nothing(read, tmp_path, protocol, place):
    trace = tmp_path / "trace"
    attack = pickle.dumps({"w": Command(os.mkdir, str(trace))}, protocol=protocol)
    parts = [
        pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {}, [])
    ]
    parts[place] = attack
    with pytest.raises(ValueError, match=r"Expected a state dict written by `torch.save`"):
        read(b"".join(parts))
    assert not trace.exists()
    pickle.loads(attack)
    assert trace.exists()  # it would have


DEEP = 200_000


@pytest.mark.parametrize(
    "data, reason",
    [
        pytest.param(checkpoint(("w", tensor((5,), (1,)))), "beyond its storage", id="longer"),
        pytest.param(checkpoint(("w", tensor((2,), (1,), offset=3))), "beyond its storage", id="offset"),
        pytest.param(checkpoint(("w", tensor((2, 2), (1, 9)))), "beyond its storage", id="strides"),
        pytest.param(checkpoint(("w", tensor((2**30,), (0,)))), "beyond its storage", id="blown up"),
        pytest.param(checkpoint(("w", tensor((2, -1), (1, 1)))), "a size that is no size", id="negative"),
        pytest.param(
            checkpoint(("w", tensor((2,), (1, 1)))), r"shape \(2,\) with strides \(1, 1\)", id="ranks"
        ),
        pytest.param(checkpoint(("w", tensor((4,), (1,))), stored=9), "9 numbers where 4", id="stored size"),
        pytest.param(checkpoint(("w", tensor((4,), (1,))), data=(1.0,), stored=4), "smaller", id="cut short"),
        pytest.param(
            checkpoint(("v", tensor((9,), (1,), size=9)), ("w", tensor((4,), (1,)))),
            "declared twice",
            id="twice",
        ),
        pytest.param(checkpoint(("w", tensor((4,), (1,))), keys=("b",)), "b", id="unknown key"),
        pytest.param(checkpoint(("w", number(3))), "'w' is no tensor", id="no tensor"),
        pytest.param(checkpoint(("w", b"cos\nsystem\n")), "asks for os system", id="a name"),
        pytest.param(
            HEAD + b"\x80\x02}" + b")" + b"\x85" * DEEP + b"K\x01s.", "a tuple where a str", id="deep key"
        ),
        pytest.param(HEAD + b"\x80\x02" + b"r\xff\xff\xff\xff.", "pop|index", id="huge memo"),
        pytest.param(HEAD + b"\x80\x02)" * 1_100_000, "larger than a state dict", id="endless"),
        pytest.param(pickle.dumps([1, 2], protocol=2), "does not begin as one", id="another pickle"),
        pytest.param(b"", "", id="empty file"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "", id="a picture"),
    ],
)
def test_refuses_by_name(read, data, reason):
    with pytest.raises(ValueError, match=f"(?s)Expected a state dict written by .*{reason}"):
        read(data)


def test_refuses_a_file_cut_anywhere(read):
    whole = WRITTEN_BY_TORCH.read_bytes()
    for end in range(0, len(whole), 5):
        with pytest.raises(ValueError, match=re.escape("Expected a state dict written by `torch.save`")):
            read(whole[:end])


edits = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete", "repeat"]), st.floats(0, 1), st.binary(max_size=6)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(edits)
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, edits):
    data = bytearray(WRITTEN_BY_TORCH.read_bytes())
    for edit, where, new in edits:
        at = int(where * (len(data) - 1))
        if edit == "set":
            data[at : at + len(new)] = new
        elif edit == "insert":
            data[at:at] = new
        elif edit == "delete":
            del data[at : at + len(new)]
        else:
            data[at:at] = data[at : at + 40]
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    path.write_bytes(data)
    try:
        weights = read_torch_weights(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        for array in weights.values():
            assert array.size <= len(data)
            array.sum()  # reading beyond the file would crash

"""Damaged and hostile files of every kind: a result or a ValueError, and nothing outside of the folder."""

import gzip
import io
import pickle
import stat
import struct
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import scipy.io
from archive_fuzzing import Place, bounded, damaged
from hypothesis import given
from hypothesis import strategies as st

from tfdml.data.archives import read_idx, read_lines, read_mat, read_pickle


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "root")


FILES = {"set/a.txt": b"some text " * 20, "set/b/c": bytes(700), "set/d": b"x"}


def tar(mode="w", files=FILES, format_=tarfile.PAX_FORMAT):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, format=format_) as archive:
        for name, content in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(files=FILES, packing=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", packing) as archive:
        warnings.simplefilter("ignore")  # names that are there twice
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


ARCHIVES = [
    tar(),
    tar(files={"set/é" * 40: b"long", **FILES}),
    tar(files={"n" * 150: b"long", **FILES}, format_=tarfile.GNU_FORMAT),
    tar("w:gz"),
    tar("w:bz2"),
    tar("w:xz"),
    zipped(),
    zipped(packing=zipfile.ZIP_STORED),
    zipped(packing=zipfile.ZIP_LZMA),
]


def test_the_archives_are_good(place):
    for data in ARCHIVES:
        assert place.unpack(data) is None


@bounded
@given(data=st.sampled_from(ARCHIVES).flatmap(damaged))
def test_damaged_archives(place, data):
    place.unpack(data)


def names(root):
    parts = st.sampled_from(
        ["..", ".", "", "a", "A", "set", "x", "nul", "é", "e\u0301", "a\\b", "C:", "..\\x", " "]
    )
    absolute = st.just(f"{root}/evil")
    return st.lists(parts, min_size=1, max_size=6).map("/".join) | absolute | st.text(max_size=12)


@bounded
@given(data=st.data())
def test_hostile_names_and_kinds_in_tar(place, data):
    def member(name, target, kind):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info

    kinds = st.just(tarfile.REGTYPE) | st.sampled_from([*tarfile.SUPPORTED_TYPES, b"V"])
    some = names(place.root).filter(lambda name: "\0" not in name)
    members = data.draw(st.lists(st.builds(member, some, some, kinds), min_size=1, max_size=5))
    contents = {info: b"evil" if info.isreg() else b"" for info in members}
    place.unpack(
        tar(files=contents, format_=data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])))
    )


@bounded
@given(data=st.data())
def test_hostile_names_and_kinds_in_zip(place, data):
    def member(name, kind):
        info = zipfile.ZipInfo(name)
        info.external_attr = kind << 16
        return info

    kinds = st.sampled_from([0, stat.S_IFREG, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO])
    members = st.lists(st.builds(member, names(place.root), kinds), min_size=1, max_size=5)
    place.unpack(zipped({info: str(place.root / "x").encode() for info in data.draw(members)}))


@bounded
@given(
    member=st.integers(0, 3),
    field=st.sampled_from(
        [(0, 100), (100, 8), (124, 12), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)]
    ),
    value=st.binary(max_size=12)
    | st.sampled_from(
        [b"\xff" * 12, b"\x80" + b"\x7f" * 11, b"77777777777", b"S", b"x", b"g", b"L", b"K", b"X"]
    ),
)
def test_headers_of_tar_with_a_right_check_sum(place, member, field, value):
    data = bytearray(tar(files={"n" * 150: b"long", **FILES}, format_=tarfile.GNU_FORMAT))
    block = [0, 1024, 2048, 3072][member]
    at, size = field
    data[block + at : block + at + size] = value[:size].ljust(size, b"\0")
    data[block + 148 : block + 156] = b" " * 8
    data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
    place.unpack(bytes(data))


@bounded
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from([b"PK\1\2", b"PK\3\4", b"PK\5\6"]),
            st.integers(0, 2),
            st.integers(4, 50),
            st.sampled_from([0, 1, 8, 9, 255, 2**16 - 1]) | st.integers(0, 2**16 - 1),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_directories_of_zip(place, edits):
    data = bytearray(zipped())
    for mark, number, offset, value in edits:
        at = -1
        for _ in range(number + 1):
            at = max(data.find(mark, at + 1), 0)
        data[at + offset : at + offset + 2] = struct.pack("<H", value)
    place.unpack(bytes(data))


def saved(**options):
    annotations = np.zeros((1, 3), [("relative_im_path", object), ("class", object), ("box", object)])
    for n in range(3):
        annotations[0, n] = (f"car_ims/{n}.jpg", n + 1, np.arange(4))
    file = io.BytesIO()
    variables = {"labels": np.arange(9)[None], "text": ["a", "bcd"]}
    if options["format"] == "5":
        variables |= {"annotations": annotations, "names": np.array(["a", "bc"], object)}
    scipy.io.savemat(file, variables, **options)
    return file.getvalue()


MATS = [
    saved(format="5", do_compression=False),
    saved(format="5", do_compression=True),
    saved(format="4"),
]


@bounded
@given(data=st.sampled_from(MATS).flatmap(damaged))
def test_damaged_mat_files(place, data):
    assert isinstance(place.outcome(data, read_mat), dict | ValueError)


IDX = b"\0\0\x08\2\0\0\0\3\0\0\0\4" + bytes(12)


@bounded
@given(data=st.sampled_from([IDX, gzip.compress(IDX, mtime=0)]).flatmap(damaged))
def test_damaged_idx_files(place, data):
    assert isinstance(place.outcome(data, read_idx), np.ndarray | ValueError)


BATCH = {
    "data": np.arange(12, dtype="uint8").reshape(3, 4),
    "labels": [1, 2],
    "names": ["a", "b"],
    "one": np.int64(3),
}
PICKLES = [pickle.dumps(BATCH, protocol) for protocol in range(5)]


@bounded
@given(data=st.sampled_from(PICKLES).flatmap(damaged))
def test_damaged_pickles(place, data):
    place.outcome(data, read_pickle)


OPCODES = (
    b"()]}.012Q\x85\x86\x87\x88\x89\x8c\x93\x94aebcdghijlopqrstuGKMJNRSTUVXIL\x80\x81\x95CB\x8e\x96\x97\x98"
)
PIECES = [
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cos\nsystem\n",
    b"U\x02u1",
    b"h\0",
    b"K\1",
]


@bounded
@given(program=st.lists(st.sampled_from([*[bytes([code]) for code in OPCODES], *PIECES]), max_size=40))
def test_programs_of_pickle(place, program):
    place.outcome(b"\x80\x02" + b"".join(program) + b".", read_pickle)


@bounded
@given(data=st.binary(max_size=200))
def test_noise(place, data):
    for read in (read_mat, read_idx, read_pickle, read_lines):
        place.outcome(data, read)
    place.unpack(data)

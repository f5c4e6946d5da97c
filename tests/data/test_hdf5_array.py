import errno
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from tfdml.data import hdf5_array
from tfdml.data.hdf5_array import Hdf5Array

VALUES = np.random.default_rng(0).integers(0, 256, (40, 5, 3), "uint8")

WAYS = {
    "one piece": {},
    "a row a chunk": {"chunks": (1, 5, 3)},
    "compressed": {"chunks": (7, 5, 3), "compression": "gzip"},
}


def write(path, how=(), user_block=0):
    with h5py.File(path, "w", userblock_size=user_block) as file:
        file["before"] = np.arange(9)
        file.create_dataset("values", data=VALUES, **dict(how))
    return path


@pytest.fixture(params=WAYS)
def array(request, tmp_path):
    return Hdf5Array(write(tmp_path / "x.hdf5", WAYS[request.param]), "values", VALUES.shape)


def rows(array, first, count):
    out = np.full((count, 5, 3), 99, "uint8")
    array.reader()(out, first)
    return out


def test_reads_rows_from_any_on(array):
    assert np.array_equal(rows(array, 0, 40), VALUES)
    assert np.array_equal(rows(array, 37, 2), VALUES[37:39])


def test_a_file_may_begin_with_a_block_of_something_else(tmp_path):
    array = Hdf5Array(write(tmp_path / "x.hdf5", user_block=1024), "values", VALUES.shape)
    assert np.array_equal(rows(array, 3, 4), VALUES[3:7])


def test_values_that_were_never_written_are_zeros(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file.create_dataset("values", (40, 5, 3), "uint8")
    assert not rows(Hdf5Array(tmp_path / "x.hdf5", "values", VALUES.shape), 0, 40).any()


def test_without_positional_reads_it_seeks(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_array, "read_at", hdf5_array._seek_and_read)
    array = Hdf5Array(write(tmp_path / "x.hdf5"), "values", VALUES.shape)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda first: rows(array, first, 2), [k % 38 for k in range(400)])
    assert all(np.array_equal(found, VALUES[k % 38 : k % 38 + 2]) for k, found in enumerate(found))


def test_a_read_that_stops_half_way_goes_on(tmp_path, monkeypatch):
    def seven(descriptor, view, place):
        return hdf5_array._seek_and_read(descriptor, view[:7], place)

    monkeypatch.setattr(hdf5_array, "read_at", seven)
    assert np.array_equal(
        rows(Hdf5Array(write(tmp_path / "x.hdf5"), "values", VALUES.shape), 2, 9), VALUES[2:11]
    )


def test_many_threads_read_at_once(array):
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda first: rows(array, first, 3), [k % 37 for k in range(800)])
    assert all(np.array_equal(found, VALUES[k % 37 : k % 37 + 3]) for k, found in enumerate(found))


# The functions of a store are what other processes are given in practice.
PROCESSES = """
import multiprocessing, sys, warnings
import numpy as np
from tfdml.data.stores import RawStore
warnings.simplefilter("ignore")  # of newer Pythons, about forks
stores = [RawStore(path, "values", (40, 5, 3, 1)) for path in sys.argv[1:]]
expected = [store.read(np.arange(40)) for store in stores]
for way in {"fork", "spawn"} & set(multiprocessing.get_all_start_methods()):
    with multiprocessing.get_context(way).Pool(2) as pool:
        jobs = [[pool.apply_async(store.read, [np.arange(40)[::-1]]) for store in stores] for _ in range(20)]
        for some in jobs:
            for job, store, values in zip(some, stores, expected):
                assert np.array_equal(store.read(np.arange(40)), values)
                assert np.array_equal(job.get(60), values[::-1]), way
print("all the same")
"""


def test_many_processes_read_at_once(tmp_path):
    paths = []
    for name, how in WAYS.items():
        paths.append(tmp_path / f"{name}.hdf5")
        with h5py.File(paths[-1], "w") as file:
            chunks = {"chunks": (*how["chunks"], 1)} if "chunks" in how else {}
            file.create_dataset("values", data=VALUES[..., None], **how | chunks)
    done = subprocess.run(
        [sys.executable, "-c", PROCESSES, *map(str, paths)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "all the same\n", done.stderr


def test_a_copy_opens_the_file_for_itself(array):
    rows(array, 0, 1)
    copy = pickle.loads(pickle.dumps(array))
    assert np.array_equal(rows(copy, 5, 3), VALUES[5:8])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files from being changed")
@pytest.mark.parametrize("opened", [True, False])
def test_refuses_a_file_that_has_changed(array, opened):
    if opened:
        rows(array, 0, 1)
    with array.path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"x\.hdf5 to stay as it was .* received: a change"):
        array.reader()


def test_a_chunk_that_is_damaged_is_named(tmp_path):
    path = write(tmp_path / "x.hdf5", WAYS["compressed"])
    with h5py.File(path) as file:
        place = file["values"].id.get_chunk_info(2).byte_offset
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"damage")
    array = Hdf5Array(path, "values", VALUES.shape)
    assert np.array_equal(rows(array, 0, 7), VALUES[:7])
    with pytest.raises(ValueError, match=r"x\.hdf5 to be whole, received"):
        rows(array, 0, 40)


def test_an_error_of_the_disk_is_named(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    array = Hdf5Array(write(tmp_path / "x.hdf5"), "values", VALUES.shape)
    monkeypatch.setattr(hdf5_array, "read_at", fail)
    with pytest.raises(OSError, match=r"Input/output error: '.*x\.hdf5'"):
        rows(array, 0, 40)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files from being changed")
def test_a_file_that_is_cut_short_while_it_is_read_is_an_error_and_not_the_end(tmp_path):
    array = Hdf5Array(write(tmp_path / "x.hdf5"), "values", VALUES.shape)
    read = array.reader()
    os.truncate(array.path, 1000)
    with pytest.raises(ValueError, match=r"x\.hdf5 to be whole, received: its end at byte"):
        read(np.empty((40, 5, 3), "uint8"), 0)


def test_refuses_a_file_that_is_gone(array):
    array.path.unlink()
    with pytest.raises(ValueError, match=r"x\.hdf5 to be .* received: no file there"):
        array.reader()
    with pytest.raises(OSError, match=r"x\.hdf5"):
        Hdf5Array(array.path, "values", VALUES.shape)


def linked(path):
    write(path.with_name("other.hdf5"))
    with h5py.File(path, "w") as file:
        file["values"] = h5py.ExternalLink("other.hdf5", "/values")


def virtual(path):
    write(path.with_name("other.hdf5"))
    layout = h5py.VirtualLayout(VALUES.shape, "uint8")
    layout[:] = h5py.VirtualSource(path.with_name("other.hdf5"), "values", VALUES.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("values", layout)


def external(path):
    path.with_name("secret").write_bytes(bytes(600))
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "values", VALUES.shape, "uint8", external=[(str(path.with_name("secret")), 0, 600)]
        )


def of(values):
    def write(path):
        with h5py.File(path, "w") as file:
            file["values"] = values

    return write


@pytest.mark.parametrize(
    "write, message",
    [
        pytest.param(linked, "values to be in the file itself", id="external link"),
        pytest.param(virtual, "values to be a plain data set", id="virtual"),
        pytest.param(external, "values to be a plain data set", id="external"),
        pytest.param(of(VALUES[:39]), r"values uint8 \(40, 5, 3\)", id="fewer rows"),
        pytest.param(of(VALUES[:, :4]), r"values uint8 \(40, 5, 3\)", id="other shape"),
        pytest.param(of(VALUES.astype("uint16")), r"received: uint16", id="other type"),
        pytest.param(of(VALUES[0]), "rank 3", id="other rank"),
    ],
)
def test_refuses_what_is_not_the_data_set(tmp_path, write, message):
    write(tmp_path / "x.hdf5")
    with pytest.raises(ValueError, match=message):
        Hdf5Array(tmp_path / "x.hdf5", "values", VALUES.shape).reader()


def test_bytes_of_another_type_go_through_hdf5(tmp_path):
    """A type whose bits stand elsewhere in the byte: what lies in the file is not what was written."""
    kind = h5py.h5t.NATIVE_UINT8.copy()
    kind.set_precision(4)
    kind.set_offset(2)
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        space = h5py.h5s.create_simple(VALUES.shape)
        data = h5py.h5d.create(file.id, b"values", kind, space)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES % 16, h5py.h5t.NATIVE_UINT8)
    array = Hdf5Array(tmp_path / "x.hdf5", "values", VALUES.shape)
    assert np.array_equal(rows(array, 0, 40), VALUES % 16)

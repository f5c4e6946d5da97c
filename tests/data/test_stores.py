import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import h5py
import numpy as np
import pytest

from tfdml.data import stores
from tfdml.data.stores import CachedStore, EncodedStore, RawStore, cached

PICTURES = np.random.default_rng(0).integers(0, 256, (30, 6, 4, 3), "uint8")
LISTS = {
    "none": [],
    "one": [7],
    "in order": list(range(30)),
    "backwards": list(range(29, -1, -1)),
    "at random, some twice": [8, 3, 3, 29, 0, 1, 2, 8, 9, 28],
}


@pytest.fixture(params=["contiguous", "chunked", "compressed"])
def raw(request, tmp_path):
    how = {"contiguous": {}, "chunked": {"chunks": (1, 6, 4, 3)}, "compressed": {"compression": "gzip"}}
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file.create_dataset("images", data=PICTURES, **how[request.param])
    return RawStore(tmp_path / "x.hdf5", "images", PICTURES.shape)


def write_encoded(path, encoded):
    with h5py.File(path, "w") as file:
        file["images"] = np.frombuffer(b"".join(encoded), "uint8")
    return EncodedStore(path, np.cumsum([0, *map(len, encoded)]), (6, 4, 3))


def png(picture):
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


@pytest.fixture
def encoded(tmp_path):
    return write_encoded(tmp_path / "x.hdf5", [png(picture) for picture in PICTURES])


@pytest.mark.parametrize("rows", LISTS.values(), ids=LISTS)
def test_raw_pixels_come_in_the_order_asked_for(raw, rows):
    assert np.array_equal(raw.read(rows), PICTURES[np.asarray(rows, int)])


def test_channels_that_are_stored_first_come_last(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["pixels"] = np.moveaxis(PICTURES, 3, 1)
    found = RawStore(tmp_path / "x.hdf5", "pixels", PICTURES.shape, channels_first=True).read([4, 2])
    assert np.array_equal(found, PICTURES[[4, 2]]) and found.flags.c_contiguous


@pytest.mark.parametrize("rows", [[-1], [0, 30]])
def test_refuses_rows_that_there_are_not(raw, rows):
    with pytest.raises(IndexError, match="rows from 0 to 29, received"):
        raw.read(rows)


@pytest.mark.parametrize("rows", LISTS.values(), ids=LISTS)
def test_encoded_pictures_come_in_the_order_asked_for(encoded, rows):
    assert np.array_equal(encoded.read(rows), PICTURES[np.asarray(rows, int)])


def test_many_threads_fill_a_cache_at_once(encoded):
    store = cached(encoded)
    lists = np.random.default_rng(0).integers(0, 30, (200, 9))
    with ThreadPoolExecutor(8) as pool:
        for rows, found in zip(lists, pool.map(store.read, lists), strict=True):
            assert np.array_equal(found, PICTURES[rows])


def test_a_batch_is_decoded_by_several_threads(encoded, monkeypatch):
    together = threading.Barrier(2, timeout=20)

    def wait(data):
        together.wait()
        return np.zeros((6, 4, 3), "uint8")

    monkeypatch.setattr(stores, "decode_picture", wait)
    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(stores, "_threads", lambda process: pool)
        assert encoded.read(range(8)).shape == (8, 6, 4, 3)


def test_a_picture_that_promises_another_size_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "decode_picture", lambda data: pytest.fail("decoded"))
    bomb = bytearray(png(PICTURES[0]))
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    store = write_encoded(tmp_path / "x.hdf5", [bytes(bomb)])
    with pytest.raises(
        ValueError, match=r"picture 0 of .*x\.hdf5 to be \(6, 4, 3\), received: \(50000, 50000, 3\)"
    ):
        store.read([0])


@pytest.mark.parametrize(
    "data, message",
    [
        pytest.param(b"words", "no header of PNG, JPEG or WebP", id="no picture"),
        pytest.param(png(PICTURES[0])[:60], "60 bytes that are no picture, or only the beginning", id="cut"),
        pytest.param(png(np.moveaxis(PICTURES[0], 1, 0)), r"received: \(4, 6, 3\)", id="on its side"),
    ],
)
def test_refuses_what_is_not_the_picture(tmp_path, data, message):
    store = write_encoded(tmp_path / "x.hdf5", [png(PICTURES[0]), data])
    with pytest.raises(ValueError, match=rf"picture 1 of .*x\.hdf5 to be \(6, 4, 3\).*{message}"):
        store.read([0, 1])


class Counting:
    """A store that remembers what it was asked for."""

    shape = PICTURES.shape

    def __init__(self):
        self.asked = []

    def read(self, rows):
        self.asked.extend(rows)
        return PICTURES[rows]


def test_a_cache_reads_a_row_once():
    store = Counting()
    cache = CachedStore(store)
    for rows in ([4, 2, 4], [2, 3], [4, 3, 2]):
        assert np.array_equal(cache.read(rows), PICTURES[rows])
    assert sorted(store.asked) == [2, 3, 4]


def test_what_is_put_into_a_cache_is_not_read():
    cache = CachedStore(Counting())
    cache.put(5, PICTURES[6])
    assert np.array_equal(cache.read([5]), PICTURES[[6]]) and not cache.store.asked


def test_another_process_starts_with_an_empty_cache(raw):
    cache = cached(raw)
    cache.read(np.arange(30))
    sent = pickle.dumps(cache)
    assert len(sent) < PICTURES.nbytes
    assert np.array_equal(pickle.loads(sent).read([3, 1]), PICTURES[[3, 1]])

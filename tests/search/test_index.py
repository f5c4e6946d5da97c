"""What every index does alike: answers, rows that change, files."""

import functools
import io
import json
import pickle
import re
import sys
import zipfile

import numpy as np
import pytest

from tfdml import search
from tfdml.search.exact import DISTANCES

MAKERS = {
    "exact": search.Exact,
    "ivf": functools.partial(search.IVF, probes=30),
    "faiss ivf": functools.partial(search.FAISS, "ivf", probes=30),
    "faiss fast scan": functools.partial(search.FAISS, "fast_scan", probes=30, refine=20),
    "faiss hnsw": functools.partial(search.FAISS, "hnsw", effort=200),
    "scann": functools.partial(search.ScaNN, probes=30, refine=20),
}
if sys.platform != "linux":  # nowhere else is there a ScaNN
    del MAKERS["scann"]
pytestmark = pytest.mark.usefixtures("one_thread")
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_distance = pytest.mark.parametrize("distance", DISTANCES)


def clustered(size=600, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(12, dim))
    return (centers[rng.integers(0, 12, size)] + 0.3 * rng.normal(size=(size, dim))).astype("float32")


@functools.cache
def built(make):
    """An index of `clustered()`, which tests leave as it is."""
    return make().build(clustered())


def exact(gallery, queries, k, distance, rows=None, exclude=None):
    """The answer of the exact search among some rows."""
    active = None if rows is None else np.isin(np.arange(len(gallery)), rows)
    found = search.nearest_neighbors(queries, gallery, k, distance=distance, active=active, exclude=exclude)
    return [np.array(x) for x in found]


def assert_same(found, expected):
    assert isinstance(found, search.Neighbors)
    assert found.distances.dtype == "float32" and found.indices.dtype == "int32"
    # An approximate index may miss one, and the order within equal distances is free: sets are compared.
    alike = found.indices == expected[1]
    np.testing.assert_allclose(found.distances[alike], expected[0][alike], rtol=1e-4, atol=1e-4)
    assert alike.mean() > 0.97
    same = [len(set(a) & set(b)) for a, b in zip(found.indices.tolist(), expected[1].tolist(), strict=True)]
    assert np.mean(same) >= 0.99 * len(set(expected[1][0].tolist()))


@every_distance
@every
def test_answers_as_the_exact_search(make, distance):
    x = clustered()
    index = make(distance=distance).build(x)
    assert_same(index.query(x[:50] + 0.1, 5), exact(x, x[:50] + 0.1, 5, distance))
    assert_same(index.query(x, 5, exclude=np.arange(600)), exact(x, x, 5, distance, exclude=np.arange(600)))
    assert index.query(x[:0], 5).indices.shape == (0, 5)


@every
def test_rows_that_are_not_active_are_not_found_until_they_are_given(make):
    x, other = clustered(), clustered(seed=1)
    rows = np.arange(0, 600, 3)
    index = make().build(x, active=np.isin(np.arange(600), rows))
    assert_same(index.query(x[:50], 4), exact(x, x[:50], 4, "euclidean", rows))
    new = np.array([1, 3, 599, 1])
    assert index.update(new, np.stack([other[0], *other[[3, 599, 1]]])) is index
    y = x.copy()
    y[new] = other[new]
    rows = np.union1d(rows, new)
    assert_same(index.query(other[new], 4), exact(y, other[new], 4, "euclidean", rows))
    assert index.query(other[new], 1).indices[:, 0].tolist() == new.tolist()


@every
def test_every_row_may_be_replaced(make):
    x, other = clustered(), clustered(seed=1)
    index = make().build(x).update(np.arange(600), other)
    assert_same(index.query(other[:40], 3), exact(other, other[:40], 3, "euclidean"))
    assert index.update([], other[:0]).query(other[:1], 1).indices.tolist() == [[0]]


@every
def test_fewer_active_than_asked_for(make):
    x = clustered(size=20)
    index = make().build(x, active=np.arange(20) == 7)
    found = index.query(x[6:8], 50, exclude=np.array([-1, 7]))
    assert found.indices.shape == (2, 19)
    assert found.indices[0, 0] == 7 and (found.indices[0, 1:] == -1).all() and (found.indices[1] == -1).all()
    assert np.isfinite(found.distances).sum() == 1
    none = make().build(x, active=np.zeros(20, bool))
    assert (none.query(x, 3).indices == -1).all()
    assert none.update([4], x[4:5]).query(x[4:5], 2).indices.tolist() == [[4, -1]]


@every
def test_memory_is_that_of_the_vectors_and_a_little_more(make):
    x = clustered(3000, dim=32)
    memory = make().build(x).memory
    assert isinstance(memory, int) and x.nbytes <= memory <= 2.5 * x.nbytes


@every
def test_a_file_gives_the_same_answers_and_goes_on(make, tmp_path):
    x = clustered()
    active = np.arange(600) < 500
    index = make(distance="cosine").build(x, active=active)
    index.save(tmp_path / "index")
    assert [p.name for p in tmp_path.iterdir()] == ["index"]
    loaded = search.load(tmp_path / "index", dim=6, kind=index.kind)
    assert type(loaded) is type(index) and loaded._config() == index._config()
    for got, want in zip(loaded.query(x[:50], 5), index.query(x[:50], 5), strict=True):
        np.testing.assert_array_equal(got, want)
    for now in index, loaded:
        now.update(np.arange(500, 550), x[500:550])
    for got, want in zip(loaded.query(x[450:], 5), index.query(x[450:], 5), strict=True):
        np.testing.assert_array_equal(got, want)


@every
def test_a_file_that_is_cut_short_or_changed_is_refused_by_its_path(make, tmp_path):
    path = tmp_path / "index"
    built(make).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:0], whole[:100], whole[: len(whole) // 2], whole[:-1]]
    for _ in range(20):
        place = rng.integers(len(whole))
        damaged.append(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    for data in damaged:
        path.write_bytes(data)
        try:  # what zip files do not check may change without harm
            search.load(path)
        except ValueError as error:
            assert str(path) in str(error)


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, changed, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in changed.items():
            archive.writestr(name, data)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(files, **changes):
    header = json.loads(bytes(np.load(io.BytesIO(files["header.npy"]))))
    text = json.dumps({**header, **changes}).encode()
    return {**files, "header.npy": npy(np.frombuffer(text, "uint8"))}


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: with_header(f, kind="flat"), "kind 'flat', not exact"),
        (lambda f: with_header(f, kind=["exact"]), "kind"),
        (lambda f: with_header(f, version=2), "version 2"),
        (lambda f: with_header(f, format="other"), "other of version 1"),
        (lambda f: with_header(f, size=601), "gallery float32"),
        (lambda f: with_header(f, size=True), "size True"),
        (lambda f: with_header(f, dim=0), "dim 0"),
        (lambda f: with_header(f, distance="l1"), "distance to be one of"),
        (lambda f: with_header(f, config={"tile": 0}), "tile to be an integer"),
        (lambda f: with_header(f, config={"x": 0}), "unexpected keyword"),
        (lambda f: with_header(f, config=[]), "no dictionary"),
        (lambda f: {**f, "gallery.npy": npy(np.zeros((600, 6), "int8"))}, "gallery int8"),
        (lambda f: {**f, "active.npy": npy(np.zeros(5, bool))}, r"active bool \(5,\)"),
        (lambda f: {**f, "gallery.npy": f["gallery.npy"][:-4]}, "ValueError"),
        (lambda f: {**f, "gallery.npy": pickle.dumps(1)}, "magic string"),
        (lambda f: {**f, "gallery.npy": b"\x93NUMPY\x09\x09"}, "KeyError"),
        (lambda f: {"header.npy": f["header.npy"]}, "no gallery"),
        (lambda f: {"gallery.npy": f["gallery.npy"]}, "KeyError"),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(change, message, tmp_path):
    path = tmp_path / "index"
    built(search.Exact).save(path)
    rewrite(path, change(members(path)))
    with pytest.raises(ValueError, match=f"(?s){re.escape(str(path))}.*{message}"):
        search.load(path)


def test_objects_and_compressed_files_are_refused(tmp_path):
    path = tmp_path / "index"
    built(search.Exact).save(path)
    files = members(path)
    rewrite(path, files, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        search.load(path)
    file = io.BytesIO()
    np.save(file, np.array([{}]), allow_pickle=True)
    rewrite(path, {**files, "gallery.npy": file.getvalue()})
    with pytest.raises(ValueError, match="holds objects"):
        search.load(path)


def test_another_dimension_or_kind_than_asked_for_is_refused(tmp_path):
    path = tmp_path / "index"
    built(search.Exact).save(path)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*dimension 6, not 7"):
        search.load(path, dim=7)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*kind 'exact', not other"):
        search.load(path, kind="other")
    with pytest.raises(FileNotFoundError):
        search.load(tmp_path / "nothing")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    index = search.Exact().build(clustered())
    index.save(tmp_path / "index")
    before = (tmp_path / "index").read_bytes()

    def full(file, **arrays):
        file.write(b"some")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        index.update([0], np.ones((1, 6))).save(tmp_path / "index")
    assert [p.name for p in tmp_path.iterdir()] == ["index"]
    assert (tmp_path / "index").read_bytes() == before


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda i, x: i.build(x[0]), r"gallery to be of shape \(gallery, dim\)"),
        (lambda i, x: i.build(x, active=[True]), r"active to be of shape \(600,\), received: \(1,\)"),
        (lambda i, x: i.update([600], x[:1]), "indices to be from 0 to 599, received: 600 to 600"),
        (lambda i, x: i.update([-1], x[:1]), "indices to be from 0 to 599, received: -1 to -1"),
        (lambda i, x: i.update([0.5], x[:1]), r"indices to be integers \(rows,\)"),
        (lambda i, x: i.update([1, 2], x[:1]), r"embeddings to be of shape \(2, 6\), received: \(1, 6\)"),
        (lambda i, x: i.query(x[:, :3], 1), r"queries to be of shape \(queries, 6\), received: \(600, 3\)"),
        (lambda i, x: i.query(x, 0), "k to be an integer of at least 1"),
        (lambda i, x: i.query(x, 1, exclude=[1]), r"exclude to be of shape \(600,\), received: \(1,\)"),
    ],
)
@every
def test_refuses(make, call, message):
    x = clustered()
    with pytest.raises(ValueError, match=f"Expected {message}"):
        call(built(make), x)


@every
@pytest.mark.parametrize("call", ["query", "update", "save", "memory"])
def test_refuses_before_build(make, call, tmp_path):
    index = make()
    arguments = {"query": (np.ones((1, 2)), 1), "update": ([0], np.ones((1, 2))), "save": (tmp_path / "i",)}
    with pytest.raises(ValueError, match="an index with a gallery, received: one that was not built"):
        getattr(index, call)(*arguments[call])

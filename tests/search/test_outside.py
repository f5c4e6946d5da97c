"""Indexes of other libraries: what they find, what their files may not hold, and where they go."""

import functools
import io
import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tfdml import search
from tfdml.layers import NNGKClassifier

KINDS = {kind: functools.partial(search.FAISS, kind) for kind in ("ivf", "fast_scan", "hnsw")}
if sys.platform == "linux":
    KINDS["scann"] = search.ScaNN
pytestmark = pytest.mark.usefixtures("one_thread")
every = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@functools.cache
def clustered(size=4000, dim=16, classes=60, queries=200, seed=0):
    """Unit vectors of classes, and others of the same classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(classes, dim))[rng.integers(0, classes, size + queries)]
    x = x + 0.6 * rng.normal(size=x.shape)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")
    return x[:size], x[size:]


def recall(found, expected):
    pairs = zip(found.indices.tolist(), expected.indices.tolist(), strict=True)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs])


@every
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_recall_and_distances_at_the_defaults(make, distance):
    x, queries = clustered()
    found = make(distance=distance).build(x).query(queries, 10)
    assert recall(found, search.Exact(distance).build(x).query(queries, 10)) > 0.95
    # Whatever is found is at the distance that it says, and the nearest comes first.
    there = x[found.indices]
    if distance == "euclidean":
        distances = np.linalg.norm(there - queries[:, None], axis=2)
    else:
        distances = (distance == "cosine") - np.einsum("qkd,qd->qk", there, queries)
    np.testing.assert_allclose(found.distances, distances, atol=2e-6)
    assert (np.diff(found.distances, axis=1) >= 0).all()


@every
def test_more_effort_finds_more(make):
    x, queries = clustered()
    expected = search.Exact().build(x).query(queries, 10)
    index, found = make().build(x), []
    for index.probes, index.refine, index.effort in (1, 1, 1), (4, 2, 20), (60, 30, 400):
        found.append(recall(index.query(queries, 10), expected))
    assert found == sorted(found) and found[0] < found[-1] > 0.99


@every
def test_changed_rows_of_many_are_found(make):
    x, queries = clustered()
    index = make().build(x).update(np.arange(100, 300), queries)
    assert (index.query(queries, 1).indices[:, 0] == np.arange(100, 300)).mean() > 0.97
    gone = index.query(x[100:300], 1)
    assert not np.isin(gone.indices, np.arange(100, 300))[gone.distances < 1e-6].any()


@every
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (15, 1), (20, 7), (1100, 3)], ids=str)
def test_few_rows_and_odd_dimensions(make, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    index = make(lists=1) if make is not KINDS["hnsw"] else make()
    found = index.build(x).query(x, min(len(x), 5))
    assert (found.indices[:, 0] == np.arange(len(x))).mean() > 0.95
    np.testing.assert_allclose(found.distances[:, 0], 0, atol=0.05)


@every
def test_equal_rows_and_none(make):
    x = np.ones((1200, 4), "float32")
    found = make(**{} if make is KINDS["hnsw"] else {"lists": 5, "probes": 5}).build(x).query(x[:3], 4)
    assert found.indices.min() >= 0 and np.allclose(found.distances, 0)
    none = make().build(x, active=np.zeros(1200, bool))
    assert none.memory == 0 and (none.query(x[:2], 3).indices == -1).all()
    assert make().build(x[:5]).query(x[:0], 3).indices.shape == (0, 3)


@every
def test_what_is_not_finite_is_refused(make):
    with pytest.raises(ValueError, match="embeddings to be finite, received: NaN or infinity"):
        make().build(np.full((20, 2), np.nan))


@every
@pytest.mark.parametrize("other", [search.Exact, search.IVF], ids=["exact", "ivf"])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_goes_to_an_index_in_graph(make, other, distance):
    x, queries = clustered()
    rows = np.arange(0, 4000, 2)
    index = make(distance=distance).build(x, active=np.isin(np.arange(4000), rows)).update([1], queries[:1])
    assert not index.in_graph and other.in_graph
    got = index.to(other(distance=distance))
    assert type(got) is other and (got.size, got.dim) == (4000, 16)
    y = x.copy()
    y[1] = queries[0]
    active = np.isin(np.arange(4000), [1, *rows])
    expected = search.Exact(distance).build(y, active=active).query(queries, 10)
    assert recall(got.query(queries, 10), expected) > (0.9999 if other is search.Exact else 0.97)
    with pytest.raises(ValueError, match=f"index to be by the distance {distance}, received: dot"):
        index.to(other(distance="dot"))


def test_indexes_in_graph_go_to_each_other_and_outside():
    x, queries = clustered()
    active = np.arange(4000) % 3 > 0
    index = search.Exact("squared_euclidean").build(x, active=active)
    expected = index.query(queries, 5)
    for other in search.IVF(), search.FAISS("hnsw"), search.Exact():
        index = index.to(other)
        assert recall(index.query(queries, 5), expected) > 0.97
    with pytest.raises(ValueError, match="to be an index of tfdml"):
        index.to("exact")


@pytest.mark.parametrize(
    "make, library, extra", [(search.FAISS, "faiss", "faiss"), (search.ScaNN, "scann", "scann")]
)
def test_a_library_that_is_missing_is_named_with_its_extra(make, library, extra, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install tfdml\[{extra}\] brings it"):
        make()
    # A loaded classifier does without it until neighbours are to be found anew.
    layer = NNGKClassifier(2, capacity=3, search={"kind": extra, "distance": "euclidean", "config": {}})
    layer.build((None, 2))
    layer.active.assign(np.ones(3, bool))
    assert layer.searches_outside and layer(np.eye(2)).shape == (2, 2)
    with pytest.raises(ImportError, match=rf"tfdml\[{extra}\]"):
        layer.renew_table()


@pytest.mark.parametrize("make", list(KINDS.values())[1::2], ids=list(KINDS)[1::2])
def test_a_model_trains_with_its_neighbours(make):
    from tfdml.callbacks import CenterRefresh

    x, _ = clustered(1200, 8, 6)
    labels = np.argmax(x @ np.random.default_rng(1).normal(size=(8, 6)), axis=1)
    image, index = keras.Input((8,), name="image"), keras.Input((), dtype="int64", name="index")
    layer = NNGKClassifier(6, capacity=1200, neighbors=8, search=make())
    model = keras.Model({"image": image, "index": index}, layer(keras.layers.Dense(8)(image), index=index))
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    given = {"image": x, "index": np.arange(1200)}
    refresh = CenterRefresh([(given, labels)])
    history = model.fit(given, labels, epochs=3, batch_size=100, callbacks=[refresh], verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and history["neighbors_changed"][-1] > 0
    exact = search.Exact().build(layer.stored()).query(layer.stored(), 8, exclude=np.arange(1200))
    assert recall(search.Neighbors(None, layer.array("table")), exact) > 0.85


@functools.cache
def saved(kind):
    """Arrays of an index file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        search.FAISS(kind, lists=20).build(clustered()[0]).save(path)
        with np.load(path) as file:
            return dict(file)


def write_changed(path, kind, **arrays):
    """Writes an index file with other arrays, by functions of what they were; `header` is a dictionary."""
    found = dict(saved(kind))
    header = json.loads(bytes(found.pop("header")))
    header.update(arrays.pop("header", {}))
    found |= {name: change(found[name].copy()) for name, change in arrays.items()}
    found["header"] = np.frombuffer(json.dumps(header).encode(), "uint8")
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in found.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{name}.npy", file.getvalue())


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    "kind, change, message",
    [
        ("ivf", {"rows": put(0, 1)}, "rows that are not in the gallery"),
        ("ivf", {"rows": put(0, 9000)}, "rows that are not in the gallery"),
        ("ivf", {"rows": lambda x: x[1:]}, "vectors float32"),
        ("ivf", {"rows": lambda x: x.astype("int64")}, "rows int64"),
        ("ivf", {"vectors": put(0, np.nan)}, "vectors that are not finite"),
        ("ivf", {"vectors": lambda x: x[:, 1:]}, "vectors float32"),
        ("ivf", {"centroids": put(0, np.inf)}, "centroids that no training gives"),
        ("ivf", {"centroids": lambda x: x[:0]}, "centroids that no training gives"),
        ("ivf", {"header": {"dim": 8}}, "vectors float32"),
        ("ivf", {"header": {"config": {"kind": "pq"}}}, "kind to be one of"),
        ("ivf", {"header": {"config": {"kind": "hnsw"}}}, "no levels"),
        ("fast_scan", {"codebooks": lambda x: x[1:]}, "codebooks float32"),
        ("fast_scan", {"codebooks": put(0, np.nan)}, "codebooks that no training gives"),
        ("hnsw", {"levels": put(0, 0)}, "levels that there are not"),
        ("hnsw", {"levels": put(0, 99)}, "levels that there are not"),
        ("hnsw", {"levels": put(0, 3)}, "links int32"),
        ("hnsw", {"links": put(0, 4000)}, "links to rows that there are not"),
        ("hnsw", {"links": put(0, -2)}, "links to rows that there are not"),
        ("hnsw", {"entry": put(0, -1)}, "an entry"),
        ("hnsw", {"entry": put(0, 4000)}, "an entry"),
    ],
)
def test_files_that_would_lead_the_library_astray_are_refused(kind, change, message, tmp_path):
    path = tmp_path / "index"
    write_changed(path, kind, **change)
    with pytest.raises(ValueError, match=f"(?s){re.escape(str(path))}.*{message}"):
        search.load(path)


def test_links_of_a_graph_stay_on_levels_that_rows_have(tmp_path):
    path = tmp_path / "index"
    levels, entry = saved("hnsw")["levels"], saved("hnsw")["entry"][0]
    low = np.flatnonzero(levels == 1)[0]
    place = 32 * entry + 16 * (levels[:entry] - 1).sum() + 32  # the first link on its second level
    write_changed(path, "hnsw", links=put(int(place), low))
    with pytest.raises(ValueError, match="links to rows on other levels"):
        search.load(path)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"kind": "flat"}, "kind"), ({"lists": 0}, "lists"), ({"probes": 0}, "probes"),
        ({"refine": 0}, "refine"), ({"effort": 0}, "effort"), ({"links": 1}, "links"),
        ({"seed": -1}, "seed"), ({"distance": "l1"}, "distance"),
    ],
)  # fmt: skip
def test_refuses(arguments, name):
    with pytest.raises(ValueError, match=f"Expected {name} to be"):
        search.FAISS(**arguments)
    if sys.platform == "linux" and name in ("lists", "probes", "refine", "distance"):
        with pytest.raises(ValueError, match=f"Expected {name} to be"):
            search.ScaNN(**arguments)

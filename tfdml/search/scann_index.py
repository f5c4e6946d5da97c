"""The index of ScaNN: lists by k-means of short codes that are made for dot products."""

import math
import tempfile
from pathlib import Path

import numpy as np
from keras import ops

from tfdml.checks import check_count
from tfdml.search.exact import nearest_neighbors
from tfdml.search.extras import require
from tfdml.search.outside import OutsideIndex

FEW = 1000  # rows that are all compared: lists of them would find less and save nothing
WIDTH = 2  # dimensions of a code of four bits


class ScaNN(OutsideIndex):
    """An approximate index of ScaNN, on Linux, many times faster than a search in graph, and never exported.

    It comes with `pip install tfdml[scann]`. Rows are looked for among short codes in the lists that are near
    to a query, and the best are compared by their vectors. `update` and `tfdml.search.load` build the index
    anew, which takes longest of all indexes: a file of `save` holds the vectors, and nothing of ScaNN's own
    format is read. Fewer than 1,000 active rows are compared one by one.

    Args:
        lists: Integer above 0. Defaults to `None`: twice the root of the number of active rows.
        probes: Integer above 0: lists that a query reads. More finds more and takes longer, here and in
            `refine`; both may be changed after `build`. Defaults to `16`.
        refine: Integer above 0: times as many as are asked for are compared by their vectors, and 100 at
            least. Defaults to `4`.
        distance: As in `tfdml.search.nearest_neighbors`. Defaults to `"euclidean"`.

    Example:

    >>> gallery = np.random.default_rng(0).normal(size=(2000, 8))
    >>> index = tfdml.search.ScaNN(probes=16).build(gallery)
    >>> index.query(gallery[5:6], k=1).indices.tolist()
    [[5]]

    Reference:
        Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020.
    """

    kind = "scann"

    def __init__(self, lists=None, probes=16, refine=4, distance="euclidean"):
        super().__init__(distance)
        self.lists = None if lists is None else check_count("lists", lists)
        self.probes, self.refine = check_count("probes", probes), check_count("refine", refine)
        self._scann = require("scann.scann_ops.py.scann_ops_pybind", "scann", "ScaNN")
        self._searcher = self._few = None

    def _make(self, vectors):
        self._few = vectors if len(vectors) < FEW else None
        if self._few is not None:
            return
        lists = min(self.lists or math.ceil(2 * math.sqrt(len(vectors))), len(vectors))
        builder = self._scann.builder(vectors, 1, "dot_product" if self.products else "squared_l2")
        builder = builder.tree(lists, min(self.probes, lists), training_sample_size=len(vectors))
        # Codes are exacter along the vector, which is what a dot product sees.
        codes = {"anisotropic_quantization_threshold": 0.2} if self.products else {}
        self._searcher = builder.score_ah(WIDTH, **codes).reorder(self.refine).build()

    _refill = _make

    def _vectors(self):
        return self._few if self._few is not None else self._serialized(np.load, "dataset.npy")["dataset.npy"]

    def _bytes(self):
        if self._few is not None:
            return self._few.nbytes
        return sum(self._serialized(lambda file: file.stat().st_size).values())

    def _serialized(self, read, pattern="*"):
        """What `read` gives of the files that ScaNN writes of the index, by their names."""
        with tempfile.TemporaryDirectory() as folder:
            self._searcher.serialize(folder)
            return {file.name: read(file) for file in Path(folder).glob(pattern)}

    def _search(self, queries, k):
        if self._few is not None:
            distance = "dot" if self.products else "squared_euclidean"
            found = nearest_neighbors(queries, self._few, k, distance=distance)
            values, places = (ops.convert_to_numpy(x) for x in found)
            return -values if self.products else values, places
        places, values = self._searcher.search_batched_parallel(
            queries,
            final_num_neighbors=k,
            pre_reorder_num_neighbors=self._candidates(k),
            leaves_to_search=self.probes,
        )
        missing = np.isnan(values)
        return np.where(missing, 0, values), np.where(missing, -1, places.astype("int32"))

    def _config(self):
        return {name: getattr(self, name) for name in ("lists", "probes", "refine")}

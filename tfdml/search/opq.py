"""Optimised product quantisation: embeddings in a few bytes each."""

import keras
import numpy as np

from tfdml.checks import check_count
from tfdml.search import files
from tfdml.search import opq_steps as steps
from tfdml.search.extras import require
from tfdml.search.k_means import nearest
from tfdml.search.opq_faiss import train_with_faiss
from tfdml.search.opq_training import fitted

TRAINERS, STARTS = ("own", "faiss"), ("best", "pca", "identity")


@keras.saving.register_keras_serializable(package="tfdml")
class OPQ:
    """Optimised product quantisation: codes of `bytes` bytes for embeddings, trained on those embeddings.

    An embedding is rotated, cut into `bytes` parts, and each part is replaced by the number of the nearest of
    256 codewords. The rotation is that which makes this lose least. `tfdml.search.quantized_neighbors`
    searches the codes without decoding them.

    Args:
        bytes: Integer from 1 to the dimension of the embeddings: bytes of a code. Defaults to `16`.
        dim: A multiple of `bytes`, up to the dimension of the embeddings: how many principal directions are
            kept before the parts are cut. Rotation and codewords take `4 · dim · (256 + dim of embeddings)`
            bytes. Defaults to `None`: as many as deserve a bit when the bits of a code are dealt out over the
            spectrum of the embeddings (reverse water-filling), up to a multiple of `bytes`.
        iterations: Integer, 0 or more: turns of the rotation. 0 leaves it where it starts. Defaults to `20`.
        seed: Integer, 0 or more: of the first codewords. Defaults to `0`.
        trainer: `"own"`, or `"faiss"`, which is as good and slower and comes with `tfdml[faiss]`. For fewer
            than 256 different points, which have as many codewords, it is always our own. Defaults to
            `"own"`.
        start: Where the rotation starts. `"pca"`: from principal directions, dealt to the parts so that each
            has as much to code. `"identity"`: from the embeddings as they are if `dim` is theirs, else from
            the principal directions in their order. `"best"`: from principal directions, unless plain product
            quantisation of all directions is better and `dim` allows it; then from the embeddings as they
            are. So the error is never above that of product quantisation. Defaults to `"best"`.

    Formula:
        `x ≈ R [c_1[i_1], ..., c_M[i_M]]`, `R^T R = I`, with `R`, `c` and `i` such that `Σ |x - decoded|²` is
        small.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(1000, 32)) * 0.8 ** np.arange(32)
    >>> opq = tfdml.search.OPQ(bytes=4).fit(x)
    >>> codes = opq.encode(x)
    >>> codes.dtype.name, codes.shape, opq.decode(codes).shape, opq.distortion(x) < 0.2
    ('uint8', (1000, 4), (1000, 32), True)
    >>> found = tfdml.search.quantized_neighbors(x[:5], codes, **opq.state(), k=3)
    >>> tuple(found.indices.shape)
    (5, 3)

    Reference:
        Ge, He, Ke and Sun, "Optimized Product Quantization", TPAMI 2014.
    """

    def __init__(self, bytes=16, dim=None, iterations=20, seed=0, trainer="own", start="best"):
        self.bytes, self.dim = check_count("bytes", bytes), None if dim is None else check_count("dim", dim)
        self.iterations = check_count("iterations", iterations, least=0)
        self.seed = check_count("seed", seed, least=0)
        if dim is not None and dim % bytes:
            raise ValueError(f"Expected dim to be a multiple of bytes, {bytes}, received: {dim}")
        for name, value, choices in ("trainer", trainer, TRAINERS), ("start", start, STARTS):
            if value not in choices:
                raise ValueError(f"Expected {name} to be one of {', '.join(choices)}, received: {value!r}")
        self.trainer, self.start = trainer, start
        self.rotation = self.codebooks = None

    def fit(self, x):
        """Trains on embeddings `(n, dim)`, or on 65,536 of them if they are more. Returns itself."""
        x = as_rows(x)
        if not len(x):
            raise ValueError("Expected x to hold an embedding, received: none")
        if max(self.bytes, self.dim or 1) > x.shape[1]:
            raise ValueError(
                f"Expected bytes and dim to be at most the dimension of x, {x.shape[1]}, "
                f"received: bytes={self.bytes}, dim={self.dim}"
            )
        arguments = self.bytes, self.dim, self.iterations, self.seed, self.start
        self.rotation, self.codebooks = fitted(x, *arguments, self._trainer_of)
        return self

    def encode(self, x):
        """Codes `(n, bytes)`, uint8, of embeddings `(n, dim)`."""
        rotation, codebooks = self.state().values()
        x = as_rows(x, len(rotation))
        return nearest(steps.split(x @ rotation, self.bytes), codebooks).T.copy()

    def decode(self, codes):
        """Embeddings `(n, dim)`, float32, that codes `(n, bytes)` stand for."""
        rotation, codebooks = self.state().values()
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != self.bytes or not np.issubdtype(codes.dtype, np.integer):
            raise ValueError(
                f"Expected codes to be integers (n, {self.bytes}), received: {codes.dtype} {codes.shape}"
            )
        if codes.size and not 0 <= codes.min() <= codes.max() < codebooks.shape[1]:
            received = f"{codes.min()} to {codes.max()}"
            raise ValueError(f"Expected codes to be 0 to {codebooks.shape[1] - 1}, received: {received}")
        return steps.joined(steps.codewords(codes.T, codebooks)) @ rotation.T

    def distortion(self, x):
        """Mean squared error of decoded `x`, relative to its variance `mean |x - mean(x)|²`.

        0 is exact, 1 is no better than the mean. The variance of points that are all the same is taken to be
        1e-10 of their squared length.
        """
        x = as_rows(x).astype("float64")
        error = np.square(x - self.decode(self.encode(x))).sum()
        variance = np.square(x - x.mean(axis=0)).sum()
        variance = max(variance, 1e-10 * np.square(x).sum())
        return float(error / variance) if variance > 0 else 0.0

    def get_config(self):
        """The arguments, plain values."""
        names = "bytes", "dim", "iterations", "seed", "trainer", "start"
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        """An untrained one of the same arguments."""
        return cls(**config)

    def state(self):
        """What training found, as two arrays that a layer may hold, float32.

        `rotation`, `(dim of x, dim)`, has orthonormal columns. `codebooks` is
        `(bytes, codewords, dim / bytes)`: 256 codewords, or as many as there were different points.
        """
        if self.rotation is None:
            raise ValueError("Expected an OPQ that was fitted, received: one that was not")
        return {"rotation": self.rotation, "codebooks": self.codebooks}

    @classmethod
    def from_state(cls, state, **config):
        """One that holds the arrays of `state()`; `config` may give the arguments of the constructor."""
        rotation = np.asarray(keras.ops.convert_to_numpy(state["rotation"]), "float32")
        codebooks = np.asarray(keras.ops.convert_to_numpy(state["codebooks"]), "float32")
        check_state(rotation, codebooks)
        opq = cls(**{"bytes": len(codebooks)} | config)
        if opq.bytes != len(codebooks) or opq.dim not in (None, rotation.shape[1]):
            received = f"bytes={opq.bytes}, dim={opq.dim}"
            raise ValueError(f"Expected bytes and dim to be those of the arrays, received: {received}")
        opq.rotation, opq.codebooks = rotation, codebooks
        return opq

    def save(self, path):
        """Writes arguments and arrays to a file, whole or not at all. The name usually ends in `.npz`."""
        files.write(path, {"kind": "opq", "config": self.get_config()}, self.state())

    @classmethod
    def load(cls, path):
        """The one in a file of `save`, which is checked as one that a stranger may have made."""
        header, arrays = files.read(path)
        if header.get("kind") != "opq":
            raise files.refused(path, f"kind {header.get('kind')!r}, not opq")
        try:
            for name, rank in ("rotation", 2), ("codebooks", 3):
                files.expect_array(arrays, name, ("float32",), (None,) * rank)
            return cls.from_state(arrays, **header["config"])
        except (ValueError, KeyError, TypeError) as error:
            raise files.refused(path, f"one whose parts do not fit ({error})") from error

    def _trainer_of(self, codewords):
        if self.trainer == "own":
            return steps.alternate
        require("faiss", "faiss", "FAISS")
        return train_with_faiss if codewords == 256 else steps.alternate


def as_rows(x, dim=None):
    """Embeddings as float32 `(n, dim)`, all finite."""
    x = np.ascontiguousarray(keras.ops.convert_to_numpy(x), "float32")
    if x.ndim != 2 or not x.shape[1] or dim not in (None, x.shape[1]):
        raise ValueError(f"Expected x to be of shape (n, {dim or 'dim'}), received: {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("Expected x to be finite, received: values that are not")
    return x


def check_state(rotation, codebooks):
    """Refuses arrays that no training gives."""
    if rotation.ndim != 2 or codebooks.ndim != 3 or codebooks.shape[::2] != (
        len(codebooks), rotation.shape[1] / max(len(codebooks), 1)
    ):  # fmt: skip
        shapes = f"{rotation.shape} and {codebooks.shape}"
        raise ValueError(f"Expected rotation and codebooks to be of shapes that fit, received: {shapes}")
    if 0 in codebooks.shape or codebooks.shape[1] > 256 or not np.isfinite(codebooks).all():
        raise ValueError(f"Expected codebooks to be 1 to 256 finite codewords, received: {codebooks.shape}")
    if not np.allclose(rotation.T @ rotation, np.eye(rotation.shape[1]), atol=1e-3):
        raise ValueError("Expected rotation to have orthonormal columns, received: columns that are not")

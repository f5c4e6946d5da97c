"""Embeddings brought to two dimensions, and from there to the cells of a grid."""

import math
from dataclasses import dataclass

import numpy as np

METHODS = ("tsne", "pca")
TSNE_DIMENSIONS = 50  # further principal components cost time and change the neighbourhoods little
TSNE_STEPS = 500
# From here on a coarser angle is a third faster and as faithful (trustworthiness 0.979 for 0.980 at
# 2,956 points), and threads are worth their start; below, it is neither.
MANY = 1000


@dataclass(frozen=True)
class MapLayout:
    """Where pictures stand on a map of their embeddings.

    Attributes:
        indices: Which embeddings have a place, integers `(places,)`, ascending.
        rows, columns: Cell of each place, from the upper left, integers `(places,)`.
        shape: `(rows, columns)` of the grid.
        considered: Number of embeddings that were laid out; the others of a large set were passed over.
    """

    indices: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]
    considered: int


def project(embeddings, method="tsne", seed=0):
    """Two dimensions `(n, 2)` of embeddings `(n, dim)`, by t-SNE (from principal components) or PCA alone.

    Args:
        embeddings: Finite floats `(n, dim)`.
        method: `"tsne"` or `"pca"`. Fewer than 5 points are always laid out by PCA. Defaults to `"tsne"`.
        seed: Integer; the same seed gives the same map. Defaults to `0`.
    """
    if method not in METHODS:
        raise ValueError(
            f"Expected method to be one of {', '.join(map(repr, METHODS))}, received: {method!r}"
        )
    embeddings = np.asarray(embeddings, "float32")
    if embeddings.ndim != 2 or not len(embeddings) or not np.isfinite(embeddings).all():
        raise ValueError(f"Expected embeddings to be finite and (n, dim), received: {embeddings.shape}")
    reduced = _principal(embeddings, TSNE_DIMENSIONS)
    if method == "pca" or len(embeddings) < 5 or not reduced[:, 0].any():
        return reduced[:, :2]
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    start = reduced[:, :2] / reduced[:, 0].std() * 1e-4
    perplexity = min(30.0, (len(embeddings) - 1) / 3)
    many = len(embeddings) >= MANY
    tsne = TSNE(
        init=start,
        perplexity=perplexity,
        max_iter=TSNE_STEPS,
        angle=0.8 if many else 0.5,
        random_state=seed,
    )
    # A step's matrices are so small that BLAS threads would only wait for each other.
    with threadpool_limits({"blas": 1} if many else 1):
        return tsne.fit_transform(reduced)


def _principal(embeddings, dimensions):
    """Scores of the leading principal components, at least two columns, zeros where there are fewer."""
    centered = embeddings.astype("float64") - embeddings.mean(axis=0, dtype="float64")
    _, vectors = np.linalg.eigh(centered.T @ centered)
    vectors = vectors[:, ::-1][:, :dimensions]
    # The sign of an eigenvector is arbitrary: fix it, so that libraries agree.
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    scores = (centered @ (vectors * signs)).astype("float32")
    return np.pad(scores, ((0, 0), (0, max(0, 2 - scores.shape[1]))))


def evenly(n, most):
    """At most `most` of the numbers below `n`, at equal steps."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(int)


def map_layout(embeddings, method="tsne", seed=0, most=3000, cells=40):
    """The grid cell of each picture on a map of its embedding.

    A picture stands in the cell that its embedding falls into; of several, the one nearest to the cell's
    middle has it, the others stand in a free cell beside it or are left out. So nothing is hidden, and
    what is off its place is so by one cell.

    Args:
        embeddings: Finite floats `(n, dim)`.
        method: `"tsne"` or `"pca"`. Defaults to `"tsne"`.
        seed: Integer; the same seed gives the same map. Defaults to `0`.
        most: Most embeddings to lay out, 1 or more; of a larger set, that many at equal steps.
            Defaults to `3000`.
        cells: Most cells on a side of the grid, 1 or more; small sets get fewer. Defaults to `40`.

    Returns:
        A `MapLayout`.
    """
    for name, value in (("most", most), ("cells", cells)):
        if not value >= 1:
            raise ValueError(f"Expected {name} to be 1 or more, received: {value}")
    considered = evenly(len(embeddings), most)
    points = project(np.asarray(embeddings)[considered], method, seed)
    side = min(cells, max(1, math.ceil(math.sqrt(2 * len(points)))))
    low, high = points.min(axis=0), points.max(axis=0)
    span = max(float((high - low).max()), 1e-12)
    # One scale for both directions; the shorter one stands in the middle. The second one points up.
    places = ((points - (low + high) / 2) / span * (1, -1) * 0.9999 + 0.5) * side
    taken = _occupy(places, side)
    chosen = np.array(sorted(taken.values()))
    cell_of = {place: cell for cell, place in taken.items()}
    columns, rows = np.array([cell_of[place] for place in chosen]).T
    top, left = rows.min(), columns.min()
    shape = int(rows.max() - top + 1), int(columns.max() - left + 1)
    return MapLayout(considered[chosen], rows - top, columns - left, shape, len(considered))


def _occupy(places, side):
    """`{(column, row): place}`, one place a cell, the nearest to the middle first."""
    own = np.clip(np.floor(places), 0, side - 1).astype(int)
    distance = np.linalg.norm(places - own - 0.5, axis=1)
    taken, crowded = {}, []
    for place in np.argsort(distance, kind="stable"):
        cell = tuple(own[place].tolist())
        if cell in taken:
            crowded.append(place)
        else:
            taken[cell] = place
    around = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y])
    for place in crowded:
        near = own[place] + around
        for cell in near[
            np.argsort(np.linalg.norm(near + 0.5 - places[place], axis=1), kind="stable")
        ].tolist():
            if all(0 <= at < side for at in cell) and tuple(cell) not in taken:
                taken[tuple(cell)] = place
                break
    return taken

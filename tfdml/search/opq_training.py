"""How `tfdml.search.OPQ` comes to its rotation and its codebooks."""

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.search import opq_steps as steps
from tfdml.search.k_means import nearest

TRAINING_POINTS = 65_536


def fitted(x, bytes, dim, iterations, seed, start, trainer_of):
    """Rotation and codebooks of rows `x`, float32.

    `trainer_of` a number of codewords is `opq_steps.alternate` or its like.
    """
    # Matrices are small: several threads would wait for each other, on a busy machine for most of the time.
    with threadpool_limits(1, user_api="blas"):
        return best_fit(x, bytes, dim, iterations, seed, start, trainer_of)


def best_fit(x, bytes, dim, iterations, seed, start, trainer_of):
    """Rotation and codebooks of the start that leaves the smallest error."""
    rng = np.random.default_rng(seed)
    if len(x) > TRAINING_POINTS:
        x = x[np.sort(rng.choice(len(x), TRAINING_POINTS, replace=False))]
    # In units of the largest entry: squares of huge or tiny entries do not fit into float32.
    scale = np.abs(x).max() or np.float32(1)
    units, whole = x / scale, x.shape[1]
    mean = units.mean(axis=0, dtype="float64").astype("float32")
    centered = units - mean
    size = min(256, count_different(x))
    train = trainer_of(size)

    def trained(start, dim, iterations):
        """Error, rotation, and codebooks of the rows as they are."""
        if start == "identity" and dim == whole:
            directions = np.eye(whole, dtype="float32")
        else:
            directions = principal_directions(centered, mean, bytes, dim)
        z = centered @ directions
        first = balanced_rotation(z, bytes) if start == "pca" else np.eye(z.shape[1], dtype="float32")
        turned, codebooks = train(z, bytes, first, size, iterations, np.random.default_rng(seed))
        rotation = steps.orthonormal(directions @ turned)
        codebooks = codebooks + steps.split((mean @ rotation)[None], bytes)
        parts = steps.split(units @ rotation, bytes)
        decoded = steps.codewords(nearest(parts, codebooks), codebooks)
        error = np.square(units - steps.joined(decoded) @ rotation.T).sum(dtype="float64")
        return error, rotation, codebooks * scale

    if start != "best":
        return trained(start, dim, iterations)[1:]
    best = trained("pca", dim, iterations)
    if whole % bytes == 0 and dim in (None, whole):
        plain = trained("identity", whole, 0)
        if best[0] > plain[0]:
            best = min(plain, trained("identity", whole, iterations), key=lambda result: result[0])
    return best[1:]


def count_different(x):
    """How many different rows there are."""
    x = np.ascontiguousarray(x + np.float32(0))  # -0 is 0
    return len(np.unique(x.view(f"V{x[0].nbytes}")))


def principal_directions(centered, mean, bytes, dim):
    """Orthonormal columns `(dim_in, dim)` that keep most of the squared length of the rows `centered + mean`.

    The mean counts: what is decoded is a sum of codewords, and a direction that was cut could not give it
    back. Without `dim`, the directions are those that deserve a bit when `8 · bytes` bits are dealt out over
    the variances (reverse water-filling), and one for the mean, in a multiple of `bytes`.
    """
    dim_in = centered.shape[1]
    covariance = (centered.T @ centered).astype("float64") / len(centered)
    mean = mean.astype("float64")
    if dim is None:
        variances = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0)
        dim = directions_with_bits(variances, 8 * bytes)
        dim += bool(mean @ mean > variances[dim - 1])
        dim = min(-(-dim // bytes), dim_in // bytes) * bytes
    vectors = np.linalg.eigh(covariance + np.outer(mean, mean))[1]
    return vectors[:, ::-1][:, :dim].astype("float32")


def directions_with_bits(spectrum, bits):
    """How many of Gaussian directions of these variances, largest first, are worth coding with `bits`."""
    used = spectrum[spectrum > 1e-12 * max(spectrum[0], 1e-300)]
    if not len(used):
        return 1
    logs = np.log2(used)
    # Water at the height of direction i: what the first i directions rise above it must fit the budget.
    cost = np.concatenate([[0], np.cumsum(logs)[:-1]]) / 2 - np.arange(len(used)) * logs / 2
    return int(np.sum(cost < bits))


def balanced_rotation(z, subspaces):
    """Principal directions of centred `z`, dealt to sub-spaces so that their products of variances are equal.

    Each direction, from the largest variance down, goes to the sub-space with the smallest product that has
    room (Ge et al., 2013, section 3.2.2).
    """
    dim = z.shape[1]
    variances, vectors = np.linalg.eigh((z.T @ z).astype("float64") / len(z))
    floor = max(1e-10 * variances[-1], np.finfo("float64").tiny)
    logs = np.log(np.maximum(variances, floor) / floor)
    room, load = [[] for _ in range(subspaces)], np.zeros(subspaces)
    for direction in range(dim)[::-1]:
        chosen = int(np.argmin(load))
        room[chosen].append(direction)
        load[chosen] = np.inf if len(room[chosen]) == dim // subspaces else load[chosen] + logs[direction]
    return vectors[:, np.concatenate(room)].astype("float32")

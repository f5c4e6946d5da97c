"""The quadratic program of gradient episodic memory."""

import numpy as np

LEAST = 1e-12  # damping, as a share of the sum of the squared norms: below it a matrix may be singular


def project_gradient(gradient, memories, margin=0.5, damping=1e-3):
    """The nearest gradient that raises the losses of no memory, to first order.

    A gradient that already raises none is returned as it is.

    Args:
        gradient: `(weights,)`.
        memories: `(tasks, weights)`: the gradients of the losses of old tasks.
        margin: Float of at least 0: the least multiplier of a memory, which turns the gradient further
            towards old tasks ("memory strength"). Defaults to `0.5`.
        damping: Float above 0: added to the diagonal of the quadratic program. Defaults to `1e-3`.

    Returns:
        An array `(weights,)` of the dtype of `gradient`.

    Formula: `gradient + memoriesᵀ v` with `v = argmin_{v >= margin} ½ vᵀ P v + (G g)ᵀ v`, where `G` are the
    memories, `g` the gradient, and `P = G Gᵀ + damping · I`; solved as non-negative least squares of a
    Cholesky factor of `P`.

    Example:

    >>> tfdml.continual.project_gradient(np.array([1.0, 1.0]), np.array([[-1.0, 0.0]]), margin=0).round(2)
    array([0., 1.])

    Reference: Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    g, memories = np.asarray(gradient, "float64"), np.asarray(memories, "float64")
    products = memories @ g
    if not len(memories) or (products >= 0).all() or not np.isfinite(products).all():
        return np.asarray(gradient)
    gram = memories @ memories.T
    # Large gradients that point the same way leave nothing of a fixed damping.
    damping = max(damping, LEAST * np.trace(gram))
    quadratic = gram + damping * np.eye(len(memories))
    root = np.linalg.cholesky(quadratic)
    linear = products + quadratic @ np.full(len(memories), float(margin))
    above = nnls(root.T, -solve_triangular(root, linear, lower=True))[0]
    return (g + memories.T @ (above + margin)).astype(np.asarray(gradient).dtype)

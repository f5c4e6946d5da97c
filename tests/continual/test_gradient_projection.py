"""The quadratic program of GEM, against brute force and its own conditions."""

import itertools

import numpy as np
import pytest

from tfdml.continual import project_gradient


def made(seed, tasks=4, weights=7):
    rng = np.random.default_rng(seed)
    return rng.normal(size=weights), rng.normal(size=(tasks, weights))


def brute_force(g, memories, margin, damping):
    """Every set of multipliers that are above the margin, each solved; the best that may be."""
    quadratic = memories @ memories.T + damping * np.eye(len(memories))
    linear, best = memories @ g, None
    for free in itertools.product([False, True], repeat=len(memories)):
        free, v = np.array(free), np.full(len(memories), float(margin))
        if free.any():
            held = quadratic[np.ix_(free, ~free)] @ v[~free]
            v[free] = np.linalg.solve(quadratic[np.ix_(free, free)], -linear[free] - held)
        value = v @ quadratic @ v / 2 + linear @ v
        if (v >= margin - 1e-12).all() and (best is None or value < best[0]):
            best = value, v
    return g + memories.T @ best[1], best[1]


@pytest.mark.parametrize("margin", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(12))
def test_equals_brute_force_and_raises_no_old_loss(seed, margin):
    g, memories = made(seed)
    found = project_gradient(g, memories, margin, 1e-3)
    if (memories @ g >= 0).all():
        assert (found == g).all()
        return
    expected, multipliers = brute_force(g, memories, margin, 1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # The damping lets a product be below zero by so much.
    assert (memories @ found >= -1e-3 * multipliers - 1e-9).all()


def test_a_gradient_that_raises_nothing_is_left_as_it_is():
    g, memories = made(0)
    memories *= np.sign(memories @ g)[:, None]
    assert (project_gradient(g, memories, margin=0) == g).all()


@pytest.mark.parametrize(
    "memories",
    [
        np.zeros((3, 5)),
        np.ones((3, 5)),
        -np.ones((2, 5)) * 1e6,
        -np.ones((4, 5)) * [1e9, 1, 3, 7, 1e9],
        np.zeros((0, 5)),
    ],
    ids=["zero", "the same", "huge", "huge and the same", "none"],
)
def test_degenerate_memories_give_finite_gradients(memories):
    found = project_gradient(np.ones(5, "float32"), memories)
    assert found.dtype == "float32" and np.isfinite(found).all()


def test_the_nearest_gradient_in_two_dimensions():
    found = project_gradient(np.array([1.0, 1.0]), np.array([[-1.0, 0.0]]), margin=0, damping=1e-9)
    np.testing.assert_allclose(found, [0, 1], atol=1e-6)

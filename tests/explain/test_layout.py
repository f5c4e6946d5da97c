import numpy as np
import pytest

from tfdml.explain import map_layout


def clusters(classes=4, each=12, dim=16, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    return 10 * rng.normal(size=(classes, dim))[labels] + rng.normal(size=(len(labels), dim)), labels


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_no_two_pictures_share_a_cell(method):
    embeddings, _ = clusters()
    layout = map_layout(embeddings, method)
    cells = set(zip(layout.rows.tolist(), layout.columns.tolist(), strict=True))
    assert len(cells) == len(layout.indices) == len(set(layout.indices.tolist()))
    assert (layout.rows.min(), layout.rows.max()) == (0, layout.shape[0] - 1)
    assert (layout.columns.min(), layout.columns.max()) == (0, layout.shape[1] - 1)


def test_the_same_seed_gives_the_same_map():
    embeddings, _ = clusters()
    one, two, three = (map_layout(embeddings, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(getattr(one, key), getattr(two, key)) for key in ("indices", "rows", "columns"))
    assert one.shape == two.shape
    assert len(three.indices) > 0


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_neighbours_on_the_map_are_of_one_class_where_classes_are_apart(method):
    embeddings, labels = clusters()
    layout = map_layout(embeddings, method)
    assert len(layout.indices) > len(labels) / 4
    places = np.stack([layout.rows, layout.columns], axis=1).astype(float)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    shown = labels[layout.indices]
    assert (shown[distance.argmin(axis=1)] == shown).mean() > 0.9


def test_points_of_two_dimensions_stay_where_they_are():
    corners = np.array([[-4.0, -1.0], [4.0, -1.0], [-4.0, 1.0], [4.0, 1.0]])
    layout = map_layout(corners, "pca", cells=9)
    width, height = layout.columns.max(), layout.rows.max()
    assert len(layout.indices) == 4 and 0 < height < width
    assert set(zip(layout.rows.tolist(), layout.columns.tolist(), strict=True)) == {
        (row, column) for row in (0, height) for column in (0, width)
    }


def test_a_large_set_is_thinned_evenly():
    embeddings, _ = clusters(each=50)
    layout = map_layout(embeddings, "pca", most=20)
    assert layout.considered == 20
    assert set(layout.indices) <= set(np.linspace(0, 199, 20).round().astype(int))


@pytest.mark.parametrize(
    "embeddings",
    [
        pytest.param(np.ones((1, 3)), id="one picture"),
        pytest.param(np.eye(2), id="two pictures"),
        pytest.param(np.ones((30, 3)), id="identical"),
        pytest.param(np.arange(6.0)[:, None], id="one dimension"),
        pytest.param(1e6 * np.eye(9), id="huge"),
        pytest.param(np.repeat(np.eye(3), 20, axis=0), id="many twins"),
    ],
)
def test_degenerate_embeddings_have_a_map(embeddings):
    layout = map_layout(embeddings)
    assert 1 <= len(layout.indices) <= len(embeddings)


@pytest.mark.parametrize(
    "arguments, named",
    [
        pytest.param((np.ones((3, 2)), "umap"), "method", id="unknown method"),
        pytest.param((np.full((3, 2), np.nan),), "embeddings", id="not finite"),
        pytest.param((np.ones(3),), "embeddings", id="one axis"),
        pytest.param((np.ones((3, 2)), "pca", 0, 0), "most", id="none"),
        pytest.param((np.ones((3, 2)), "pca", 0, 9, 0), "cells", id="no cells"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(ValueError, match=f"Expected {named} to be .*received"):
        map_layout(*arguments)

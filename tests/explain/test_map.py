import numpy as np
import pytest

from tfdml.explain import CLASS_COLORS, embedding_map, map_layout


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 5)), rng.integers(0, 200, (20, 12, 12, 3), dtype="uint8")


def test_has_a_cell_for_each_row_and_column(pictures):
    embeddings, images = pictures
    layout = map_layout(embeddings, "pca")
    drawn = embedding_map(embeddings, images, method="pca", cell=16)
    assert drawn.dtype == np.uint8 and drawn.shape == (16 * layout.shape[0], 16 * layout.shape[1], 3)


def test_shows_each_picture_in_its_cell_and_nothing_else(pictures):
    embeddings, _ = pictures
    colours = np.random.default_rng(1).integers(0, 256, (20, 1, 1, 3), dtype="uint8")
    images = np.broadcast_to(colours, (20, 12, 12, 3))
    layout = map_layout(embeddings, "pca")
    drawn = embedding_map(embeddings, images, layout=layout, cell=14, background=(7, 8, 9))
    middles = drawn[7::14, 7::14]
    expected = np.full_like(middles, (7, 8, 9))
    expected[layout.rows, layout.columns] = colours[layout.indices, 0, 0]
    np.testing.assert_array_equal(middles, expected)


def test_a_transparent_background_lies_on_any_colour(pictures):
    layout = map_layout(pictures[0], "pca")
    clear = embedding_map(*pictures, layout=layout, background=None).astype(float)
    white = embedding_map(*pictures, layout=layout)
    alpha = clear[..., 3:] / 255
    np.testing.assert_allclose(clear[..., :3] * alpha + 255 * (1 - alpha), white, atol=0.51)
    assert (clear[..., 3] == 0).any() and (clear[..., 3] == 255).any()


def test_reads_only_the_pictures_it_shows(pictures):
    embeddings, images = pictures
    layout, asked = map_layout(embeddings, "pca", most=6), []

    def read(indices):
        asked.extend(indices.tolist())
        return images[indices]

    embedding_map(embeddings, read, layout=layout)
    assert asked == layout.indices.tolist()


def test_a_few_classes_have_frames_in_their_colours(pictures):
    layout = map_layout(pictures[0], "pca")
    labels = np.arange(20) % 3 + 5
    drawn = embedding_map(*pictures, labels, layout=layout, cell=28)
    for index, row, column in zip(layout.indices, layout.rows, layout.columns, strict=True):
        assert tuple(drawn[28 * row + 14, 28 * column + 2]) == CLASS_COLORS[labels[index] - 5]


def test_many_classes_have_none(pictures):
    layout = map_layout(pictures[0], "pca")
    with_labels = embedding_map(*pictures, np.arange(20), layout=layout)
    np.testing.assert_array_equal(with_labels, embedding_map(*pictures, layout=layout))


def test_a_wide_photograph_is_shown_whole():
    photo = np.zeros((1, 10, 40, 3), "uint8")
    drawn = embedding_map(np.ones((1, 2)), photo, cell=40)
    dark = (drawn < 128).all(axis=2)
    rows, columns = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert columns == pytest.approx(4 * rows, abs=3)


@pytest.mark.parametrize(
    "options, named",
    [
        pytest.param({"labels": [0, 1]}, "labels", id="labels of another length"),
        pytest.param({"cell": 2}, "cell", id="tiny cells"),
        pytest.param({"images": np.zeros((20, 4, 4, 3))}, "images", id="floats"),
        pytest.param({"images": np.zeros((19, 4, 4, 3), "uint8")}, "images", id="too few images"),
    ],
)
def test_refuses(pictures, options, named):
    arguments = {"embeddings": pictures[0], "images": pictures[1], "method": "pca", **options}
    with pytest.raises(ValueError, match=f"Expected {named} to be .*received"):
        embedding_map(**arguments)

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tfdml.explain import retrieval_sheet
from tfdml.explain.sheet import RIGHT, WRONG
from tfdml.explain.text import drawable


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    shape = 2, 3, 24, 24, 3
    return rng.integers(0, 60, shape[:1] + shape[2:], dtype="uint8"), rng.integers(
        0, 60, shape, dtype="uint8"
    )


def pixels_of(sheet, colour):
    """Number of pixels in exactly this colour, given as #rrggbb."""
    return int((sheet == tuple(bytes.fromhex(colour[1:]))).all(axis=2).sum())


def test_is_a_picture_that_holds_every_tile_unchanged():
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 256, (2, 24, 24, 3), dtype="uint8")
    neighbors = rng.integers(0, 256, (2, 3, 24, 24, 3), dtype="uint8")
    sheet = retrieval_sheet(queries, neighbors, tile=24)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3 and sheet.shape[2] == 3
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (20, 20, 3))[:, :, 0]
    for tile in [*queries, *neighbors.reshape(-1, 24, 24, 3)]:
        # Frames lie over the outermost pixels.
        inside = (windows[:, :, 0, 0] == tile[2, 2]).all(axis=2)
        assert any(np.array_equal(windows[y, x], tile[2:-2, 2:-2]) for y, x in np.argwhere(inside))


def test_marks_right_and_wrong_in_more_than_colour(found):
    right = retrieval_sheet(*found, correct=np.ones((2, 3), bool))
    wrong = retrieval_sheet(*found, correct=np.zeros((2, 3), bool))
    unknown = retrieval_sheet(*found)
    assert pixels_of(right, RIGHT) > 0 == pixels_of(right, WRONG)
    assert pixels_of(wrong, WRONG) > 0 == pixels_of(wrong, RIGHT)
    assert pixels_of(unknown, RIGHT) == pixels_of(unknown, WRONG) == 0
    # A dashed frame leaves out about a third of what a solid one covers.
    assert pixels_of(wrong, WRONG) < 0.85 * pixels_of(right, RIGHT)


def test_captions_stand_below_their_pictures(found):
    plain = retrieval_sheet(*found)
    with_text = retrieval_sheet(
        *found, captions=[["cat\n0.31"] * 3] * 2, query_captions=["cat", "dog"], title="A"
    )
    assert with_text.shape[0] > plain.shape[0] + 40 and with_text.shape[1] == plain.shape[1]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("日本", id="Chinese characters"),
        pytest.param("🎉👩‍🚒", id="emoji"),
        pytest.param("ⅎ Ǿ ≨ 𝔸 ₿", id="characters of several fonts"),
        pytest.param("$x^2", id="half a formula"),
        pytest.param("قطة", id="Arabic"),
        pytest.param("w" * 500, id="long word"),
        pytest.param("a very long class name " * 30, id="long name"),
        pytest.param("", id="empty"),
        pytest.param("\x00\t\u200b", id="control characters"),
    ],
)
def test_any_class_name_can_be_drawn(found, name):
    sheet = retrieval_sheet(*found, captions=[[name] * 3] * 2, query_captions=[name] * 2, title=name)
    assert sheet.shape[1] == retrieval_sheet(*found).shape[1]


def test_draws_the_same_each_time_and_leaves_pyplot_alone(found):
    open_figures = plt.get_fignums()
    arguments = {"correct": np.eye(2, 3, dtype=bool), "captions": [["cat"] * 3] * 2}
    np.testing.assert_array_equal(retrieval_sheet(*found, **arguments), retrieval_sheet(*found, **arguments))
    assert plt.get_fignums() == open_figures


def test_photographs_of_any_shape_fit():
    sheet = retrieval_sheet(np.zeros((1, 30, 90, 3), "uint8"), np.zeros((1, 1, 50, 1, 3), "uint8"))
    assert pixels_of(sheet, "#000000") > 0


@pytest.mark.parametrize(
    "options, named",
    [
        pytest.param({"queries": np.zeros((2, 8, 8), "uint8")}, "queries", id="grey queries"),
        pytest.param({"queries": np.zeros((0, 8, 8, 3), "uint8")}, "queries", id="no queries"),
        pytest.param({"neighbors": np.zeros((1, 3, 8, 8, 3), "uint8")}, "neighbors", id="too few rows"),
        pytest.param({"neighbors": np.zeros((2, 0, 8, 8, 3), "uint8")}, "neighbors", id="no neighbours"),
        pytest.param({"correct": np.ones((2, 3))}, "correct", id="marks that are numbers"),
        pytest.param({"correct": np.ones((2, 2), bool)}, "correct", id="too few marks"),
        pytest.param({"captions": [["a"] * 3]}, "captions", id="too few captions"),
        pytest.param({"query_captions": ["a"]}, "query_captions", id="too few query captions"),
        pytest.param({"tile": 3}, "tile", id="tiny tiles"),
    ],
)
def test_refuses(found, options, named):
    arguments = {"queries": found[0], "neighbors": found[1], **options}
    with pytest.raises(ValueError, match=f"Expected {named} to be .*received"):
        retrieval_sheet(**arguments)


def test_what_no_font_has_is_a_box_and_what_one_has_is_itself():
    text, families = drawable("a\u0378 \u2a0c\n b")
    assert text == "a□ \u2a0c b" and families[0] == "DejaVu Sans"

import re

import numpy as np
import pytest

from tfdml.experiment.report import ReportData
from tfdml.experiment.report.confused import neighbors_to_count
from tfdml.experiment.report.curves import curves, ticks
from tfdml.experiment.report.examples import draw_queries, worst_failures
from tfdml.experiment.report.markup import Markup, join, tag
from tfdml.experiment.report.scores import headline, score_table


def make(**changes):
    """Five pictures of classes 0, 0, 0, 1 and 2: the last one has nothing to find."""
    values = {
        "title": "A run",
        "images": lambda indices: np.zeros((len(indices), 4, 4, 3), "uint8"),
        "labels": [0, 0, 0, 1, 1, 2],
        "class_names": ["a", "b", "c"],
        "embeddings": np.eye(6),
        "neighbors": [[3, 4, 1], [4, 3, 5], [0, 1, 3], [4, 0, 1], [5, 0, 3], [0, 1, 2]],
        "distances": [[0.2, 0.3, 0.4], [0.1, 0.3, 0.4]] + [[0.1, 0.2, 0.3]] * 4,
        "results": {"trained": {}},
    }
    return ReportData(**{**values, **changes})


def cells(table, row):
    """Text of a row's cells, the best one in stars."""
    line = re.search(rf'<th scope="row">{row}</th>(.*?)</tr>', table).group(1)
    line = re.sub(r"</?strong>", "*", line)
    return re.findall(r"<td[^>]*>(.*?)</td>", line)


def test_queries_are_drawn_among_those_that_have_something_to_find():
    drawn = draw_queries(make())
    assert sorted(drawn) == [0, 1, 2, 3, 4]
    assert draw_queries(make(), most=2).tolist() == drawn[:2].tolist()
    assert any(draw_queries(make(seed=seed)).tolist() != drawn.tolist() for seed in range(1, 6))


def test_worst_are_those_whose_first_right_neighbour_comes_last():
    # 1 finds nothing right; 4 and 0 at the third place. 0 and 1 take a for b: that pair comes once.
    assert worst_failures(make()).tolist() == [1, 4]


def test_among_equals_the_surest_mistake_is_worst():
    data = make(neighbors=[[3, 4], [4, 3], [5, 4], [4, 0], [3, 0], [0, 1]], distances=[[0.2, 1]] * 6)
    assert worst_failures(data).tolist() == [0, 2]
    closer = data.distances.copy()
    closer[2, 0] = 0.1
    assert worst_failures(make(neighbors=data.neighbors, distances=closer)).tolist() == [2, 0]


def test_counts_as_many_neighbours_as_could_be_right():
    assert neighbors_to_count(make()) == 1
    assert neighbors_to_count(make(labels=[0] * 6)) == 3


def test_table_marks_the_best_and_says_what_training_brought():
    results = {
        "trained": {"recall@1": 0.689, "map": 0.5, "images": 2956, "recall@16": 0.9},
        "untrained": {"recall@1": 0.552, "map": 0.5},
        "raw pixels": {"recall@1": 0.345, "map": 0.61, "extra": None},
    }
    table = score_table(make(results=results))
    assert cells(table, "R@1") == ["*68.9*", "55.2", "34.5", "+13.7"]
    assert cells(table, "MAP") == ["50.0", "50.0", "*61.0*", "+0.0"]
    assert cells(table, "R@16") == ["*90.0*", "–", "–", ""]
    assert cells(table, "images") == ["2,956", "–", "–", ""]
    assert "extra" not in table
    assert "nearest neighbour shows the same class" in table


def test_headline_says_the_difference_in_both_directions():
    results = {
        "trained": {"recall@1": 0.345},
        "untrained": {"recall@1": 0.3},
        "raw pixels": {"recall@1": 0.5},
    }
    top = headline(make(results=results))
    assert "<strong>+4.5</strong> points over untrained" in top
    assert "<strong>−15.5</strong> points over raw pixels" in top
    assert "Of 100 pictures, 35 have" in top and "30 before training, 50 by raw pixels." in top


def test_headline_falls_back_to_the_figures_that_there_are():
    assert "MRR" in headline(make(results={"trained": {"mrr": 0.5}}))
    assert headline(make()) == ""


def test_curves_go_through_what_was_measured():
    rows = [{"epoch": e, "loss": 4.0 - e, "val_map@r": 0.1 * e if e % 2 else None} for e in range(4)]
    drawn = curves(make(history=rows))
    lines = [
        np.array([p.split(",") for p in points.split()], float)
        for points in re.findall('points="(.*?)"', drawn)
    ]
    loss, figure = lines
    assert len(loss) == 4 and len(figure) == 2
    # Straight lines in the data are straight lines on the page; a larger value stands higher.
    assert np.allclose(np.diff(loss, axis=0), (loss[-1] - loss[0]) / 3, atol=0.11)
    assert loss[0, 1] < loss[-1, 1] and figure[0, 1] > figure[-1, 1]
    assert "MAP@R from 10 to 30" in drawn


def test_curves_show_nothing_where_nothing_was_recorded():
    assert curves(make(history=[{"epoch": 1, "seconds": 3.0}])) == ""


@pytest.mark.parametrize(
    "low, high", [(0, 1), (0.31, 0.689), (-3, 1e6), (5, 5), (0, 0), (1e-9, 2e-9), (37, 71)]
)
def test_ticks_are_even_enclose_the_values_and_are_few(low, high):
    levels = np.array(ticks(low, high, 6))
    assert 2 <= len(levels) <= 8
    assert levels[0] <= low + 1e-12 and levels[-1] >= high - 1e-12
    np.testing.assert_allclose(np.diff(levels), levels[1] - levels[0])


def test_markup_escapes_what_is_not_markup():
    assert tag("p", "<b>", tag("i", "&"), title='"') == '<p title="&quot;">&lt;b&gt;<i>&amp;</i></p>'
    assert tag("img", src="x", alt=None, class_="y") == '<img src="x" class="y">'
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    assert isinstance(tag("p") + "<", Markup) and tag("p") + "<" == "<p></p>&lt;"

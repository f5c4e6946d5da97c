"""What a matrix of accuracies says, against the sums of the papers."""

import numpy as np
import pytest

from tfdml.continual import Result, plot_accuracy, plot_matrix, summary
from tfdml.continual.plots import seen_average

MATRIX = np.array([[0.9, 0.2, 0.1], [0.6, 0.8, 0.3], [0.5, 0.7, 1.0]])
BEFORE = np.array([0.3, 0.1, 0.2])


def test_a_matrix_that_is_made_up():
    figures = summary(MATRIX, BEFORE)
    assert figures == pytest.approx(
        {
            "average": (0.5 + 0.7 + 1.0) / 3,
            "learned": (0.9 + 0.8 + 1.0) / 3,
            "forgetting": ((0.9 - 0.5) + (0.8 - 0.7)) / 2,
            "backward_transfer": ((0.5 - 0.9) + (0.7 - 0.8)) / 2,
            "forward_transfer": ((0.2 - 0.1) + (0.3 - 0.2)) / 2,
        }
    )


def test_forgetting_is_of_the_best_that_ever_was():
    matrix = np.array([[0.5, 0.0, 0.0], [0.9, 0.5, 0.0], [0.4, 0.5, 0.5]])
    figures = summary(matrix)
    assert figures["forgetting"] == pytest.approx(0.25)
    assert figures["backward_transfer"] == pytest.approx(-0.05)
    assert "forward_transfer" not in figures


def test_one_task_forgets_nothing_that_could_be_told():
    figures = summary([[0.7]], [0.1])
    assert figures["average"] == 0.7 and np.isnan(figures["forgetting"])
    assert np.isnan(figures["forward_transfer"])


@pytest.mark.parametrize("matrix", [np.zeros((2, 3)), np.zeros(3), np.zeros((0, 0))])
def test_refuses_what_is_not_square(matrix):
    with pytest.raises(ValueError, match="Expected matrix to be of shape"):
        summary(matrix)


def test_refuses_a_first_row_of_other_tasks():
    with pytest.raises(ValueError, match="Expected before"):
        summary(MATRIX, [0.1])


def test_the_recall_has_figures_of_its_own():
    figures = Result(MATRIX, BEFORE, recall=MATRIX / 2).summary()
    assert figures["retrieval_forgetting"] == pytest.approx(figures["forgetting"] / 2)
    assert "retrieval_forward_transfer" not in figures


def test_figures_are_written(tmp_path):
    result = Result(MATRIX, BEFORE)
    assert seen_average(MATRIX).tolist() == pytest.approx([0.9, 0.7, 2.2 / 3])
    figure = plot_accuracy({"one": result, "two": [result, result]}, tmp_path / "curves.png")
    (panel,) = figure.axes
    assert [line.get_label() for line in panel.lines] == ["one", "two"]
    assert panel.lines[0].get_ydata().tolist() == pytest.approx([0.9, 0.7, 2.2 / 3])
    plot_matrix(result, tmp_path / "matrix.png")
    assert all((tmp_path / name).stat().st_size for name in ("curves.png", "matrix.png"))

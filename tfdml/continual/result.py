"""What a run through tasks gives."""

from dataclasses import dataclass, field

import numpy as np

from tfdml.continual.metrics import summary


@dataclass
class Result:
    """Accuracies after each task, and what was kept for them.

    Attributes:
        accuracy: `(tasks, tasks)`: after the task of the row, on the test samples of the task of the column.
        before: `(tasks,)`: accuracies of the untrained model.
        recall: As `accuracy`: Recall@1 of the embeddings of those test samples among the training samples of
            all tasks, those to come as well, so that rows can be compared; or `None` without embeddings.
        memory: Bytes that the strategy keeps from one task to the next, beside the model.
        model: Bytes of the model.
        losses: The losses of the epochs of each task, a list of lists.
        validation: The mean over tasks of the accuracy on their validation samples in the end, or `None`.

    Example:

    >>> result = tfdml.continual.Result(np.array([[1.0, 0.0], [0.5, 1.0]]), np.zeros(2))
    >>> result.summary()["forgetting"]
    0.5
    """

    accuracy: np.ndarray
    before: np.ndarray
    recall: np.ndarray | None = None
    memory: int = 0
    model: int = 0
    losses: list = field(default_factory=list)
    validation: float | None = None

    def summary(self):
        """The figures of `tfdml.continual.summary`; those of the recall too, named `retrieval_...`."""
        figures = summary(self.accuracy, self.before)
        if self.recall is not None:
            of_recall = summary(self.recall)
            figures |= {f"retrieval_{name}": value for name, value in of_recall.items()}
        return figures

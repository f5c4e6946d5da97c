"""Divergence loss: the learners of an ensemble trained alike and kept apart."""

import keras
from keras import ops

from tfdml.checks import check_name, check_number
from tfdml.losses.base import MetricLoss
from tfdml.losses.contrastive import ContrastiveLoss
from tfdml.ops import at_least_float32, l2_normalize, safe_sqrt


@keras.saving.register_keras_serializable(package="tfdml")
class DivergenceLoss(MetricLoss):
    """A metric loss on each learner of an ensemble, and a loss that keeps their embeddings apart.

    An embedding is the learners' embeddings side by side, in equal parts, as the attention-based ensemble
    (ABE) has them. Each part is normalised here.

    Args:
        loss: The `MetricLoss` of each learner. Defaults to `None`, a `ContrastiveLoss` with its defaults.
        learners: Integer of at least 2 that divides the dimensions. Defaults to `2`; ABE-8 has 8 of 64
            dimensions.
        form: What two learners lose on one sample, from the cosine `s` or the distance `d` of their parts:
            `"cosine"`: `max(0, s - margin)`. `"squared_euclidean"`: `max(0, margin - d²)`.
            `"euclidean"`: `max(0, margin - d)²`. Defaults to `"cosine"`.
        margin: Float of at least 0. Defaults to `0.2`.
        weight: Float of at least 0: weight of the divergence. Defaults to `0.05`. The authors published no
            code; form, margin and weight are those of a public implementation by others.
        tile: As in `MetricLoss`. Defaults to `"auto"`.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `"divergence_loss"`.
        dtype: As in `MetricLoss`. Defaults to `None`.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, learners · dim)`, of any norm.

    Formula: the mean of `loss` over learners, plus `weight` times the mean of `form` over pairs of learners.

    Example:

    >>> labels, embeddings = np.array([0, 0, 1, 1]), np.eye(4)[[0, 0, 1, 1]]
    >>> same = np.concatenate([embeddings, embeddings], axis=1)  # two learners that have learnt the same
    >>> round(float(tfdml.losses.DivergenceLoss()(labels, same)), 4)  # 0.05 (1 - 0.2)
    0.04

    Reference: Kim et al., Attention-based Ensemble for Deep Metric Learning, ECCV 2018.
    """

    def __init__(
        self,
        loss=None,
        learners=2,
        form="cosine",
        margin=0.2,
        weight=0.05,
        tile="auto",
        reduction="sum_over_batch_size",
        name="divergence_loss",
        dtype=None,
    ):
        super().__init__(tile=tile, reduction=reduction, name=name, dtype=dtype)
        if isinstance(loss, dict):
            loss = keras.saving.deserialize_keras_object(loss)
        self.loss = ContrastiveLoss(dtype=dtype) if loss is None else loss
        if not isinstance(self.loss, MetricLoss):
            raise ValueError(f"Expected loss to be a MetricLoss, received: {loss!r}")
        if not isinstance(learners, int) or isinstance(learners, bool) or learners < 2:
            raise ValueError(f"Expected learners to be an integer of at least 2, received: {learners!r}")
        self.learners = learners
        self.form = check_name("form", form, tuple(FORMS))
        self.margin = check_number("margin", margin, minimum=0)
        self.weight = check_number("weight", weight, minimum=0)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        queries, keys = self._parts(queries), self._parts(keys)
        values = sum(
            self.loss.query_losses(queries[:, i], query_labels, keys[:, i], key_labels, same_set)
            for i in range(self.learners)
        )
        return values / self.learners + self.weight * divergence(queries, self.form, self.margin)

    def _parts(self, embeddings):
        dim = embeddings.shape[1]
        if dim % self.learners:
            raise ValueError(
                f"Expected dimensions to be a multiple of learners ({self.learners}), received: {dim}"
            )
        parts = ops.reshape(at_least_float32(embeddings), (-1, self.learners, dim // self.learners))
        return l2_normalize(parts)

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "learners": self.learners,
            "form": self.form,
            "margin": self.margin,
            "weight": self.weight,
        }


def divergence(parts, form, margin):
    """Mean over pairs of learners of their divergence loss on each sample, `(batch,)`.

    Args:
        parts: Unit embeddings `(batch, learners, dim)`.
        form, margin: As in `DivergenceLoss`.
    """
    cosines = ops.matmul(parts, ops.transpose(parts, (0, 2, 1)))
    learners = parts.shape[1]
    others = 1 - ops.eye(learners, dtype=cosines.dtype)
    return ops.sum(FORMS[form](cosines, margin) * others, axis=(1, 2)) / (learners * (learners - 1))


# Of unit vectors: their squared distance is 2 - 2 cos.
FORMS = {
    "cosine": lambda cosine, margin: ops.relu(cosine - margin),
    "squared_euclidean": lambda cosine, margin: ops.relu(margin - 2 + 2 * cosine),
    "euclidean": lambda cosine, margin: ops.square(ops.relu(margin - safe_sqrt(2 - 2 * cosine))),
}

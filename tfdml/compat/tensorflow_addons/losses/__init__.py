"""The metric-learning losses of TensorFlow Addons 0.23."""

from tfdml.compat.tensorflow_addons.losses import metric_learning
from tfdml.compat.tensorflow_addons.losses.contrastive import ContrastiveLoss, contrastive_loss
from tfdml.compat.tensorflow_addons.losses.lifted import LiftedStructLoss, lifted_struct_loss
from tfdml.compat.tensorflow_addons.losses.npairs import (
    NpairsLoss,
    NpairsMultilabelLoss,
    npairs_loss,
    npairs_multilabel_loss,
)
from tfdml.compat.tensorflow_addons.losses.triplet import (
    TripletHardLoss,
    TripletSemiHardLoss,
    triplet_hard_loss,
    triplet_semihard_loss,
)

__all__ = [
    "ContrastiveLoss",
    "LiftedStructLoss",
    "NpairsLoss",
    "NpairsMultilabelLoss",
    "TripletHardLoss",
    "TripletSemiHardLoss",
    "contrastive_loss",
    "lifted_struct_loss",
    "metric_learning",
    "npairs_loss",
    "npairs_multilabel_loss",
    "triplet_hard_loss",
    "triplet_semihard_loss",
]

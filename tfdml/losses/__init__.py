"""Losses on labels and embeddings."""

from tfdml.losses.base import MetricLoss
from tfdml.losses.contrastive import ContrastiveLoss, contrastive
from tfdml.losses.n_pair import NPairLoss, n_pair
from tfdml.losses.nt_xent import NTXentLoss, nt_xent
from tfdml.losses.triplet import TripletLoss, all_triplets, hard_triplets, semi_hard_triplets

__all__ = [
    "ContrastiveLoss",
    "MetricLoss",
    "NPairLoss",
    "NTXentLoss",
    "TripletLoss",
    "all_triplets",
    "contrastive",
    "hard_triplets",
    "n_pair",
    "nt_xent",
    "semi_hard_triplets",
]

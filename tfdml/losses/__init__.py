"""Losses on labels and embeddings, or on labels and similarities to classes."""

from tfdml.losses.ada_cos import AdaCosLoss, adapted_scale, fixed_scale
from tfdml.losses.arc_face import ArcFaceLoss, SubCenterArcFaceLoss, add_angle
from tfdml.losses.base import MetricLoss
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy
from tfdml.losses.contrastive import ContrastiveLoss, contrastive
from tfdml.losses.cos_face import CosFaceLoss
from tfdml.losses.n_pair import NPairLoss, n_pair
from tfdml.losses.normalized_softmax import NormalizedSoftmaxLoss
from tfdml.losses.nt_xent import NTXentLoss, nt_xent
from tfdml.losses.proxy_anchor import ProxyAnchorLoss, proxy_anchor_terms
from tfdml.losses.proxy_nca import ProxyNCALoss, ProxyNCAPlusPlusLoss
from tfdml.losses.soft_triple import SoftTripleLoss, center_spread
from tfdml.losses.sphere_face import SphereFaceLoss, multiply_angle
from tfdml.losses.triplet import TripletLoss, all_triplets, hard_triplets, semi_hard_triplets

__all__ = [
    "AdaCosLoss",
    "ArcFaceLoss",
    "ClassLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "MetricLoss",
    "NPairLoss",
    "NTXentLoss",
    "NormalizedSoftmaxLoss",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "ProxyNCAPlusPlusLoss",
    "SoftTripleLoss",
    "SphereFaceLoss",
    "SubCenterArcFaceLoss",
    "TripletLoss",
    "adapted_scale",
    "add_angle",
    "all_triplets",
    "center_spread",
    "class_cross_entropy",
    "contrastive",
    "fixed_scale",
    "hard_triplets",
    "multiply_angle",
    "n_pair",
    "nt_xent",
    "proxy_anchor_terms",
    "semi_hard_triplets",
]

"""Losses on labels and embeddings, or on labels and similarities to classes."""

from tfdml.losses.ada_cos import AdaCosLoss, adapted_scale, fixed_scale
from tfdml.losses.angular import AngularLoss, NPairAngularLoss
from tfdml.losses.arc_face import ArcFaceLoss, SubCenterArcFaceLoss, add_angle
from tfdml.losses.base import MetricLoss
from tfdml.losses.center import CenterLoss
from tfdml.losses.circle import CircleLoss, circle
from tfdml.losses.class_loss import ClassLoss, class_cross_entropy
from tfdml.losses.contrastive import ContrastiveLoss, contrastive
from tfdml.losses.cos_face import CosFaceLoss
from tfdml.losses.divergence import DivergenceLoss
from tfdml.losses.fast_ap import FastAPLoss, fast_ap
from tfdml.losses.lifted_structure import (
    GeneralizedLiftedStructureLoss,
    LiftedStructureLoss,
    lifted_structure,
)
from tfdml.losses.margin import MarginLoss
from tfdml.losses.mining import PairMining
from tfdml.losses.multi_similarity import MultiSimilarityLoss, multi_similarity
from tfdml.losses.n_pair import NPairLoss, n_pair
from tfdml.losses.normalized_softmax import NormalizedSoftmaxLoss
from tfdml.losses.nt_xent import NTXentLoss, nt_xent
from tfdml.losses.proxy_anchor import ProxyAnchorLoss, proxy_anchor_terms
from tfdml.losses.proxy_nca import ProxyNCALoss, ProxyNCAPlusPlusLoss
from tfdml.losses.ranked_list import RankedListLoss
from tfdml.losses.signal_to_noise import SignalToNoiseContrastiveLoss
from tfdml.losses.smooth_ap import SmoothAPLoss, smooth_ap
from tfdml.losses.soft_nearest_neighbor import SoftNearestNeighborLoss
from tfdml.losses.soft_triple import SoftTripleLoss, center_spread
from tfdml.losses.sphere_face import SphereFaceLoss, multiply_angle
from tfdml.losses.supervised_contrastive import SupervisedContrastiveLoss
from tfdml.losses.triplet import TripletLoss, all_triplets, hard_triplets, semi_hard_triplets
from tfdml.losses.tuplet_margin import IntraPairVarianceLoss, TupletMarginLoss, tuplet_margin

__all__ = [
    "AdaCosLoss",
    "AngularLoss",
    "ArcFaceLoss",
    "CenterLoss",
    "CircleLoss",
    "ClassLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "DivergenceLoss",
    "FastAPLoss",
    "GeneralizedLiftedStructureLoss",
    "IntraPairVarianceLoss",
    "LiftedStructureLoss",
    "MarginLoss",
    "MetricLoss",
    "MultiSimilarityLoss",
    "NPairAngularLoss",
    "NPairLoss",
    "NTXentLoss",
    "NormalizedSoftmaxLoss",
    "PairMining",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "ProxyNCAPlusPlusLoss",
    "RankedListLoss",
    "SignalToNoiseContrastiveLoss",
    "SmoothAPLoss",
    "SoftNearestNeighborLoss",
    "SoftTripleLoss",
    "SphereFaceLoss",
    "SubCenterArcFaceLoss",
    "SupervisedContrastiveLoss",
    "TripletLoss",
    "TupletMarginLoss",
    "adapted_scale",
    "add_angle",
    "all_triplets",
    "center_spread",
    "circle",
    "class_cross_entropy",
    "contrastive",
    "fast_ap",
    "fixed_scale",
    "hard_triplets",
    "lifted_structure",
    "multi_similarity",
    "multiply_angle",
    "n_pair",
    "nt_xent",
    "proxy_anchor_terms",
    "semi_hard_triplets",
    "smooth_ap",
    "tuplet_margin",
]

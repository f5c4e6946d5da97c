"""Pure functions on tensors, written in `keras.ops` alone."""

from tfdml.ops.distances import (
    cosine,
    cosine_similarity,
    distance_function,
    dot_product,
    euclidean,
    pairwise_distances,
    squared_euclidean,
)
from tfdml.ops.influences import as_distributions, influence, project_to_simplex
from tfdml.ops.log_sum_exp import log_sum_exp
from tfdml.ops.mining import drawn, informative_pairs, inverse_density, nearest_of, normalized_weights
from tfdml.ops.pairs import gather_rows, mark_unused, pair_masks, scatter_rows, used_labels
from tfdml.ops.safe import at_least_float32, l2_normalize, safe_norm, safe_sqrt
from tfdml.ops.tiled import by_tiles
from tfdml.ops.triplets import hinge_sums, semi_hard_negatives
from tfdml.ops.turns import by_turns
from tfdml.ops.votes import (
    class_logits,
    class_shares,
    log_gaussian,
    soft_class_logits,
    soft_class_shares,
    vote_shares,
)

__all__ = [
    "as_distributions",
    "at_least_float32",
    "by_tiles",
    "by_turns",
    "class_logits",
    "class_shares",
    "cosine",
    "cosine_similarity",
    "distance_function",
    "dot_product",
    "drawn",
    "euclidean",
    "gather_rows",
    "hinge_sums",
    "influence",
    "informative_pairs",
    "inverse_density",
    "l2_normalize",
    "log_gaussian",
    "log_sum_exp",
    "mark_unused",
    "nearest_of",
    "normalized_weights",
    "pair_masks",
    "pairwise_distances",
    "project_to_simplex",
    "safe_norm",
    "safe_sqrt",
    "scatter_rows",
    "semi_hard_negatives",
    "soft_class_logits",
    "soft_class_shares",
    "squared_euclidean",
    "used_labels",
    "vote_shares",
]

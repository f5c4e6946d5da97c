"""Which pairs of a batch a loss looks at: masks in, masks out."""

import keras
from keras import ops

from tfdml.checks import check_name, check_number
from tfdml.losses.arguments import check_distance, distance_config
from tfdml.ops import (
    at_least_float32,
    drawn,
    euclidean,
    informative_pairs,
    inverse_density,
    l2_normalize,
    nearest_of,
    normalized_weights,
    pairwise_distances,
    scatter_rows,
    semi_hard_negatives,
)


@keras.saving.register_keras_serializable(package="tfdml")
class PairMining:
    """Chooses for each anchor some of its positives and some of its negatives, for any loss on pairs.

    Masks keep their shape, so nothing is traced anew. The distances that decide are constants.

    Args:
        positives: Which positives of an anchor count. `"all"`; `"easy"`: the nearest alone, so that a class
            may have several clusters; `"hard"`: the farthest alone. Defaults to `"all"`.
        negatives: Which negatives of an anchor count. `"all"`; `"hard"`: the nearest alone; `"semi_hard"`:
            for each positive that counts the nearest negative that is farther, or the farthest if none is;
            `"distance_weighted"`: as many as it has positives that count, drawn such that all distances
            on the sphere are equally likely. The draw follows from the embeddings, so that the same batch
            has the same one, in tiles as well. Defaults to `"all"`.
        epsilon: Float of at least 0, or `None`. First, before the choices above, a positive is left out if
            it is nearer than the nearest negative by this or more, and a negative if it is farther than the
            farthest positive by this or more. Defaults to `None`.
        distance: What tells near from far: `"euclidean"`, `"squared_euclidean"`, `"cosine"`, or a function of
            queries and keys. Draws are by the Euclidean distance of unit vectors, whatever this is.
            Defaults to `"cosine"`.

    Call arguments:
        queries: Embeddings `(queries, dim)`.
        keys: Embeddings `(keys, dim)`.
        positive: Boolean mask `(queries, keys)`.
        negative: Boolean mask `(queries, keys)`.

    Output: the two masks, less the pairs that do not count.

    Example:

    ```python
    mining = tfdml.losses.PairMining(positives="easy", negatives="hard")
    loss = tfdml.losses.ContrastiveLoss(mining=mining)(np.arange(8) // 2, np.eye(8))
    ```

    Reference:
        Schroff et al., FaceNet, CVPR 2015 (semi-hard); Hermans et al., In Defense of the Triplet Loss, 2017
        (hard); Wu et al., Sampling Matters in Deep Embedding Learning, ICCV 2017 (distance-weighted); Wang et
        al., Multi-Similarity Loss, CVPR 2019 (`epsilon`); Xuan et al., Improved Embeddings with Easy Positive
        Triplet Mining, WACV 2020 (easy).
    """

    def __init__(self, positives="all", negatives="all", epsilon=None, distance="cosine"):
        self.positives = check_name("positives", positives, ("all", "easy", "hard"))
        allowed = ("all", "hard", "semi_hard", "distance_weighted")
        self.negatives = check_name("negatives", negatives, allowed)
        self.epsilon = None if epsilon is None else check_number("epsilon", epsilon, minimum=0)
        self.distance = check_distance(distance)

    def __call__(self, queries, keys, positive, negative):
        queries, keys = (ops.stop_gradient(at_least_float32(x)) for x in (queries, keys))
        distance = pairwise_distances(queries, keys, self.distance)
        if self.epsilon is not None:
            positive, negative = informative_pairs(distance, positive, negative, self.epsilon)
        if self.positives != "all":
            positive = nearest_of(distance if self.positives == "easy" else -distance, positive)
        if self.negatives == "hard":
            negative = nearest_of(distance, negative)
        elif self.negatives == "semi_hard":
            negative = semi_hard(distance, positive, negative)
        elif self.negatives == "distance_weighted":
            negative = drawn_by_distance(queries, keys, positive, negative)
        return positive, negative

    def get_config(self):
        return {
            "positives": self.positives,
            "negatives": self.negatives,
            "epsilon": self.epsilon,
            "distance": distance_config(self.distance),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


# What the names stand for.
NAMED = {
    "hard": {"positives": "hard", "negatives": "hard"},
    "semi_hard": {"negatives": "semi_hard"},
    "easy_positive": {"positives": "easy", "negatives": "semi_hard"},
    "distance_weighted": {"negatives": "distance_weighted"},
    "multi_similarity": {"epsilon": 0.1},
}


def check_mining(mining):
    """`mining`, a known name or a function; an object may come as its configuration."""
    if isinstance(mining, dict):
        mining = keras.saving.deserialize_keras_object(mining)
    if callable(mining):
        return mining
    if not isinstance(mining, str) or mining not in ("all", *NAMED):
        names = ", ".join(repr(name) for name in ("all", *NAMED))
        raise ValueError(f"Expected mining to be one of {names} or a function, received: {mining!r}")
    return mining


def mining_config(mining):
    """What stands for `mining` in a configuration; a function is revived if it is registered with Keras."""
    return mining if isinstance(mining, str) else keras.saving.serialize_keras_object(mining)


def mine(mining, distance, queries, keys, positive, negative):
    """The masks of the pairs that `mining` leaves; a name goes by `distance`."""
    if mining == "all":
        return positive, negative
    function = PairMining(**NAMED[mining], distance=distance) if isinstance(mining, str) else mining
    chosen = function(queries, keys, positive, negative)
    if not isinstance(chosen, tuple | list) or len(chosen) != 2:
        raise ValueError(f"Expected mining to give two masks, received: {chosen!r}")
    # What is no pair, as a sample and itself, does not become one.
    return positive & ops.cast(chosen[0], "bool"), negative & ops.cast(chosen[1], "bool")


def semi_hard(distance, positive, negative):
    """The negatives that are the semi-hard one of some positive of their row."""
    chosen = semi_hard_negatives(distance, positive, negative)
    width = ops.shape(distance)[1]
    hits = scatter_rows(ops.cast(positive, distance.dtype), ops.where(positive, chosen, width), width)
    return negative & (hits > 0)


def drawn_by_distance(queries, keys, positive, negative):
    """As many negatives of each row as it has positives, such that all distances are equally likely."""
    log_weights = inverse_density(euclidean(l2_normalize(queries), l2_normalize(keys)), queries.shape[1])
    weights = normalized_weights(log_weights, negative)
    # Digits that training changes with every step are as good as random, and need no state.
    digits = 1024 * ops.sum(queries, axis=1)
    return drawn(weights, ops.sum(ops.cast(positive, weights.dtype), axis=1), digits - ops.floor(digits))

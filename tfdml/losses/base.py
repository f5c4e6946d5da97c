"""The base of every loss on embeddings."""

from inspect import signature

from keras import ops

from tfdml.checks import check_name
from tfdml.losses.labels import LabelLoss
from tfdml.losses.mining import check_mining, mine, mining_config
from tfdml.losses.parts import current_batch, within
from tfdml.losses.replicas import OfReplicas, replicas
from tfdml.losses.tiles import check_tile, tile_for, tiled_losses
from tfdml.ops import at_least_float32
from tfdml.ops.pairs import join_labels, pair_masks


class MetricLoss(LabelLoss):
    """A loss on embeddings that keeps labels whole and gives one number per anchor.

    Keras casts `y_true` to the dtype of the loss, where float32 merges labels above 2**24 and bfloat16
    those above 256. Here labels stay integers. `reduction` and `sample_weight`, one weight an anchor, are
    Keras' own. Under `tf.distribute` an anchor has the samples of all replicas for its positives and
    negatives.

    A subclass implements `query_losses(queries, query_labels, keys, key_labels, same_set)`, a pure function:
    the loss of a batch is the case where queries and keys are the same samples, and a memory, proxies or
    the embeddings of other replicas are other keys. It computes in float32 at least.

    Args:
        average: How the terms of an anchor and of the batch are averaged, if the loss has more than one
            term an anchor; one of the names in the class attribute `averages`:
            `"anchors"`: each anchor has the mean of its terms, and all anchors count alike.
            `"terms"`: every term of the batch counts alike.
            `"nonzero"`: every term of the batch above zero counts alike.
            The last two scale the values of the anchors so that their mean over the batch, which is
            Keras' default reduction, is that average. Defaults to the first of `averages`.
        mining: Which pairs of the batch count. `"all"`; `"hard"`: of each anchor the farthest positive and
            the nearest negative; `"semi_hard"`: all positives, and for each the nearest negative that is
            farther; `"easy_positive"`: the nearest positive, and the nearest negative that is farther;
            `"distance_weighted"`: all positives and as many negatives, drawn such that all distances are
            equally likely; `"multi_similarity"`: pairs within 0.1 of the hardest of the other kind; a
            `tfdml.losses.PairMining`; or a function of queries `(queries, dim)`, keys `(keys, dim)` and the
            masks of positives and negatives, both `(queries, keys)`, that gives two masks (register it with
            Keras if the loss is to be saved). Near and far are by the loss's own `distance`, or else by
            cosine where the loss reads cosines, and Euclidean where not. Defaults to `"all"`.
        tile: How many anchors are worked on at a time, forward and backward: an integer from 1; `None`, all
            at once; or `"auto"`, 64 of a batch of 4,096 whose size is known before it comes, more of larger
            ones up to 256, and all of smaller ones. Memory is then O(tile · batch), not O(batch²); values and
            gradients are the same. It takes 1 to 2 times as long. Defaults to `None`, because what a subclass
            computes may depend on all anchors; to `"auto"` in the losses of tfdml.
        reduction: As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        name: Name of the loss. Defaults to `None`.
        dtype: Dtype of the result; terms and sums are computed in float32 at least, whatever it is.
            Defaults to `None`, the float type of Keras.

    Call arguments:
        y_true: Labels: integers `(batch,)` or `(batch, 1)`, or one-hot rows `(batch, classes)`.
        y_pred: Embeddings `(batch, dim)`.
        sample_weight: Optional, `(batch,)`: weights of the anchors.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="example")
    class MeanDistanceLoss(tfdml.losses.MetricLoss):
        def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
            positive, _ = self.pairs(queries, query_labels, keys, key_labels, same_set)
            distance = tfdml.ops.pairwise_distances(queries, keys)
            return keras.ops.mean(keras.ops.where(positive, distance, 0), axis=1)


    loss = MeanDistanceLoss()(np.array([0, 0, 1]), np.eye(3))
    ```
    """

    predictions = "embeddings"
    averages = ("anchors",)
    directions = False  # whether norms do not matter, because `query_losses` takes embeddings by `unit`

    def __init__(
        self,
        average=None,
        mining="all",
        tile=None,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.average = check_name("average", self.averages[0] if average is None else average, self.averages)
        self.mining = check_mining(mining)
        self.tile = check_tile(tile)

    def sample_losses(self, labels, predictions):
        return self.batch_losses(predictions, labels)

    def batch_losses(self, embeddings, labels, memory=None, memory_labels=None, in_batch=True):
        """Loss of each sample of a batch against the batch, that of all replicas, and against a memory.

        Args:
            embeddings: `(batch, dim)`.
            labels: Integers `(batch,)`.
            memory: Embeddings `(slots, dim)` that are further keys, or `None`. Defaults to `None`.
            memory_labels: Integers `(slots,)`; `tfdml.ops.mark_unused` says how to leave slots out.
                Defaults to `None`.
            in_batch: Whether the samples of the batch are keys of one another. Defaults to `True`.

        Output: `(batch,)`.
        """
        group = replicas()
        whole = current_batch() if group is None else OfReplicas(group, ops.shape(embeddings)[0])
        keys, key_labels, same_set = embeddings, labels, True
        if group is not None and in_batch:
            keys, key_labels, same_set = group.gather(embeddings), group.gather(labels), group.place(labels)
        if memory is not None and in_batch:
            same_set = ops.zeros((), "int32") if same_set is True else same_set
            keys = ops.concatenate([at_least_float32(keys), at_least_float32(memory)])
            key_labels = join_labels(key_labels, memory_labels)
        elif memory is not None:
            keys, key_labels, same_set = memory, memory_labels, False
        with within(whole):
            if tile := tile_for(self.tile, embeddings, keys):
                return tiled_losses(self, embeddings, labels, keys, key_labels, same_set, tile)
            return self.query_losses(embeddings, labels, keys, key_labels, same_set=same_set)

    def query_losses(self, queries, query_labels, keys, key_labels, same_set=False):
        """Loss of each query against the keys.

        Args:
            queries: Embeddings `(queries, dim)`.
            query_labels: Integers `(queries,)`.
            keys: Embeddings `(keys, dim)`.
            key_labels: Integers `(keys,)`.
            same_set: Whether the queries are among the keys, as in `tfdml.ops.pair_masks`.
                Defaults to `False`.

        Output: `(queries,)`.
        """
        raise NotImplementedError

    def pairs(self, queries, query_labels, keys, key_labels, same_set=False):
        """Masks `(queries, keys)` of the positive and of the negative pairs that `mining` leaves.

        The arguments are those of `query_losses`.
        """
        masks = pair_masks(query_labels, key_labels, same_set)
        return mine(self.mining, self.mining_distance, queries, keys, *masks)

    @property
    def mining_distance(self):
        """By which distance pairs are near or far, where `mining` is a name."""
        return getattr(self, "distance", "cosine" if self.directions else "euclidean")

    def get_config(self):
        config = super().get_config()
        if len(self.averages) > 1:
            config["average"] = self.average
        if self.mining != "all":
            config["mining"] = mining_config(self.mining)
        own = signature(type(self)).parameters.get("tile")  # a subclass may not know of tiles
        if self.tile != (None if own is None else own.default):
            config["tile"] = self.tile
        return config

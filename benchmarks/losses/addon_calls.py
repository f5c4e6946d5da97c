"""Calls of the losses of TensorFlow Addons that do not take labels and embeddings, theirs and ours."""

import tensorflow as tf

from benchmarks.losses.batches import half


def calls(addons):
    """`{name: function of labels and embeddings}`; `addons` is `tensorflow_addons.losses` or ours."""

    def npairs(labels, z):
        anchors, positives = half(z)
        return addons.NpairsLoss()(labels[::2], tf.matmul(anchors, positives, transpose_b=True))

    def npairs_multilabel(labels, z):
        anchors, positives = half(z)
        rows = tf.one_hot(labels[::2], z.shape[0] // 4)
        return addons.NpairsMultilabelLoss()(rows, tf.matmul(anchors, positives, transpose_b=True))

    def contrastive(labels, z):
        other = ~tf.eye(z.shape[0], dtype=tf.bool)
        distance = addons.metric_learning.pairwise_distance(z)
        same = tf.cast(labels[:, None] == labels[None, :], "float32")
        return addons.ContrastiveLoss()(tf.boolean_mask(same, other), tf.boolean_mask(distance, other))

    return {
        "tfa_npairs": npairs,
        "tfa_npairs_multilabel": npairs_multilabel,
        "tfa_contrastive": contrastive,
    }

"""One compiled step of ours: plain, with XLA, or in tiles."""

import keras
import tensorflow as tf

import tfdml
from benchmarks.losses.addon_calls import calls
from benchmarks.losses.batches import batch, stream
from benchmarks.losses.cases import CASES, CLASSES, DIM, MANY_CLASSES, SAMPLES, SLOTS
from tfdml import layers, losses
from tfdml.compat.tensorflow_addons import losses as addons

TILED = {case.name for case in CASES if case.tiles}

LOSSES = {
    "nt_xent": losses.NTXentLoss,
    "n_pair": losses.NPairLoss,
    "n_pair_each_pair": losses.NPairLoss,
    "triplet": losses.TripletLoss,
    "triplet_hard": lambda: losses.TripletLoss(mining="hard"),
    "triplet_semi_hard": lambda: losses.TripletLoss(mining="semi_hard"),
    "contrastive": losses.ContrastiveLoss,
    "multi_similarity": lambda: losses.MultiSimilarityLoss(base=0.5),
    "supervised_contrastive": losses.SupervisedContrastiveLoss,
    "circle": lambda: losses.CircleLoss(gamma=80.0, average="nonzero"),
    "lifted_structure": lambda: losses.LiftedStructureLoss(temperature=1.0),
    "generalized_lifted_structure": lambda: losses.GeneralizedLiftedStructureLoss(temperature=1.0),
    "angular": losses.AngularLoss,
    "n_pair_angular": losses.NPairAngularLoss,
    "margin": lambda: losses.MarginLoss(nearest=0.5),
    "margin_uniform": lambda: losses.MarginLoss(sampling="uniform"),
    "tuplet_margin": losses.TupletMarginLoss,
    "intra_pair_variance": losses.IntraPairVarianceLoss,
    "soft_nearest_neighbor": lambda: losses.SoftNearestNeighborLoss(0.1, "squared_euclidean"),
    "ranked_list": losses.RankedListLoss,
    "fast_ap": losses.FastAPLoss,
    "smooth_ap": losses.SmoothAPLoss,
    "signal_to_noise": losses.SignalToNoiseContrastiveLoss,
    "center": losses.CenterLoss,
    "divergence": losses.DivergenceLoss,
    "tfa_triplet_hard": addons.TripletHardLoss,
    "tfa_triplet_semi_hard": addons.TripletSemiHardLoss,
    "tfa_lifted_struct": addons.LiftedStructLoss,
}
# A class loss and the proxies a class.
CLASS_LOSSES = {
    "normalized_softmax": (losses.NormalizedSoftmaxLoss, 1),
    "cos_face": (losses.CosFaceLoss, 1),
    "arc_face": (losses.ArcFaceLoss, 1),
    "sub_center_arc_face": (losses.SubCenterArcFaceLoss, 3),
    "sphere_face": (losses.SphereFaceLoss, 1),
    "ada_cos": (lambda: losses.AdaCosLoss(CLASSES), 1),
    "proxy_nca": (losses.ProxyNCAPlusPlusLoss, 1),
    "proxy_anchor": (losses.ProxyAnchorLoss, 1),
    "soft_triple": (losses.SoftTripleLoss, 10),
}
MEMORIES = {
    "memory_contrastive": losses.ContrastiveLoss,
    "memory_multi_similarity": lambda: losses.MultiSimilarityLoss(base=0.5, epsilon=None),
    "memory_triplet": losses.TripletLoss,
    "memory_nt_xent": losses.NTXentLoss,
}


def versions():
    """What is measured."""
    return {"tfdml": tfdml.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}


def use_threads(number):
    """Of TensorFlow, before it computes."""
    tf.config.threading.set_intra_op_parallelism_threads(number)


def step(name, batch_size, kind):
    """A function without arguments that gives value and gradient; traced, but not run yet."""
    if name in MEMORIES:
        return _memory_step(MEMORIES[name](), batch_size, kind)
    tensors = _tensors(batch(batch_size))
    return _compiled(*_function(name, tensors[1].shape, kind), lambda: tensors, kind)


def _compiled(function, variables, next_batch, kind):
    @tf.function(jit_compile=kind == "xla", autograph=False)  # as Keras compiles a step
    def compiled(labels, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = function(labels, z)
        return value, tape.gradient(value, [z, *variables])

    compiled.get_concrete_function(*next_batch())

    def run():
        value, (gradient, *_) = compiled(*next_batch())
        return value.numpy(), gradient.numpy()

    return run


def _tensors(arrays):
    return tuple(tf.constant(x) for x in arrays)


def _function(name, shape, kind):
    """A function of labels and embeddings, and the variables that have gradients too."""
    if name in CLASS_LOSSES or name == "arc_face_many":
        make, per_class = CLASS_LOSSES.get(name, (losses.ArcFaceLoss, 1))
        head = layers.Proxies(MANY_CLASSES if name == "arc_face_many" else CLASSES, per_class=per_class)
        head.build(shape)
        loss = make()
        return lambda labels, z: loss(labels, head(z)), head.trainable_variables
    if name == "arc_face_sampled":
        head = layers.SampledProxies(MANY_CLASSES, SAMPLES, losses.ArcFaceLoss())
        head.build(shape)
        return lambda labels, z: _added(head, z, labels), head.trainable_variables
    if name in OTHERS:
        return OTHERS[name], []
    loss = LOSSES[name]()
    if name in TILED:
        loss = loss.from_config({**loss.get_config(), "tile": "auto" if kind == "tiled" else None})
    return loss, []


def _added(layer, z, labels):
    layer(z, labels=labels, training=True)
    return tf.add_n(layer.losses)


def _memory_step(loss, batch_size, kind):
    layer = layers.CrossBatchMemory(loss, SLOTS)
    layer.build((batch_size, DIM))
    batches = stream(batch_size)
    labels, z = zip(*(next(batches) for _ in range(SLOTS // batch_size)), strict=True)
    layer.labels.assign(tf.concat(labels, 0))
    layer.embeddings.assign(tf.concat(z, 0))
    layer.fill.assign(SLOTS)
    return _compiled(lambda labels, z: _added(layer, z, labels), [], lambda: _tensors(next(batches)), kind)


def _one_pair(labels, z):
    """One pair of each class."""
    similarity = tfdml.ops.dot_product(z[::4], z[1::4])
    same = tf.eye(tf.shape(similarity)[0], dtype="bool")
    return tf.reduce_mean(losses.n_pair(similarity, same, ~same))


OTHERS = {"n_pair_one_pair": _one_pair, **calls(addons)}

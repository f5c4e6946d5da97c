"""One step of pytorch-metric-learning."""

import pytorch_metric_learning
import torch
from pytorch_metric_learning import losses, miners, reducers
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance

from benchmarks.losses.batches import batch, stream
from benchmarks.losses.cases import CLASSES, DIM, MANY_CLASSES, SLOTS


def plain():
    """Distances of embeddings as they are: they have norm 1, and ours does not normalise either."""
    return LpDistance(normalize_embeddings=False)


def dot():
    """Inner products."""
    return DotProductSimilarity(normalize_embeddings=False)


# A loss, and a miner where there is one.
LOSSES = {
    "nt_xent": lambda: (losses.NTXentLoss(temperature=0.07),),
    "n_pair": lambda: (losses.SupConLoss(temperature=1, distance=dot()),),
    "n_pair_one_pair": lambda: (losses.NPairsLoss(distance=dot()),),
    "n_pair_each_pair": lambda: (losses.NTXentLoss(temperature=1, distance=dot()),),
    "triplet": lambda: (losses.TripletMarginLoss(0.1, distance=plain()),),
    "triplet_hard": lambda: (
        losses.TripletMarginLoss(0.1, distance=plain(), reducer=reducers.MeanReducer()),
        miners.BatchHardMiner(distance=plain()),
    ),
    "contrastive": lambda: (losses.ContrastiveLoss(0.25, 0.5, distance=plain()),),
    "multi_similarity": lambda: (losses.MultiSimilarityLoss(2, 50, 0.5), miners.MultiSimilarityMiner(0.1)),
    "supervised_contrastive": lambda: (losses.SupConLoss(temperature=0.1),),
    "circle": lambda: (losses.CircleLoss(0.4, 80),),
    "lifted_structure": lambda: (losses.LiftedStructureLoss(neg_margin=1, distance=plain()),),
    "generalized_lifted_structure": lambda: (losses.GeneralizedLiftedStructureLoss(1, distance=plain()),),
    "angular": lambda: (losses.AngularLoss(45),),
    "margin": lambda: (losses.MarginLoss(0.2, beta=1.2), miners.DistanceWeightedMiner()),
    "margin_uniform": lambda: (losses.MarginLoss(0.2, beta=1.2),),
    "tuplet_margin": lambda: (losses.TupletMarginLoss(5.73, 64),),
    "intra_pair_variance": lambda: (losses.IntraPairVarianceLoss(),),
    "soft_nearest_neighbor": lambda: (losses.NCALoss(10),),
    "ranked_list": lambda: (losses.RankedListLoss(0.4, 10, alpha=1.2),),
    "fast_ap": lambda: (losses.FastAPLoss(num_bins=10),),
    "smooth_ap": lambda: (losses.SmoothAPLoss(temperature=0.01),),
    "signal_to_noise": lambda: (losses.SignalToNoiseRatioContrastiveLoss(),),
    "normalized_softmax": lambda: (losses.NormalizedSoftmaxLoss(CLASSES, DIM),),
    "cos_face": lambda: (losses.CosFaceLoss(CLASSES, DIM),),
    "arc_face": lambda: (losses.ArcFaceLoss(CLASSES, DIM),),
    "sub_center_arc_face": lambda: (losses.SubCenterArcFaceLoss(num_classes=CLASSES, embedding_size=DIM),),
    "sphere_face": lambda: (losses.SphereFaceLoss(CLASSES, DIM, margin=3, scale=30),),
    "proxy_nca": lambda: (losses.ProxyNCALoss(CLASSES, DIM, softmax_scale=10),),
    "proxy_anchor": lambda: (losses.ProxyAnchorLoss(CLASSES, DIM),),
    "soft_triple": lambda: (losses.SoftTripleLoss(CLASSES, DIM),),
    "arc_face_many": lambda: (losses.ArcFaceLoss(MANY_CLASSES, DIM),),
    "arc_face_sampled": lambda: (losses.ArcFaceLoss(MANY_CLASSES, DIM),),
}
MEMORIES = {
    "memory_contrastive": lambda: losses.ContrastiveLoss(0.25, 0.5, distance=plain()),
    "memory_multi_similarity": lambda: losses.MultiSimilarityLoss(2, 50, 0.5),
    "memory_triplet": lambda: losses.TripletMarginLoss(0.1, distance=plain()),
    "memory_nt_xent": lambda: losses.NTXentLoss(temperature=0.07),
}


def versions():
    """What is measured."""
    return {"pytorch_metric_learning": pytorch_metric_learning.__version__, "torch": torch.__version__}


def use_threads(number):
    """Of torch, before it computes."""
    torch.set_num_threads(number)


def step(name, batch_size, kind):
    """A function without arguments that gives value and gradient; not run yet."""
    if name in MEMORIES:
        loss, miner = losses.CrossBatchMemory(MEMORIES[name](), DIM, memory_size=SLOTS), None
        batches = (_tensors(arrays) for arrays in stream(batch_size))
        for _ in range(SLOTS // batch_size):
            labels, z = next(batches)
            loss.add_to_memory(z, labels, batch_size)
        return _step(loss, miner, lambda: next(batches))
    loss, *miner = LOSSES[name]()
    tensors = _tensors(batch(batch_size))
    return _step(loss, miner[0] if miner else None, lambda: tensors)


def _step(loss, miner, next_batch):
    def run():
        labels, z = next_batch()
        x = z.clone().requires_grad_()
        loss.zero_grad()
        value = loss(x, labels, miner(x, labels) if miner else None)
        value.backward()
        return value.detach().numpy(), x.grad.numpy()

    return run


def _tensors(arrays):
    return tuple(torch.tensor(x) for x in arrays)

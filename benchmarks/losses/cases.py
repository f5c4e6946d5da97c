"""What is measured: every loss, at which batches, against whom. Nothing here imports a library."""

from dataclasses import dataclass

BATCHES = 128, 512, 1024, 4096, 16384
QUICK = 1024  # the largest batch of `--quick`
TILED = 4096, 16384  # the batches at which tiles are measured; at larger ones, of NT-Xent alone
XLA = 128, 512, 1024, 4096  # the batches at which XLA is; compiling takes its time at each
LEAST = 1024  # the smallest batch at which memory is that of matrices, and not of everything else
PER_CLASS, DIM = 4, 128
SLOTS = 8192  # of cross-batch memories
CLASSES, MANY_CLASSES, SAMPLES = 1_000, 100_000, 1_024

# Who computes: ours as it is, with XLA and in tiles; pytorch-metric-learning; TensorFlow Addons.
OURS = "plain", "xla", "tiled"
PEERS = "pml", "tfa"


@dataclass(frozen=True)
class Case:
    """One computation.

    Args:
        name: By which each side knows it.
        peers: Those that have it too.
        batches: Sizes.
        tiles: Whether it may be had in tiles.
        far: Whether XLA and tiles are measured at the largest batches too.
        equal: Whether a peer's value is to be the same.
        about: What is compared, where the name does not say it.
    """

    name: str
    peers: tuple = ()
    batches: tuple = BATCHES
    tiles: bool = True
    far: bool = False
    equal: bool = True
    about: str = ""

    def sides(self, batch):
        """Those that compute a batch of this size."""
        xla = ("xla",) if batch in XLA or self.far else ()
        tiled = ("tiled",) if self.tiles and (batch in TILED or (self.far and batch > TILED[0])) else ()
        return ("plain", *xla, *tiled, *self.peers)


def _layers(name, peers=("pml",), batches=(128, 1024), **more):
    return Case(name, peers, batches, tiles=False, equal=False, **more)  # weights are random


def _addons(name, **more):
    return Case(f"tfa_{name}", ("tfa",), (128, 512, 1024), tiles=False, **more)


CASES = [
    Case("nt_xent", ("pml",), (*BATCHES, 32768), far=True),
    Case("n_pair", ("pml",), about="PML's SupConLoss on inner products, temperature 1: the same value"),
    Case(
        "n_pair_one_pair",
        ("pml",),
        (128, 512, 1024),
        tiles=False,
        about="one pair a class on both sides, which is all that PML's NPairsLoss takes of a batch",
    ),
    Case(
        "n_pair_each_pair",
        ("pml",),
        (128, 512, 1024),
        tiles=False,
        equal=False,
        about="PML's NTXentLoss on inner products, temperature 1, on each pair; ours as n_pair",
    ),
    Case("triplet", ("pml",), about="all triplets, the mean of those above zero"),
    Case("triplet_hard", ("pml", "tfa"), about="PML with BatchHardMiner"),
    Case("triplet_semi_hard", ("tfa",)),
    Case("contrastive", ("pml",)),
    Case("multi_similarity", ("pml",), about="with its mining; PML with MultiSimilarityMiner"),
    Case("supervised_contrastive", ("pml",)),
    Case("circle", ("pml",)),
    Case("lifted_structure", ("pml",)),
    Case("generalized_lifted_structure", ("pml",)),
    Case("angular", ("pml",)),
    Case("n_pair_angular"),
    Case("margin", ("pml",), equal=False, about="the mean of all draws; PML DistanceWeightedMiner, one draw"),
    Case("margin_uniform", ("pml",), about="all negatives alike on both sides"),
    Case("tuplet_margin", ("pml",)),
    Case("intra_pair_variance", ("pml",)),
    Case("soft_nearest_neighbor", ("pml",), about="PML's NCALoss"),
    Case("ranked_list", ("pml",), equal=False, about="PML adds 1e-5 a key to what weights are divided by"),
    Case("fast_ap", ("pml",)),
    Case("smooth_ap", ("pml",), equal=False, about="right in PML for as many classes as samples of one"),
    Case("signal_to_noise", ("pml",)),
    Case("center"),
    Case("divergence"),
    _addons("triplet_hard"),
    _addons("triplet_semi_hard"),
    _addons("lifted_struct"),
    _addons("npairs", about="half of the batch against the other half, as Addons wants it"),
    _addons("npairs_multilabel", about="the same, labels as rows"),
    _addons("contrastive", about="on the distances of all ordered pairs"),
    _layers("normalized_softmax", about=f"{CLASSES:,} classes, as the losses below"),
    _layers("cos_face"),
    _layers("arc_face"),
    _layers("sub_center_arc_face", about="three centers a class"),
    _layers("sphere_face"),
    _layers("ada_cos", ()),
    _layers("proxy_nca"),
    _layers("proxy_anchor"),
    _layers("soft_triple", about="ten centers a class"),
    _layers("arc_face_many", batches=(128,), about=f"{MANY_CLASSES:,} classes"),
    _layers(
        "arc_face_sampled",
        batches=(128,),
        about=f"{SAMPLES:,} of {MANY_CLASSES:,} classes a step; PML has no such thing and takes all",
    ),
    _layers("memory_contrastive", batches=(128,), about=f"cross-batch memory of {SLOTS:,} slots"),
    _layers("memory_multi_similarity", batches=(128,), about="the same, without mining"),
    _layers("memory_triplet", batches=(128,), about="the same"),
    _layers("memory_nt_xent", batches=(128,), about="the same"),
]  # fmt: skip

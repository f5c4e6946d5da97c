"""Trains on an image set with the flags of the HDML study.

    python tools/train.py -dataSet cub200 -LossType Triplet -batch_size 15
    python tools/train.py -dataSet cub200_2011_20.hdf5 -LossType NpairLoss -batch_size 16 -max_steps 500

It is `tfdml train`; each flag becomes fields of its recipe, and other words go to that command. The network
is that of the recipe, EfficientNet-Lite0, where the study had GoogLeNet (`--backbone.name` takes others); the
weight decay is the optimiser's own, where the study added squared weights to the loss. A batch of the triplet
loss holds three images of each of its classes and every triplet among them, where the study had one negative
a pair.
"""

import math
import sys

from study import dataset, parser, tfdml

# For each loss type: images of a class in a batch, and the recipe's loss.
LOSSES = {
    "NpairLoss": (2, ["NPairLoss", "--loss.l2", 3e-3, "--embedding.normalize", "false"]),
    "Triplet": (3, ["TripletLoss", "--loss.margin", 1.0, "--loss.distance", "squared_euclidean"]),
    "Triplet_Semihard": (3, ["TripletLoss", "--loss.margin", 0.2, "--loss.mining", "semi_hard"]),
    "Contrastive_Loss": (2, ["ContrastiveLoss"]),
}


def main(arguments=None):
    """Trains; the exit code."""
    flags = parser(__doc__.splitlines()[0])
    flags.add_argument("-LossType", choices=LOSSES, default="NpairLoss", help="loss")
    flags.add_argument("-dataSet", default="cars196", help="cars196, cub200, products, or an HDF5 file")
    flags.add_argument("-batch_size", type=int, default=128, help="images in a batch")
    flags.add_argument("-batch_per_epoch", type=int, default=64, help="batches between two evaluations")
    flags.add_argument(
        "-max_steps", type=int, default=8000, help="batches in all, rounded up to whole epochs"
    )
    flags.add_argument("-init_learning_rate", type=float, default=7e-5, help="learning rate at the start")
    flags.add_argument("-regular_factor", "-Regular_factor", type=float, default=5e-3, help="weight decay")
    flags.add_argument(
        "-Apply_HDML", type=truth, nargs="?", const=True, default=False, help="hardness-aware synthesis"
    )
    chosen, rest = flags.parse_known_args(arguments)
    images = LOSSES[chosen.LossType][0]
    if chosen.Apply_HDML:
        flags.error("-Apply_HDML is not in this version of tfdml; without it the plain loss is trained")
    if chosen.batch_size < 2 * images or chosen.batch_size % images:
        flags.error(
            f"Expected -batch_size of {chosen.LossType} to be a multiple of {images} and {2 * images} or "
            f"more, received: {chosen.batch_size}"
        )
    if chosen.batch_per_epoch < 1 or chosen.max_steps < 1:
        flags.error("Expected -batch_per_epoch and -max_steps to be 1 or more, received: less")
    return tfdml("train", *recipe(chosen), *rest)


def recipe(chosen):
    """The words after `tfdml train` that stand for the study's flags."""
    images, loss = LOSSES[chosen.LossType]
    return [
        *("--data", dataset(chosen.dataSet)),
        *("--image_size", 224),
        *("--loss", *loss),
        *("--optimizer", "Adam"),
        *("--optimizer.learning_rate", chosen.init_learning_rate),
        *("--optimizer.weight_decay", chosen.regular_factor),
        *("--sampler.classes_per_batch", chosen.batch_size // images),
        *("--sampler.images_per_class", images),
        *("--schedule.steps_per_epoch", chosen.batch_per_epoch),
        *("--schedule.epochs", math.ceil(chosen.max_steps / chosen.batch_per_epoch)),
        *("--schedule.warmup_epochs", 0),
        *("--schedule.decay", "constant"),
    ]


def truth(word):
    """True or False as the study's flags write it."""
    if word.lower() not in ("true", "false"):
        raise ValueError(word)
    return word.lower() == "true"


if __name__ == "__main__":
    sys.exit(main())

"""What a recipe may say. Every field is a flag of `tfdml train` and a key of the YAML file."""

from dataclasses import dataclass, field
from typing import Literal

import keras

from tfdml.losses import MetricLoss

MEASURED = "val_precision@1", "val_r_precision", "val_map@r", "val_map", "val_mrr", "val_ndcg"


@dataclass
class HoldOut:
    """What is kept from training, for sets that bring no split of their own.

    Args:
        by: Whole `classes`, `images` of every class, or `auto`: classes where there are 20 or more.
        test: Share to test on, above 0.
        validation: Share to validate on while training; together with `test` below 1.
    """

    by: Literal["auto", "classes", "images"] = "auto"
    test: float = 0.3
    validation: float = 0.1


@dataclass
class Backbone:
    """The network from pixels to a feature map.

    Args:
        name: `efficientnet_lite0`, `small_cnn`, or a network of `keras.applications`.
        weights: `imagenet`, a file of weights, null to start at random, or `default`: `imagenet` where
            there is such a thing.
        freeze: What training leaves as it is: `batch_norm` (their statistics too), `all`, or null.
    """

    name: str = "efficientnet_lite0"
    weights: str | None = "default"
    freeze: Literal["batch_norm", "all"] | None = None


@dataclass
class Embedding:
    """From the feature map to the embedding.

    Args:
        dim: Numbers in an embedding, or null for the pooled features themselves.
        pooling: `avg`, `max`, or `avg_max` for their sum.
        normalize: Whether embeddings have length 1.
    """

    dim: int | None = 128
    pooling: str = "avg"
    normalize: bool = True


@dataclass
class Sampler:
    """What a training batch is made of.

    Args:
        classes_per_batch: Different classes; fewer where the set has fewer.
        images_per_class: Images of each.
    """

    classes_per_batch: int = 32
    images_per_class: int = 4


@dataclass
class Schedule:
    """How long to train, and how the learning rate moves from the optimiser's value.

    Args:
        epochs: Passes over the training images, or as many batches as `steps_per_epoch` says; 1 or more.
        warmup_epochs: Epochs in which the learning rate rises from 0; fractions are fine.
        decay: `cosine` (to 0 at the end) or `constant`.
        steps_per_epoch: Batches of an epoch, or null for one pass over the training images.
    """

    epochs: int = 10
    warmup_epochs: float = 0.0
    decay: Literal["cosine", "constant"] = "constant"
    steps_per_epoch: int | None = None


@dataclass
class Evaluation:
    """What is measured while training.

    Args:
        every: Epochs between two evaluations on the validation images.
        recall_at: The K of Recall@K.
        keep: Which weights become the model: those of the `best` validation MAP@R, or the `last`.
    """

    every: int = 1
    recall_at: list[int] = field(default_factory=lambda: [1, 2, 4, 8])
    keep: Literal["best", "last"] = "best"


@dataclass
class Recipe:
    """A whole experiment.

    Args:
        loss: A loss of tfdml on labels and embeddings.
        optimizer: An optimiser of Keras, with a number as its learning rate.
        data: Name of an image set, an HDF5 file, or a folder with one subfolder a class.
        train_on: The classes or images to train on: `train`, or `trainval` with those held for validation,
            where the figures during training then tell nothing about unseen classes.
        image_size: Side in pixels of the pictures that the network sees.
        fit: How a picture becomes a square: `crop`, `pad` or `stretch`.
        seed: Decides the split, the initial weights, the batches and their augmentation.
        hold_out: What is kept from training.
        backbone: The network.
        embedding: Its last part.
        sampler: The batches.
        augmentation: Random layers of Keras, in order, on pixels from 0 to 255.
        schedule: Epochs and learning rate.
        callbacks: Callbacks of Keras or tfdml, beside those that every run has.
        evaluation: What is measured.
    """

    loss: MetricLoss
    optimizer: keras.optimizers.Optimizer
    data: str = "emoji"
    train_on: Literal["train", "trainval"] = "train"
    image_size: int = 96
    fit: Literal["crop", "pad", "stretch"] = "crop"
    seed: int = 0
    hold_out: HoldOut = field(default_factory=HoldOut)
    backbone: Backbone = field(default_factory=Backbone)
    embedding: Embedding = field(default_factory=Embedding)
    sampler: Sampler = field(default_factory=Sampler)
    augmentation: list[keras.layers.Layer] = field(default_factory=list)
    schedule: Schedule = field(default_factory=Schedule)
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def __post_init__(self):
        rate = self.optimizer.get_config().get("learning_rate")
        for name, value, least in (
            ("image_size", self.image_size, 8),
            ("seed", self.seed, 0),
            ("embedding.dim", self.embedding.dim, 1),
            ("sampler.classes_per_batch", self.sampler.classes_per_batch, 2),
            ("sampler.images_per_class", self.sampler.images_per_class, 2),
            ("schedule.epochs", self.schedule.epochs, 1),
            ("schedule.steps_per_epoch", self.schedule.steps_per_epoch, 1),
            ("schedule.warmup_epochs", self.schedule.warmup_epochs, 0),
            ("evaluation.every", self.evaluation.every, 1),
            *(("evaluation.recall_at", k, 1) for k in self.evaluation.recall_at or [0]),
        ):
            if value is not None and not value >= least:
                raise ValueError(f"Expected {name} to be {least} or more, received: {value}")
        for name, value, most in (
            ("seed", self.seed, 2**32 - 1),
            ("schedule.warmup_epochs", self.schedule.warmup_epochs, self.schedule.epochs),
        ):
            if value > most:
                raise ValueError(f"Expected {name} to be {most} or less, received: {value}")
        moves = self.schedule.decay != "constant" or self.schedule.warmup_epochs
        if moves and not isinstance(rate, float | int):
            raise ValueError(
                f"Expected optimizer.learning_rate to be a number, as schedule moves it, received: {rate}"
            )
        if isinstance(rate, float | int) and not 0 < rate < float("inf"):
            raise ValueError(
                f"Expected optimizer.learning_rate to be a finite number above 0, received: {rate}"
            )
        for callback in self.callbacks:
            self._check_callback(callback)

    def _check_callback(self, callback):
        """Finds at the start what Keras would find at the end of the first epoch, or not at all."""
        name = type(callback).__name__
        moves = isinstance(
            callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler
        )
        if moves and (self.schedule.decay != "constant" or self.schedule.warmup_epochs):
            raise ValueError(
                f"Expected schedule.decay to be constant and schedule.warmup_epochs 0 beside {name}, which "
                f"moves the learning rate too, received: {self.schedule.decay}, {self.schedule.warmup_epochs}"
            )
        monitor = str(getattr(callback, "monitor", "loss"))
        if monitor.startswith("val_") and monitor not in MEASURED and "recall@" not in monitor:
            raise ValueError(
                f"Expected callbacks.monitor of {name} to be loss, val_recall@K or one of "
                f"{', '.join(MEASURED)}, received: {monitor}"
            )
        if monitor.startswith("val_") and getattr(callback, "mode", "max") == "auto":
            raise ValueError(f"Expected callbacks.mode of {name} to be max for {monitor}, received: auto")

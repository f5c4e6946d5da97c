"""What a recipe may say. Every field is a flag of `tfdml train` and a key of the YAML file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import keras

from tfdml.experiment.recipe_checks import check_recipe
from tfdml.layers import NNGKClassifier, Proxies
from tfdml.losses.labels import LabelLoss


@dataclass
class HoldOut:
    """What is kept from training.

    Args:
        by: Whole `classes`, `images` of every class, or `auto`: classes where there are 20 or more. A set
            with a split of its own keeps that unless `images` are asked for.
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
        batches: `balanced`, so many images of so many classes, or `shuffled`: as many images in all, each
            once an epoch, in random order.
        classes_per_batch: Different classes; fewer where the set has fewer.
        images_per_class: Images of each.
    """

    batches: Literal["balanced", "shuffled"] = "balanced"
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
        refresh_every: Epochs from one refresh of the centers of a classifier by neighbours to the next.
    """

    epochs: int = 10
    warmup_epochs: float = 0.0
    decay: Literal["cosine", "constant"] = "constant"
    steps_per_epoch: int | None = None
    refresh_every: int = 1


@dataclass
class Evaluation:
    """What is measured while training.

    Args:
        every: Epochs between two evaluations on the validation images.
        recall_at: The K of Recall@K.
        keep: Which weights become the model: those that are `best` on validation, by the accuracy of a
            classifier or else by MAP@R, or the `last`.
    """

    every: int = 1
    recall_at: list[int] = field(default_factory=lambda: [1, 2, 4, 8])
    keep: Literal["best", "last"] = "best"


@dataclass
class Recipe:
    """A whole experiment.

    Args:
        loss: A loss of tfdml, on embeddings or with class weights; or for a head that classifies
            `keras.losses.SparseCategoricalCrossentropy`.
        optimizer: An optimiser of Keras, with a number as its learning rate.
        head: For a loss with class weights, the layer that holds them, or null for `Proxies` as the loss
            needs them; for cross-entropy the classifier, `NNGKClassifier` or `Dense`. A function of the
            number of classes, and for NNGKClassifier of the number of training images.
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

    loss: LabelLoss | keras.losses.SparseCategoricalCrossentropy
    optimizer: keras.optimizers.Optimizer
    head: (
        Callable[[int], Proxies]
        | Callable[[int], keras.layers.Dense]
        | Callable[[int, int], NNGKClassifier]
        | None
    ) = None
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
        check_recipe(self)

"""Which images stand in which batch: balanced over classes, each image once an epoch before any twice."""

import numpy as np


class BalancedSampler:
    """Batches of `classes_per_batch` classes with `images_per_class` images each, as positions in a set.

    An epoch visits every class `ceil(images / images_per_class)` times, so that each image is seen, and
    none twice before all of its class were. A class has one visit a batch at most. Only what the sizes
    force is repeated: the places that are left in a class's last visit, and whole visits where too few
    classes are left to fill the last batches.

    Args:
        labels: Class of each image, integers `(images,)`.
        classes_per_batch: Classes in a batch, from 1 to the number of classes.
        images_per_class: Images of each class in a batch, 1 or more.
        seed: Integer. The same seed gives the same batches in every process. Defaults to `0`.

    Attributes:
        steps: Batches in an epoch, the same in every epoch.

    Example:

    >>> sampler = tfdml.data.BalancedSampler(np.array([0, 0, 0, 1, 1, 1]), 2, 2)
    >>> sampler.steps, sampler.epoch(0).shape
    (2, (2, 4))
    """

    def __init__(self, labels, classes_per_batch, images_per_class, seed=0):
        order = np.argsort(labels, kind="stable")
        _, counts = np.unique(np.asarray(labels)[order], return_counts=True)
        if not 1 <= classes_per_batch <= len(counts):
            raise ValueError(
                f"Expected classes_per_batch to be from 1 to the number of classes ({len(counts)}), "
                f"received: {classes_per_batch}"
            )
        if images_per_class < 1:
            raise ValueError(f"Expected images_per_class to be 1 or more, received: {images_per_class}")
        self.members = np.split(order, np.cumsum(counts)[:-1])
        self.visits = -(-counts // images_per_class)
        self.classes_per_batch, self.images_per_class, self.seed = classes_per_batch, images_per_class, seed
        # A class with more visits than the rest can fill needs a batch for each of them.
        self.steps = int(max(-(-self.visits.sum() // classes_per_batch), self.visits.max()))

    def epoch(self, number):
        """Positions `(steps, classes_per_batch * images_per_class)` of an epoch, class after class."""
        rng = np.random.default_rng([self.seed, number])
        queues = [rng.permutation(members) for members in self.members]
        taken = np.zeros(len(queues), int)
        visits = self.visits.copy()
        batches = []
        for _ in range(self.steps):
            # Most visits left first, equals in random order: no class can be left over at the end.
            rank = np.lexsort((rng.random(len(visits)), -visits))
            chosen = rng.permutation(rank[: self.classes_per_batch])
            visits[chosen] -= 1
            batches.append([self._visit(queues[c], taken[c]) for c in chosen])
            taken[chosen] += self.images_per_class
        return np.reshape(batches, (self.steps, -1))

    def _visit(self, queue, taken):
        return np.take(queue, np.arange(taken, taken + self.images_per_class), mode="wrap")

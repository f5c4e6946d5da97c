"""What classifiers by neighbours can be asked: who voted, and how sure that is."""

from typing import Any, NamedTuple

from keras import ops

from tfdml.layers.center_checks import as_queries
from tfdml.ops import log_gaussian


class Votes(NamedTuple):
    """The neighbours of each query and what they have to say, `(queries, neighbors)`, nearest first.

    Attributes:
        indices: Slots of the neighbours; -1 where fewer centers are stored.
        labels: Their classes, or likeliest classes; -1 where there is none.
        shares: Their shares of the vote; a row sums to 1.
        distances: Their distances, Euclidean; infinite where there is none.
    """

    indices: Any
    labels: Any
    shares: Any
    distances: Any


class Answer(NamedTuple):
    """All that a classifier by neighbours says of some queries.

    Attributes:
        probabilities: Of the classes, `(queries, num_classes)`.
        confidence: As of `confidence`, `(queries,)`.
        votes: The `Votes`.
    """

    probabilities: Any
    confidence: Any
    votes: Votes


class CenterAnswers:
    """Questions to a layer that finds centers; it goes before the class that does."""

    def answer(self, embeddings):
        """Probabilities, confidence and votes for embeddings `(queries, dim)`, all of one search.

        In `keras.ops`, for graphs and exports.

        Returns:
            A named tuple of `probabilities`, `(queries, num_classes)` whatever the activation; `confidence`,
            `(queries,)`; and `votes`, the `explain` of the embeddings as tensors.
        """
        distances, slots, valid = self.find(as_queries(embeddings))
        shares, labels = self.shares(distances, slots, valid), self.labels_at(slots)
        probabilities = self.class_votes(shares, slots)
        width = self.log_width()
        usual = ops.cast(self.usual_square, distances.dtype)
        nearer = log_gaussian(distances[:, 0], width) - log_gaussian(usual, width)
        confidence = ops.max(probabilities, axis=1) * ops.exp(ops.minimum(nearer, 0))
        found = ops.where(valid, slots, -1), ops.where(valid, labels, -1)
        apart = ops.where(valid, ops.sqrt(distances), float("inf"))
        return Answer(probabilities, confidence, Votes(*found, shares, apart))

    def votes(self, embeddings):
        """The `explain` of embeddings `(queries, dim)` as tensors, in `keras.ops`, for graphs and exports."""
        return self.answer(embeddings).votes

    def explain(self, embeddings):
        """The neighbours that made the class of each of the embeddings `(queries, dim)`, nearest first.

        Returns:
            A named tuple of arrays `(queries, neighbors)`: `indices`, the slots of the neighbours, -1 where
            fewer are stored; their `labels`; their `shares` of the vote, which sum to 1; their `distances`.
        """
        self._check_built()
        return Votes(*(ops.convert_to_numpy(x) for x in self.votes(embeddings)))

    def confidence(self, embeddings):
        """Near the probability of the winning class within the data, and near 0 far from everything.

        It is that probability times `min(1, k(z, c) / k_usual)`: the kernel of the nearest center `c`, over
        that of a usual distance, within which 95 % of the stored centers have another one (measured on some
        of them when centers are stored). Far from everything the probability alone may be 1, as one neighbour
        is always nearest. It is no calibrated probability. In `keras.ops`, for graphs and exports.

        Args:
            embeddings: `(queries, dim)`.

        Returns:
            A tensor `(queries,)`, from 0 to 1.
        """
        return self.answer(embeddings).confidence

    def log_width(self):
        """Logarithm of the bandwidth of the kernel that `confidence` takes."""
        return 0.5 * ops.log(self.usual_square + 1e-16)

    def shares(self, distances, slots, valid):
        """Shares of the vote `(batch, neighbors)` from what `find` gives."""
        raise NotImplementedError

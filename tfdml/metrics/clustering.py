"""Agreement of classes with clusters of embeddings."""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.metrics.inputs import embedding_array, label_array


def clustering(embeddings, labels, clusters=None, seed=0):
    """How well k-means clusters of the embeddings agree with the classes.

    Args:
        embeddings: `(samples, dim)`, an array or a tensor.
        labels: `(samples,)`, `(samples, 1)` or one-hot rows.
        clusters: Number of clusters, from 1 to the number of samples. Defaults to the number of classes.
        seed: Seed of k-means. Defaults to `0`.

    Returns:
        A dictionary of floats in [0, 1].

        - `"nmi"`: mutual information of clusters and classes over the arithmetic mean of their entropies.
        - `"f1"`: over all pairs of samples, the harmonic mean of precision and recall of "same cluster" as a
          guess of "same class". Counted from the table of clusters by classes, never pair by pair.

    Example:

    >>> embeddings = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> tfdml.metrics.clustering(embeddings, [0, 0, 1, 1])
    {'nmi': 1.0, 'f1': 1.0}

    Reference: Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, CVPR 2016.
    """
    # Scikit-learn takes a second to import, and `import tfdml` should not.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score

    embeddings = embedding_array(embeddings)
    labels = label_array(labels, len(embeddings))
    clusters = len(np.unique(labels)) if clusters is None else clusters
    if not (isinstance(clusters, int | np.integer) and 1 <= clusters <= len(embeddings)):
        raise ValueError(
            f"Expected clusters to be an integer from 1 to {len(embeddings)}, received: {clusters!r}"
        )
    # The start by k-means++ makes thousands of small products: threads take longer to meet than to multiply.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        # A collapsed embedding has fewer points than clusters: its score says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        assigned = KMeans(clusters, n_init=1, random_state=seed).fit_predict(embeddings)
    nmi = normalized_mutual_info_score(labels, assigned, average_method="arithmetic")
    return {"nmi": float(nmi), "f1": pairwise_f1(labels, assigned)}


def pairwise_f1(labels, assigned):
    """F1 of "in one cluster" as a guess of "of one class", over all pairs of samples."""
    from sklearn.metrics.cluster import pair_confusion_matrix

    (_, false_positive), (false_negative, true_positive) = pair_confusion_matrix(labels, assigned).tolist()
    total = 2 * true_positive + false_positive + false_negative
    return 2 * true_positive / total if total else 1.0  # no pair is together on either side: they agree

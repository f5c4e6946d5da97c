"""Agreement of classes with clusters of embeddings."""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from tfdml.metrics.inputs import read_samples


def clustering(embeddings, labels, clusters=None, seed=0):
    """How well k-means clusters of the embeddings agree with the classes.

    Args:
        embeddings: `(samples, dim)`, an array or a tensor. Or a `keras.Model`.
        labels: `(samples,)`, `(samples, 1)` or one-hot rows. With a model, a data set that it embeds.
        clusters: Number of clusters, from 1 to the number of samples. Defaults to the number of classes.
        seed: Seed of k-means. Defaults to `0`.

    Returns:
        A dictionary of floats, at most 1.

        - `"nmi"`: mutual information of clusters and classes over the arithmetic mean of their entropies.
          Clusters by chance score above 0, the more the more clusters there are.
        - `"ami"`: the same with what chance gives taken from both: 0 for clusters by chance, and below 0 for
          worse.
        - `"v_measure"`: the harmonic mean of homogeneity (clusters are of one class) and completeness
          (classes are in one cluster). Equal to `nmi` by definition.
        - `"f1"`: over all pairs of samples, the harmonic mean of precision and recall of "same cluster" as a
          guess of "same class". Counted from the table of clusters by classes, never pair by pair.

    Example:

    >>> embeddings = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> tfdml.metrics.clustering(embeddings, [0, 0, 1, 1])
    {'nmi': 1.0, 'ami': 1.0, 'v_measure': 1.0, 'f1': 1.0}

    References: Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, CVPR 2016; Vinh et
    al., Information Theoretic Measures for Clusterings Comparison, JMLR 2010 (AMI); Rosenberg and Hirschberg,
    V-Measure, EMNLP 2007.
    """
    # Scikit-learn takes a second to import, and `import tfdml` should not.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score, v_measure_score

    embeddings, labels = read_samples(embeddings, labels)
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
    return {
        "nmi": float(nmi),
        "ami": adjusted_mutual_information(labels, assigned),
        "v_measure": float(v_measure_score(labels, assigned)),
        "f1": pairwise_f1(labels, assigned),
    }


def adjusted_mutual_information(labels, assigned):
    """`(MI - E) / (mean of the entropies - E)`, with `E` the mutual information of clusters by chance.

    That of scikit-learn takes half a minute for ten thousand classes: it sums over every class and cluster,
    though only their sizes count.
    """
    from sklearn.metrics import mutual_info_score

    sizes = [np.unique(groups, return_counts=True)[1] for groups in (labels, assigned)]
    table = np.stack([np.unique(groups, return_inverse=True)[1] for groups in (labels, assigned)])
    met = np.unique(table, axis=1).shape[1]
    if met == len(sizes[0]) == len(sizes[1]):
        return 1.0  # one and the same partition, also where chance could do no worse
    chance = expected_mutual_information(*sizes)
    entropies = [-np.sum(counts / len(labels) * np.log(counts / len(labels))) for counts in sizes]
    above, most = mutual_info_score(labels, assigned) - chance, np.mean(entropies) - chance
    # Where one side has all samples apart, or all together, chance leaves nothing to gain.
    return float(above / most) if most > 1e-12 else 0.0


def expected_mutual_information(classes, clusters):
    """Mean mutual information over all ways to fill classes and clusters of given sizes.

    Formula: a class of `a` and a cluster of `b` of `n` samples share `k` of them with the hypergeometric
    probability, and then add `k / n · log(n k / (a b))`.
    """
    n = int(classes.sum())
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # their logarithms
    (a_sizes, a_counts), (b_sizes, b_counts) = (np.unique(x, return_counts=True) for x in (classes, clusters))
    total = 0.0
    for a, count in zip(a_sizes, a_counts, strict=True):
        k = np.arange(1, min(a, b_sizes[-1]) + 1)[:, None]
        possible = (k <= b_sizes) & (k >= a + b_sizes - n)
        b = b_sizes[None, :]
        rest = [np.where(possible, x, 0) for x in (b - k, n - a - b + k)]
        log_probability = (
            factorials[a] + factorials[b] + factorials[n - a] + factorials[n - b] - factorials[n]
        ) - (factorials[k] + factorials[a - k] + factorials[rest[0]] + factorials[rest[1]])
        terms = k / n * np.log(n * k / (a * b)) * np.exp(np.where(possible, log_probability, -np.inf))
        total += count * np.sum(terms @ b_counts)
    return total


def pairwise_f1(labels, assigned):
    """F1 of "in one cluster" as a guess of "of one class", over all pairs of samples."""
    from sklearn.metrics.cluster import pair_confusion_matrix

    (_, false_positive), (false_negative, true_positive) = pair_confusion_matrix(labels, assigned).tolist()
    total = 2 * true_positive + false_positive + false_negative
    return 2 * true_positive / total if total else 1.0  # no pair is together on either side: they agree

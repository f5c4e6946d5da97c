"""How good an embedding is: retrieval, clustering, verification, signs of a collapse."""

from tfdml.metrics.bootstrap import bootstrap
from tfdml.metrics.clustering import clustering
from tfdml.metrics.collapse import collapse
from tfdml.metrics.embedding import embed
from tfdml.metrics.retrieval import retrieval, retrieval_per_query
from tfdml.metrics.verification import calibrate_threshold, roc, verification

__all__ = [
    "bootstrap",
    "calibrate_threshold",
    "clustering",
    "collapse",
    "embed",
    "retrieval",
    "retrieval_per_query",
    "roc",
    "verification",
]

"""How good an embedding is: retrieval and clustering."""

from tfdml.metrics.clustering import clustering
from tfdml.metrics.embedding import embed
from tfdml.metrics.retrieval import retrieval, retrieval_per_query

__all__ = ["clustering", "embed", "retrieval", "retrieval_per_query"]

"""Cosines for losses that read directions alone."""

from tfdml.losses.parts import current_batch
from tfdml.ops import at_least_float32, dot_product, l2_normalize


def unit(embeddings):
    """Embeddings of norm 1, in float32 at least.

    Where a batch is computed in tiles, every tile reads all keys, which are then scaled once and for all:
    a loss whose attribute `directions` is true has them so, and they are left as they are.
    """
    embeddings = at_least_float32(embeddings)
    return embeddings if current_batch().unit else l2_normalize(embeddings)


def cosines(queries, keys):
    """Cosines `(queries, keys)`, as `tfdml.ops.cosine_similarity` gives them."""
    return dot_product(unit(queries), unit(keys))

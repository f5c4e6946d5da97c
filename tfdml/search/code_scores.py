"""Scores of quantised embeddings: looked up in tables, or by products with what is decoded."""

from keras import ops


def by_look_ups(z, codebooks):
    """A function of codes that gives scores `(queries, items)`: minus the squared distances, looked up."""
    table = tables(z, codebooks)
    return lambda codes: -ops.transpose(looked_up(table, codes))


def by_products(z, codebooks):
    """The same of decoded codes, up to what is the same for all items: `z·x - |x|²/2`."""
    subspaces, _, width = codebooks.shape
    # From the middle of the codewords, so that an offset that all share does not use up the digits.
    middle = ops.mean(codebooks, axis=1, keepdims=True)
    codebooks = codebooks - middle
    z = z - ops.reshape(middle, (1, subspaces * width))
    halves = ops.reshape(ops.sum(ops.square(codebooks), axis=2) / 2, (-1, 1))

    def scores(codes):
        x = ops.reshape(decoded_parts(codes[None], codebooks), (-1, subspaces * width))
        return ops.einsum("qd,td->qt", z, x) - ops.squeeze(looked_up(halves, codes), 1)

    return scores


def tables(z, codebooks):
    """Squared distances of the parts of rotated queries to codewords: `(bytes · codewords, queries)`."""
    subspaces, size, width = codebooks.shape
    # From the middle of the codewords, so that an offset that all share does not use up the digits.
    middle = ops.mean(codebooks, axis=1, keepdims=True)
    codewords = codebooks - middle
    parts = ops.transpose(ops.reshape(z, (-1, subspaces, width)), (1, 2, 0)) - ops.reshape(
        middle, (subspaces, width, 1)
    )
    lengths = ops.sum(ops.square(codewords), axis=2)[:, :, None] + ops.sum(ops.square(parts), axis=1)[:, None]
    table = ops.maximum(lengths - 2 * ops.matmul(codewords, parts), 0)
    # A row a codeword: what is looked up is whole rows, of all queries.
    return ops.reshape(table, (subspaces * size, -1))


def looked_up(table, codes):
    """The sums of the entries that codes `(items, bytes)` name: `(items, queries)`."""
    subspaces = codes.shape[1]
    size = table.shape[0] // subspaces
    return sum(ops.take(table, codes[:, i] + i * size, axis=0) for i in range(subspaces))


def decoded_parts(codes, codebooks):
    """Rotated embeddings `(queries, k, dim kept)` that codes `(queries, k, bytes)` stand for."""
    subspaces, size, width = codebooks.shape
    rows = ops.take(
        ops.reshape(codebooks, (-1, width)), codes + size * ops.arange(subspaces, dtype="int32"), axis=0
    )
    return ops.reshape(rows, (-1, *codes.shape[1:-1], subspaces * width))

"""An index from its file."""

from tfdml.search import files
from tfdml.search.exact_index import Exact
from tfdml.search.faiss_index import FAISS
from tfdml.search.ivf_index import IVF
from tfdml.search.scann_index import ScaNN

KINDS = {cls.kind: cls for cls in (Exact, IVF, FAISS, ScaNN)}


def load(path, dim=None, kind=None):
    """The index that `save` wrote, of its class.

    The file is checked as one that a stranger may have made: nothing in it is executed, and its parts must
    fit together.

    Args:
        path: The file.
        dim: The dimension that it must have. Defaults to `None`: any.
        kind: The kind that it must be of: `"exact"`, `"ivf"`, `"faiss"` or `"scann"`. Defaults to `None`:
            any.

    Raises:
        ValueError: The file is not ours, not whole, of another version, dimension or kind. It names the path.
        ImportError: The library of its kind is not installed; it names the extra that brings it.

    Example:

    >>> tfdml.search.Exact("cosine").build(np.eye(3)).save("eye.index")
    >>> tfdml.search.load("eye.index", dim=3).query(np.array([[0, 0, 5.0]]), k=1).indices.tolist()
    [[2]]
    """
    header, arrays = files.read(path)
    found = header.get("kind")
    if not (isinstance(found, str) and found in KINDS and kind in (None, found)):
        raise files.refused(path, f"kind {found!r}, not {' or '.join(KINDS) if kind is None else kind}")
    if dim is not None and header.get("dim") != dim:
        raise files.refused(path, f"dimension {header.get('dim')}, not {dim}")
    try:
        size, own_dim, config = header["size"], header["dim"], header["config"]
        files.expect(isinstance(config, dict), "config is no dictionary")
        for name, value in ("size", size), ("dim", own_dim):
            files.expect(type(value) is int and value > 0, f"{name} {value!r}")
        index = KINDS[found](distance=header["distance"], **config)
        index.size, index.dim = size, own_dim
        index._restore(arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise files.refused(path, f"one whose parts do not fit ({error})") from error
    return index

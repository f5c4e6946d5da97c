"""What metrics accept as embeddings and labels, brought to NumPy arrays of one form."""

import keras
import numpy as np

from tfdml.metrics.embedding import embed


def read_samples(embeddings, labels, name="embeddings", labels_name="labels"):
    """Arrays of embeddings and labels: of what was given, or of a model and a data set that it embeds."""
    if isinstance(embeddings, keras.Model):
        embeddings, labels = embed(embeddings, labels)
    embeddings = embedding_array(embeddings, name)
    return embeddings, label_array(labels, len(embeddings), labels_name)


def read_sets(embeddings, labels, gallery, gallery_labels):
    """The same of queries and a gallery; `None` and `None` for a gallery that is not given."""
    model = embeddings if isinstance(embeddings, keras.Model) else None
    queries, labels = read_samples(embeddings, labels)
    if gallery is None and gallery_labels is None:
        return queries, labels, None, None
    if model is not None and gallery_labels is None:
        gallery, gallery_labels = model, gallery  # a data set like that of the queries
    elif gallery is None or gallery_labels is None or model is not None:
        raise ValueError(
            "Expected gallery and gallery_labels to be given together, or a data set as gallery "
            "where a model embeds it, received: another combination"
        )
    gallery, gallery_labels = read_samples(gallery, gallery_labels, "gallery", "gallery_labels")
    if gallery.shape[1] != queries.shape[1]:
        columns = f"{queries.shape[1]} columns like embeddings"
        raise ValueError(f"Expected gallery to have {columns}, received: {gallery.shape[1]}")
    return queries, labels, gallery, gallery_labels


def check_choice(name, value, allowed):
    """`value`, if it is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"Expected {name} to be one of {', '.join(allowed)}, received: {value!r}")
    return value


def check_above(name, value, limit=0, below=None):
    """`value`, if it is a number above `limit` (and below `below`)."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and limit < value < (np.inf if below is None else below)):
        ends = f"a number above {limit:g}" if below is None else f"a number between {limit:g} and {below:g}"
        raise ValueError(f"Expected {name} to be {ends}, received: {value!r}")
    return float(value)


def check_counts(name, values):
    """`values` as an array, if they are integers above 0."""
    array = np.asarray(values, dtype=None if np.size(values) else "int64")
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or (array < 1).any():
        raise ValueError(f"Expected {name} to be integers above 0, received: {values!r}")
    return array


def embedding_array(values, name="embeddings"):
    """Finite float32 `(samples, dim)` from an array or a tensor of any backend."""
    values = np.asarray(keras.ops.convert_to_numpy(values))
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"Expected {name} to be of shape (samples, dim), received: shape {values.shape}")
    # Float16 and bfloat16 know no sums of many terms; float64 beyond the range of float32 is scaled into it.
    values = values.astype("float64" if values.dtype == np.float64 else "float32", copy=False)
    broken = len(values) - np.count_nonzero(np.isfinite(values).all(axis=1))
    if broken:
        raise ValueError(
            f"Expected {name} to be finite, received: {broken} of {len(values)} rows with NaN or infinity"
        )
    return values


def label_array(values, samples, name="labels"):
    """Labels `(samples,)` from `(samples,)`, `(samples, 1)` or one-hot rows; any type that NumPy can sort."""
    values = np.asarray(values if isinstance(values, list | tuple) else keras.ops.convert_to_numpy(values))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    elif values.ndim == 2 and is_one_hot(values):
        values = values.argmax(axis=1)
    if values.ndim != 1:
        raise ValueError(
            f"Expected {name} to be of shape (samples,), (samples, 1) or one-hot rows, "
            f"received: shape {values.shape}"
        )
    if len(values) != samples:
        raise ValueError(f"Expected {name} to be one for each of {samples} samples, received: {len(values)}")
    return values


def is_one_hot(rows):
    """Whether each row has a single 1 among zeros."""
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all())

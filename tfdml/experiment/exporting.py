"""`tfdml export`: a SavedModel that embeds and searches, and needs nothing but TensorFlow."""

from pathlib import Path

import keras
import tensorflow as tf

from tfdml import data, search
from tfdml.data.files import written_whole
from tfdml.experiment.gallery import Gallery
from tfdml.experiment.run_folder import RunFolder


def export(path, out=None, k=8):
    """Writes a run's network and gallery as one SavedModel.

    `tf.saved_model.load(out)` gives an object with the functions below, in a process that need not know
    Keras or tfdml. Pictures may have any size: the model brings them to its own. The functions are its
    signatures too (`embed_uint8` and `search_uint8` for bytes of pixels).

    - `embed(images)`: float32 or uint8 `(batch, height, width, 3)`, RGB from 0 to 255, to embeddings.
    - `embed_bytes(encoded)`: strings `(batch,)`, each a PNG, JPEG or BMP file, to embeddings. TensorFlow does
      not turn a JPEG as its camera was held: turn it before.
    - `search(images)`: the `k` nearest pictures of the gallery, a dictionary of `(batch, k)`: `ids` (places
      in the gallery), `labels`, `class_names`, `distances` (Euclidean), and `same`: whether the distance is
      within `threshold`.
    - `threshold`: the distance up to which two pictures are held to be of one class, a number: the largest
      at which no more than one in a thousand pairs of two classes was accepted on the validation pictures.
      It and `same` are missing where no such distance was found: too few pictures are held for validation,
      or they were trained on.

    Args:
        path: Path of the run folder.
        out: Path of the SavedModel, which must not exist. Defaults to `export` in the run folder.
        k: Neighbours that `search` finds, 1 or more; no more than the gallery has. Defaults to `8`.

    Returns:
        The path that was written.

    Raises:
        ValueError: The run has no trained model, or there is something at `out`.
    """
    run = RunFolder.open(path)
    out = Path(out) if out else run.path / "export"
    if out.exists():
        raise ValueError(f"Expected out to be a new folder, received: {out} (it exists)")
    if k < 1:
        raise ValueError(f"Expected k to be 1 or more, received: {k}")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Expected KERAS_BACKEND to be tensorflow for an export, received: {keras.backend.backend()}"
        )
    served = Served(run.load_model(), Gallery.load(run.gallery), k, run.read_threshold())
    with written_whole(out) as part:
        tf.saved_model.save(served, str(part), signatures=served.signatures())
    return out


class Served(tf.Module):
    """A network and its gallery as functions of TensorFlow.

    Args:
        model: Keras model from images to embeddings.
        gallery: The `Gallery` to search.
        k: Neighbours to find.
        threshold: Largest distance of two pictures that are held to be of one class, or `None`.
    """

    def __init__(self, model, gallery, k, threshold=None):
        super().__init__()
        if threshold is not None:
            self.threshold = tf.Variable(threshold, trainable=False, dtype="float32")
        self._fit, self._k = gallery.fit, min(k, len(gallery.labels))
        # In a closure, where TensorFlow does not find a Keras model to save in Keras' way.
        self._network = lambda images: model(images, training=False)
        self._side, self._size = gallery.side, model.input_shape[1]
        self.variables_ = [variable.value for variable in model.variables]
        self.gallery = tf.Variable(gallery.embeddings, trainable=False)
        self.labels = tf.Variable(gallery.labels, trainable=False)
        self.class_names = tf.Variable(gallery.class_names.tolist(), trainable=False)
        self.embed = tf.function(self._embed)
        self.embed_bytes = tf.function(self._embed_bytes)
        self.search = tf.function(self._search)

    def signatures(self):
        """The functions for the kinds of input that a server may get."""
        pixels = tf.TensorSpec((None, None, None, 3), tf.float32, name="images")
        whole = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
        encoded = tf.TensorSpec((None,), tf.string, name="encoded")
        functions = {
            "embed": self.embed.get_concrete_function(pixels),
            "embed_uint8": self.embed.get_concrete_function(whole),
            "embed_bytes": self.embed_bytes.get_concrete_function(encoded),
            "search": self.search.get_concrete_function(pixels),
            "search_uint8": self.search.get_concrete_function(whole),
        }
        return {**functions, "serving_default": functions["embed"]}

    def _embed(self, images):
        # By way of the gallery's own size, so that a picture comes to look as those of the gallery did.
        images = data.fit_images(images, self._side, self._fit)
        return self._network(data.resize(images, self._size))

    def _embed_bytes(self, encoded):
        def picture(data_):
            return data.fit_images(decode(data_)[None], self._side, self._fit)[0]

        spec = tf.TensorSpec((self._side, self._side, 3), tf.float32)
        images = tf.map_fn(picture, encoded, fn_output_signature=spec)
        return self._network(data.resize(images, self._size))

    def _search(self, images):
        distances, ids = search.nearest_neighbors(self._embed(images), self.gallery, self._k)
        labels = tf.gather(self.labels, ids)
        found = {
            "ids": tf.cast(ids, tf.int64),
            "labels": labels,
            "class_names": tf.gather(self.class_names, labels),
            "distances": distances,
        }
        return {**found, "same": distances <= self.threshold} if hasattr(self, "threshold") else found


def decode(encoded):
    """Pixels float32 `(height, width, 3)` of a picture file, in graph; transparent ones on white."""

    def opaque():
        # The default for JPEG is fast and coarse, unlike what the gallery was decoded with.
        return tf.cast(tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"), "float32")

    def transparent():
        pixels = tf.cast(tf.io.decode_image(encoded, channels=4, expand_animations=False), "float32")
        alpha = pixels[..., 3:] / 255
        return tf.round(pixels[..., :3] * alpha + 255 * (1 - alpha))

    return tf.ensure_shape(tf.cond(tf.io.is_jpeg(encoded), opaque, transparent), (None, None, 3))

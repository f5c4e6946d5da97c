"""A network and its gallery as functions of TensorFlow, which a SavedModel can hold."""

import tensorflow as tf

from tfdml import data, search

PIXELS = tf.TensorSpec((None, None, None, 3), tf.float32, name="images")
WHOLE = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
ENCODED = tf.TensorSpec((None,), tf.string, name="encoded")


class Served(tf.Module):
    """A network and its gallery as functions of TensorFlow.

    Args:
        model: Keras model from images to embeddings.
        gallery: The `Gallery` to search.
        k: Neighbours to find.
        threshold: Largest distance of two pictures that are held to be of one class, or `None`.
        coder: `rotation` and `codebooks` of `tfdml.search.OPQ`, by whose codes the gallery is held, a
            dictionary; or `None`: as it is.
    """

    def __init__(self, model, gallery, k, threshold=None, coder=None):
        super().__init__()
        if threshold is not None:
            self.threshold = tf.Variable(threshold, trainable=False, dtype="float32")
        self._fit, self._k = gallery.fit, min(k, len(gallery.labels))
        self._side, self._size = gallery.side, model.input_shape[1]
        self._network = traced_once(lambda images: model(images, training=False), model.input_shape)
        self.variables_ = [variable.value for variable in model.variables]
        self.coder = coder
        held = (
            gallery.embeddings if coder is None else search.OPQ.from_state(coder).encode(gallery.embeddings)
        )
        self.gallery = tf.Variable(held, trainable=False)
        self._nearest = traced_once(self._neighbors, model.output_shape)
        self.labels = tf.Variable(gallery.labels, trainable=False)
        self.class_names = tf.Variable(gallery.class_names.tolist(), trainable=False)
        self.embed = tf.function(self._embed)
        self.embed_bytes = tf.function(self._embed_bytes)
        self.search = tf.function(self._search)

    def signatures(self):
        """The functions for the kinds of input that a server may get."""
        functions = {
            **self.of_pixels("embed"),
            "embed_bytes": self.embed_bytes.get_concrete_function(ENCODED),
            **self.of_pixels("search"),
        }
        return {**functions, "serving_default": functions["embed"]}

    def of_pixels(self, name):
        """A function for float32 and one for uint8, by their names."""
        function = getattr(self, name)
        return {
            name: function.get_concrete_function(PIXELS),
            f"{name}_uint8": function.get_concrete_function(WHOLE),
        }

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
        distances, ids = self._nearest(self._embed(images))
        labels = tf.gather(self.labels, ids)
        found = {
            "ids": tf.cast(ids, tf.int64),
            "labels": labels,
            "class_names": tf.gather(self.class_names, labels),
            "distances": distances,
        }
        return {**found, "same": distances <= self.threshold} if hasattr(self, "threshold") else found

    def _neighbors(self, embeddings):
        if self.coder is None:
            return search.nearest_neighbors(embeddings, self.gallery, self._k)
        squared, ids = search.quantized_neighbors(embeddings, self.gallery, **self.coder, k=self._k)
        return tf.sqrt(squared), ids


def traced_once(function, shape):
    """A function of float32 of a shape, which the functions that call it share one graph of.

    In a closure, where TensorFlow does not find a Keras model to save in Keras' way.
    """
    traced = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)])
    return lambda x: traced(x)


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

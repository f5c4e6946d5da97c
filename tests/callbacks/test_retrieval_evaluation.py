import csv

import keras
import numpy as np
import pytest

from tfdml import metrics
from tfdml.callbacks import RetrievalEvaluation

pytestmark = pytest.mark.backend

NAMES = ["recall@1", "recall@4", "precision@1", "r_precision", "map@r", "map", "mrr", "ndcg"]
TRACES = []


class Embedding(keras.layers.Dense):
    """Counts how often it is traced."""

    def call(self, inputs):
        TRACES.append(inputs.shape)
        return super().call(inputs)


def samples(n=22, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)).astype("float32"), np.arange(n) // 2


def batches(x, labels, size=8, wrap=lambda x: x):
    return [(wrap(x[i : i + size]), labels[i : i + size]) for i in range(0, len(x), size)]


def compiled(inputs=None):
    keras.utils.set_random_seed(0)
    image = keras.Input((3,), name="image")
    output = Embedding(2)(image)
    model = keras.Model(image if inputs is None else {"image": image, **inputs}, output)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    return model


def fit(model, callbacks, epochs=4, **options):
    x, _ = samples(16, seed=1)
    return model.fit(x, x[:, :2], epochs=epochs, callbacks=callbacks, verbose=0, **options).history


def test_logs_are_the_figures_of_each_epoch():
    x, labels = samples()
    model, seen = compiled(), []

    class Reference(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(
                (dict(logs), metrics.retrieval(self.model.predict(x, verbose=0), labels, recall_at=(1, 4)))
            )

    history = fit(model, [RetrievalEvaluation(batches(x, labels), recall_at=(1, 4)), Reference()])
    assert len({round(value, 6) for value in history["val_map"]}) > 1, "training should change the figures"
    for epoch, (logs, expected) in enumerate(seen):
        for name in NAMES:
            assert type(logs[f"val_{name}"]) is float
            assert logs[f"val_{name}"] == history[f"val_{name}"][epoch] == pytest.approx(expected[name])


def test_gallery_prefix_and_embedding_model():
    x, labels = samples()
    model = compiled()
    other = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling([1, 0, 0])])
    evaluation = RetrievalEvaluation(
        batches(x[:6], labels[:6]),
        gallery=batches(x, labels),
        prefix="test_",
        embedding_model=other,
        distance="cosine",
    )
    history = fit(model, [evaluation], epochs=1)
    x = x * [1, 0, 0]
    expected = metrics.retrieval(x[:6], labels[:6], x, labels, distance="cosine")
    assert history["test_map"] == [pytest.approx(expected["map"])]
    assert not any(name.startswith("val_") for name in history)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Torch runs eagerly and traces nothing")
def test_traces_nothing_after_the_first_measurement():
    x, labels = samples()
    model = compiled()
    evaluation = RetrievalEvaluation(batches(x, labels))  # 8, 8 and 6 samples
    counts = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: counts.append(len(TRACES)))
    fit(model, [evaluation, count], epochs=5)
    assert counts[0] > 0
    assert counts == counts[:1] * 5


def test_between_measurements_the_latest_is_repeated():
    x, labels = samples()
    measured = []

    class Counting(RetrievalEvaluation):
        def evaluate(self):
            measured.append(True)
            return super().evaluate()

    marks = []
    mark = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: marks.append(len(measured)))
    history = fit(compiled(), [Counting(batches(x, labels), every=3), mark], epochs=8)
    assert marks == [1, 1, 2, 2, 2, 3, 3, 4]  # the first, each third, the last
    values = history["val_map"]
    assert values[0] == values[1] and values[2] == values[3] == values[4] and values[5] == values[6]


def test_a_run_that_resumes_repeats_the_figures_it_was_left_with():
    x, labels = samples()
    first = RetrievalEvaluation(batches(x, labels), every=4)
    fit(compiled(), [first], epochs=1)
    saved = {name: value for name, value in vars(first).items() if isinstance(value, float)}

    class Restore(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            vars(second).update(saved)

    second = RetrievalEvaluation(batches(x, labels), every=4)
    history = fit(compiled(), [second, Restore()], epochs=3, initial_epoch=1)
    assert history["val_map"][0] == saved["val_map"] != history["val_map"][1]


def test_csv_logger_has_all_columns_and_checkpoint_the_best_epoch(tmp_path):
    x, labels = samples()
    model = compiled()
    history = fit(
        model,
        [
            RetrievalEvaluation(batches(x, labels), every=2),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.EarlyStopping("val_map@r", mode="max", patience=99),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "best.weights.h5",
                monitor="val_map@r",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
            ),
        ],
        epochs=5,
    )
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_map@r"]) for row in rows] == pytest.approx(history["val_map@r"])
    model.load_weights(tmp_path / "best.weights.h5")
    best = metrics.retrieval(model.predict(x, verbose=0), labels)["map@r"]
    assert best == pytest.approx(max(history["val_map@r"]))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data is TensorFlow's")
def test_dataset_of_dictionaries():
    import tensorflow as tf

    x, labels = samples()
    inputs = {"image": x, "index": np.arange(len(x))}
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8)
    history = fit(compiled(), [RetrievalEvaluation(dataset)], epochs=2)
    plain = fit(compiled(), [RetrievalEvaluation(batches(x, labels))], epochs=2)
    assert history["val_map"] == plain["val_map"]


def test_models_of_dictionaries_get_the_entries_they_name():
    x, labels = samples()
    model = keras.Model(
        {"image": (image := keras.Input((3,), name="image"))}, keras.layers.Rescaling(2.0)(image)
    )
    named = batches(x, labels, wrap=lambda x: {"image": x, "index": np.zeros(len(x))})
    for one in (model, keras.Sequential([keras.layers.Rescaling(2.0)])):
        embeddings, got = metrics.embed(one, named)
        np.testing.assert_array_equal(embeddings, 2 * x)
        np.testing.assert_array_equal(got, labels)
    with pytest.raises(ValueError, match="Expected dataset to give the input 'image', received: picture"):
        metrics.embed(model, batches(x, labels, wrap=lambda x: {"picture": x}))


def test_half_precision_gives_the_figures_of_its_rounded_embeddings():
    x, labels = samples()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(1.0, dtype="bfloat16")])
    embeddings, _ = metrics.embed(model, batches(x, labels))
    assert metrics.retrieval(embeddings, labels) == metrics.retrieval(embeddings.astype("float32"), labels)


def test_diverged_training_is_told_in_so_many_words():
    x, labels = samples()
    model = compiled()
    model.layers[-1].kernel.assign(np.full((3, 2), np.nan, "float32"))
    with pytest.raises(
        ValueError, match="Expected embeddings to be finite, received: 22 of 22 rows with NaN"
    ):
        fit(model, [RetrievalEvaluation(batches(x, labels))], epochs=1)


@pytest.mark.parametrize(
    "dataset, message",
    [
        ([], "dataset to give at least one batch, received: none"),
        ([np.ones((4, 3))], r"dataset to give batches \(inputs, labels\)"),
        ([(np.ones((4, 3)), np.zeros(4))] * 2, None),
    ],
)
def test_datasets_it_refuses(dataset, message):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Reshape((3, 1))])
    message = message or r"model to give embeddings \(batch, dim\), received: \(4, 3, 1\)"
    with pytest.raises(ValueError, match=f"Expected {message}"):
        metrics.embed(model, dataset)


def test_refuses_an_interval_below_one():
    with pytest.raises(ValueError, match="Expected every to be an integer above 0, received: 0"):
        RetrievalEvaluation([], every=0)

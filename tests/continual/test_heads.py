"""Heads: known tasks, class means, stored centers."""

import keras
import numpy as np
import pytest
from continual.small import blobs, scenario

from tfdml import layers
from tfdml.continual import (
    ClassMeans,
    GrowingImpostors,
    Impostors,
    NearestClassMean,
    Part,
    TaskSoftmax,
    run,
    split_classes,
)
from tfdml.continual.growing import in_turns

MASK = [[True, True, False, False], [False, False, True, False], [True, False, False, True]]


@pytest.mark.backend
def test_classes_of_other_tasks_have_no_probability_and_no_gradient():
    logits = np.random.default_rng(0).normal(size=(3, 4)).astype("float32") * 100
    task = np.array([2, 0, 1])
    found = keras.ops.convert_to_numpy(TaskSoftmax(MASK)(logits, task))
    mask = np.array(MASK)[task]
    assert (found[~mask] == 0).all()
    for row, kept, probabilities in zip(logits, mask, found, strict=True):
        expected = np.exp(row[kept] - row[kept].max())
        np.testing.assert_allclose(probabilities[kept], expected / expected.sum(), rtol=1e-4, atol=1e-6)
    scores = keras.ops.convert_to_numpy(TaskSoftmax(MASK, None)(logits, task))
    np.testing.assert_allclose(scores[mask], logits[mask])
    assert (scores[~mask] == -1e9).all()


@pytest.mark.parametrize("activation", ["softmax", None])
def test_heads_of_other_tasks_are_not_trained(activation):
    image, task = keras.Input((3,), name="image"), keras.Input((), dtype="int32", name="task")
    head = keras.layers.Dense(4)
    model = keras.Model({"image": image, "task": task}, TaskSoftmax(MASK, activation)(head(image), task))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
    model.compile(keras.optimizers.SGD(1.0), loss)
    before = head.get_weights()[0]
    given = {"image": np.random.default_rng(0).normal(size=(8, 3)), "task": np.zeros(8, "int64")}
    model.fit(given, np.arange(8) % 2, verbose=0)
    changed = (head.get_weights()[0] != before).any(axis=0)
    assert changed.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "layer, given",
    [(TaskSoftmax(MASK, None), (np.ones((2, 4)), np.array([0, 1]))), (ClassMeans(3), (np.ones((2, 4)),))],
)
def test_heads_survive_their_configuration_and_a_file(layer, given, tmp_path):
    inputs = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in given]
    model = keras.Model(inputs, layer(*inputs))
    if isinstance(layer, ClassMeans):
        layer.add(np.eye(4)[:3], [0, 2, 2])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(list(given), verbose=0), model.predict(list(given), verbose=0)
    )


@pytest.mark.backend
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_heads_answer_in_float32_whatever_the_policy(policy):
    x = 300 * np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    answers = []
    for dtype in ("float32", policy):
        means = ClassMeans(3, dtype=dtype)
        means.build((None, 4))
        means.add(x[:3], [0, 1, 1])
        found = means(x), TaskSoftmax(MASK, dtype=dtype)(x, np.arange(6) % 3)
        assert [keras.backend.standardize_dtype(y.dtype) for y in found] == ["float32"] * 2
        answers.append(list(map(keras.ops.convert_to_numpy, found)))
    for exact, mixed in zip(*answers, strict=True):
        np.testing.assert_array_equal(mixed, exact)


@pytest.mark.backend
def test_class_means_do_not_depend_on_when_samples_come():
    x, labels = blobs(classes=5)
    whole, parts = ClassMeans(6), ClassMeans(6)
    for layer, size in ((whole, len(x)), (parts, 7)):
        layer.build((None, x.shape[1]))
        for start in range(0, len(x), size):
            layer.add(x[start : start + size], labels[start : start + size])
    means = np.stack([x[labels == c].mean(axis=0) for c in range(5)])
    for layer in (whole, parts):
        found = keras.ops.convert_to_numpy(layer(x))
        expected = -((x[:, None] - means) ** 2).sum(axis=2)
        np.testing.assert_allclose(found[:, :5], expected, rtol=1e-4, atol=1e-4)
        assert (found[:, 5] < -1e29).all()
    with pytest.raises(ValueError, match="Expected labels to go from 0 to 5"):
        whole.add(x[:1], [6])


def test_means_of_old_classes_stay():
    tasks, means = scenario(tasks=4), ClassMeans(4)
    image = keras.Input((6,), name="image")
    model = keras.Model(image, means(image))
    result = run(tasks, model, NearestClassMean(means, keras.Model(image, image)))
    assert result.summary()["average"] > 0.95 and result.losses == []
    assert (
        result.accuracy[-1] <= np.diag(result.accuracy)
    ).all()  # a class that comes may only take from old


def impostors(tasks, capacity=None, **options):
    keras.utils.set_random_seed(0)
    image, index = keras.Input((6,), name="image"), keras.Input((), dtype="int64", name="index")
    embedding = keras.layers.Dense(6)(image)
    layer = layers.NNGKClassifier(tasks.num_classes, capacity or tasks.capacity, neighbors=8, **options)
    model = keras.Model({"image": image, "index": index}, layer(embedding, index=index))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model, keras.Model(image, layer(embedding)), keras.Model(image, embedding), layer


@pytest.mark.parametrize("soft_targets", [False, True])
@pytest.mark.parametrize("centers", ["tied", "loose"])
def test_samples_of_all_tasks_become_centers(centers, soft_targets):
    tasks = split_classes(blobs(), 2, test=0.3)
    model, classify, embed, layer = impostors(tasks, centers=centers, soft_targets=soft_targets)
    result = run(tasks, model, Impostors(), classify=classify, embed=embed, epochs=2)
    assert layer.array("active").all() and result.summary()["average"] > 0.8
    labels = np.concatenate([task.train.labels for task in tasks.tasks])
    slots = np.concatenate([task.train.index for task in tasks.tasks])
    stored = layer.array("targets").argmax(axis=1) if soft_targets else layer.array("labels")
    assert (stored[slots] == labels).all()
    last = tasks.tasks[1].train
    if centers == "tied":  # those of the last task are what the network makes of them now
        now = embed.predict(last.x, verbose=0)
        np.testing.assert_allclose(layer.stored()[last.index], now, atol=1e-5)


def test_centers_of_the_task_alone_forget_the_others():
    tasks = split_classes(blobs(), 2, test=0.3)
    model, classify, _, layer = impostors(tasks)
    result = run(tasks, model, Impostors(keep="task"), classify=classify, epochs=2)
    assert result.accuracy[1, 0] == 0 and layer.array("active").sum() == len(tasks.tasks[1].train)


def test_a_classifier_without_room_is_refused():
    tasks = split_classes(blobs(), 2)
    model, classify, *_ = impostors(tasks, capacity=5)
    with pytest.raises(ValueError, match=f"Expected the classifier to have a capacity of {tasks.capacity}"):
        run(tasks, model, Impostors(), classify=classify)


@pytest.mark.parametrize("redistribute", [True, False])
def test_a_share_of_the_samples_become_centers(redistribute):
    tasks = split_classes(blobs(), 2, test=0.3)
    model, classify, _, layer = impostors(tasks, soft_targets=redistribute)
    strategy = GrowingImpostors(0.5, 0.1, 0.2, every=2, fine_tune_epochs=1, redistribute=redistribute)
    result = run(tasks, model, strategy, classify=classify, epochs=3)
    sizes = [len(task.train) for task in tasks.tasks]
    assert strategy.centers == sum(round(0.5 * n) - round(0.1 * n) + round(0.2 * n) for n in sizes)
    assert result.summary()["average"] > 0.8
    counts = np.bincount(layer.array("labels")[layer.array("active")]) if not redistribute else [5]
    assert min(counts) >= 5  # of each class, also of those that came later


def test_the_first_samples_of_a_part_in_turns_are_of_all_classes():
    part = in_turns(Part.of((np.arange(9), np.array([2, 2, 2, 2, 2, 0, 0, 1, 1]))))
    assert part.labels.tolist() == [0, 1, 2, 0, 1, 2, 2, 2, 2] and part.x.tolist()[:3] == [5, 7, 0]

"""Penalties on weights: the Fisher information, EWC, Synaptic Intelligence."""

import keras
import numpy as np
import pytest
from continual.small import network, scenario

from tfdml.continual import EWC, Part, SynapticIntelligence, diagonal_fisher, run
from tfdml.continual.fisher import FisherInformation
from tfdml.continual.penalty import QuadraticPenalty, attach, detach
from tfdml.continual.synaptic import PathIntegral

pytestmark = pytest.mark.backend


def arrays(tensors):
    return [keras.ops.convert_to_numpy(t) for t in tensors]


def penalties(model):
    return float(keras.ops.convert_to_numpy(sum(v.regularizer(v) for v in model.trainable_variables)))


def test_the_fisher_information_is_the_mean_of_squares_and_not_the_square_of_the_mean():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(10, 3)).astype("float32"), np.arange(10) % 2
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    scores = model.predict(x, verbose=0)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    apart = shares - np.eye(2)[labels]  # the gradient at the logits, of a sample
    kernel = np.mean([np.outer(a, b) ** 2 for a, b in zip(x, apart, strict=True)], axis=0)
    for batch_size in (None, 4, 1):
        found = diagonal_fisher(model, Part.of((x, labels)), batch_size=batch_size)
        np.testing.assert_allclose(found[0], kernel, rtol=1e-4)
        np.testing.assert_allclose(found[1], (apart**2).mean(axis=0), rtol=1e-4)


def test_the_fisher_information_is_that_of_the_statistics_there_are():
    """What is traced once must not hold what a normalisation had seen by then."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    part = Part.of((np.random.default_rng(0).normal(size=(10, 3)).astype("float32"), np.arange(10) % 2))
    fisher = FisherInformation(model)
    before = fisher(part)
    model.layers[0].moving_variance.assign(np.full(3, 4, "float32"))
    found = fisher(part)
    assert abs(found[2] - before[2]).max() > 1e-3
    for array, expected in zip(found, diagonal_fisher(model, part), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-5)


def test_quadratics_are_joined_exactly():
    rng = np.random.default_rng(0)
    quadratics = [(rng.uniform(0, 2, 5), rng.normal(size=5)) for _ in range(3)]
    quadratics[1][0][:2] = 0
    penalty, x = QuadraticPenalty((5,), 0.5), rng.normal(size=5).astype("float32")
    assert float(penalty(x)) == 0
    for importance, anchor in quadratics:
        penalty.add(importance.astype("float32"), anchor.astype("float32"))
    expected = 0.5 * sum((f * (x - p) ** 2).sum() for f, p in quadratics)
    assert float(penalty(x)) == pytest.approx(expected, rel=1e-5)
    slope = sum(f * (x - p) for f, p in quadratics)
    np.testing.assert_allclose(*arrays([penalty.gradient(x), slope]), rtol=1e-4)


def test_a_regulariser_of_the_variable_stays():
    layer = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1))
    model = keras.Sequential([keras.Input((3,)), layer])
    before = float(keras.ops.convert_to_numpy(sum(model.losses)))
    attach(model, 1.0)
    assert float(keras.ops.convert_to_numpy(model.losses[0])) == pytest.approx(before)
    penalty = layer.kernel.regularizer
    revived = keras.regularizers.deserialize(keras.regularizers.serialize(penalty))
    assert float(keras.ops.convert_to_numpy(revived(layer.kernel))) == pytest.approx(before)
    detach(model)
    assert isinstance(layer.kernel.regularizer, keras.regularizers.L2) and layer.bias.regularizer is None


@pytest.mark.parametrize(
    "make", [lambda: EWC(50.0), lambda: EWC(50.0, decay=0.5), lambda: SynapticIntelligence(1.0)]
)
def test_the_penalty_is_zero_at_the_weights_after_a_task_and_grows_from_there(make):
    tasks, strategy = scenario(), make()
    model, _ = network(tasks)
    strategy.start(model, tasks)
    strategy.begin_task(tasks.tasks[0])
    assert penalties(model) == 0
    part = tasks.tasks[0].train
    model.fit(part.x, part.labels, epochs=3, callbacks=[strategy], verbose=0)
    strategy.end_task(tasks.tasks[0])
    assert penalties(model) == pytest.approx(0, abs=1e-9)
    assert all((array >= 0).all() for p in strategy.penalties for array in arrays([p.importance]))
    kernel = model.get_layer("scores").kernel
    kernel.assign(np.asarray(keras.ops.convert_to_numpy(kernel)) + 0.1)
    assert penalties(model) > 0
    strategy.finish()
    assert all(v.regularizer is None for v in model.trainable_variables)


def moved(strategy):
    """How far answers to the first task move while the second is learned, where tasks are known."""
    tasks = scenario(mode="task")
    model, _ = network(tasks, keras.optimizers.Adam(0.02))
    first = {"image": tasks.tasks[0].test.x, "task": tasks.tasks[0].test.task}
    answers, end_task = [], strategy.end_task

    def noted(task):
        answers.append(model.predict(first, verbose=0)[:, tasks.tasks[0].classes])
        end_task(task)

    strategy.end_task = noted
    run(tasks, model, strategy, epochs=6)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    return np.abs(answers[1] - answers[0]).mean()


@pytest.fixture(scope="module")
def moved_freely():
    return moved(EWC(0.0))


@pytest.mark.parametrize(
    "make", [lambda: EWC(1e4), lambda: EWC(1e4, decay=1.0, samples=20), lambda: SynapticIntelligence(50.0)]
)
def test_answers_to_old_tasks_are_held(make, moved_freely):
    assert moved(make()) < 0.4 * moved_freely


def test_the_path_integral_is_what_the_loss_fell_by():
    tasks, strategy = scenario(), SynapticIntelligence(0.0)
    part = tasks.tasks[0].train
    model, _ = network(tasks, keras.optimizers.SGD(0.002))
    strategy.start(model, tasks)
    assert isinstance(model.optimizer, PathIntegral)
    strategy.begin_task(tasks.tasks[0])
    first = model.evaluate(part.x, part.labels, verbose=0)
    model.fit(part.x, part.labels, batch_size=len(part), epochs=40, callbacks=[strategy], verbose=0)
    last = model.evaluate(part.x, part.labels, verbose=0)
    gained = sum(path.sum() for path in arrays(strategy.optimizer.path))
    assert first - last > 0.05 and gained == pytest.approx(first - last, rel=0.02)


def test_the_path_is_that_of_the_loss_without_the_penalty():
    """Far from the anchor the gradient of the penalty is most of all: the path must not have it."""
    tasks = scenario()
    part, paths = tasks.tasks[0].train, []
    for strength in (0.0, 1.0):
        strategy = SynapticIntelligence(strength)
        model, _ = network(tasks, keras.optimizers.SGD(1e-4))
        strategy.start(model, tasks)
        strategy.begin_task(tasks.tasks[0])
        for penalty in strategy.penalties:
            penalty.set(np.full(penalty.shape, 1e-3, "float32"), np.full(penalty.shape, 100, "float32"))
        model.fit(part.x, part.labels, batch_size=len(part), epochs=1, verbose=0)
        before, after = arrays(strategy.began), arrays(model.trainable_variables)
        steps = [new - old for new, old in zip(after, before, strict=True)]
        with np.errstate(invalid="ignore"):  # weights that nothing moves, behind units that are off
            paths.append([-p / s for p, s in zip(arrays(strategy.optimizer.path), steps, strict=True)])
    for without, beside in zip(*paths, strict=True):  # gradients of the data alone, either way
        moved = np.isfinite(without) & np.isfinite(beside)
        assert moved.any()
        np.testing.assert_allclose(without[moved], beside[moved], atol=5e-3)


@pytest.mark.parametrize(
    "make",
    [lambda: EWC(-1), lambda: EWC(decay=2), lambda: EWC(samples=0), lambda: SynapticIntelligence(damping=0)],
)
def test_bad_arguments_are_named(make):
    with pytest.raises(ValueError, match=r"Expected (strength|decay|samples|damping) to be"):
        make()

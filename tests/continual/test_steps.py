"""Strategies that change steps: conceptors and GEM."""

import keras
import numpy as np
import pytest
from continual.small import network, scenario

from tfdml.continual import GEM, Conceptors, conceptor, project_gradient, run
from tfdml.continual.around_optimizer import put_around, take_off
from tfdml.continual.conceptors import ProjectedSteps
from tfdml.continual.episodic_memories import EpisodicGradients
from tfdml.continual.synaptic import PathIntegral

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")


def test_eigenvalues_of_conceptors_are_shares():
    x = np.random.default_rng(0).normal(size=(30, 8)) * [10, 5, 1, 1, 0.1, 0.01, 0, 0]
    correlation = x.T @ x / 30
    for aperture in (0.1, 1, 10, 1e6):
        found = conceptor(correlation, aperture)
        values = np.linalg.eigvalsh(found)
        assert values.min() >= -1e-9 and values.max() <= 1 + 1e-9
        expected = correlation @ np.linalg.inv(correlation + aperture**-2 * np.eye(8))
        np.testing.assert_allclose(found, expected, atol=1e-6)
    # A large aperture holds what inputs point to, and nothing else.
    assert np.abs(np.eye(8) - found)[:5, :5].max() < 1e-3 and np.abs(found[6:]).max() < 1e-9


def test_of_the_sum_it_is_the_or_of_both():
    rng = np.random.default_rng(0)
    first, second = (a @ a.T for a in rng.normal(size=(2, 5, 5)))
    one, other, both = (conceptor(r, 2.0) for r in (first, second, first + second))
    against = [np.linalg.inv(np.eye(5) - c) for c in (one, other)]  # (1 - C)^-1 of each
    expected = np.eye(5) - np.linalg.inv(sum(against) - np.eye(5))  # NOT(NOT C AND NOT B)
    np.testing.assert_allclose(both, expected, atol=1e-8)


@pytest.mark.backend
@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_steps_leave_answers_to_old_inputs_what_they_were(optimizer):
    tasks = scenario()
    x = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
    old, new = x * [1, 1, 1, 0, 0, 0], x  # old inputs leave half of the directions free
    image = keras.Input((6,), name="image")
    scores = keras.layers.Dense(4)
    model = keras.Model(image, scores(image))
    model.compile(optimizer(0.05), "mse", run_eagerly=False)
    strategy = Conceptors(aperture=1e3)
    strategy.start(model, tasks)
    task = tasks.tasks[0]
    part = task.train.subset(np.arange(len(task.train)))
    object.__setattr__(task, "train", type(part).of((old, np.zeros(50, int))))
    strategy.end_task(task)
    before, kernel = model.predict(old, verbose=0), scores.get_weights()[0]
    model.fit(new, np.ones((50, 4)), epochs=3, verbose=0)
    np.testing.assert_allclose(model.predict(old, verbose=0), before, atol=2e-3)
    assert np.abs(scores.get_weights()[0] - kernel).max() > 0.01  # the rest is trained
    strategy.finish()
    assert isinstance(model.optimizer, optimizer)


@pytest.mark.backend
def test_conceptors_forget_less():
    tasks = scenario(mode="task")
    old = []
    for strategy in (Conceptors(1e-3), Conceptors(4.0)):
        model, _ = network(tasks, keras.optimizers.SGD(0.1))
        strategy.start(model, tasks)
        for task in tasks.tasks:
            strategy.begin_task(task)
            given = {"image": task.train.x, "task": task.train.task}
            model.fit(given, task.train.labels, epochs=5, verbose=0)
            strategy.end_task(task)
            if task.number == 0:
                seen = model.predict(given, verbose=0)
                first = given
        old.append(np.abs(model.predict(first, verbose=0) - seen)[seen > -1e8].mean())
        assert strategy.nbytes == 4 * (7 * 7 + 9 * 9)
    assert old[1] < 0.5 * old[0]


def test_conceptors_want_dense_layers():
    image = keras.Input((4,), name="image")
    model = keras.Model(image, keras.layers.EinsumDense("ab,bc->ac", 2)(image))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Expected model to have dense layers"):
        Conceptors().start(model, scenario())


@tensorflow_only
def test_gem_turns_the_gradient_that_fit_takes():
    """One step of SGD, against the projection of gradients that were taken one by one."""
    import tensorflow as tf

    tasks = scenario(tasks=3, classes=6)
    model, _ = network(tasks, keras.optimizers.SGD(1.0))
    strategy = GEM(samples=12, margin=0.3)
    strategy.start(model, tasks)

    def gradient(part):
        with tf.GradientTape() as tape:
            loss = model.loss(part.labels, model(part.x))
        found = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return np.concatenate([np.ravel(g) for g in found])

    def weights():
        return np.concatenate([np.ravel(v) for v in model.get_weights()])

    for task in tasks.tasks[:2]:
        strategy.begin_task(task)
        model.fit(task.train.x, task.train.labels, batch_size=20, epochs=2, verbose=0)
        strategy.end_task(task)
    part = tasks.tasks[2].train
    own, of_memories = gradient(part), np.stack([gradient(p) for p in strategy.parts])
    assert (of_memories @ own < 0).any()  # else there is nothing to see
    before = weights()
    model.fit(part.x, part.labels, batch_size=len(part), epochs=1, verbose=0)
    np.testing.assert_allclose(before - weights(), project_gradient(own, of_memories, 0.3), atol=1e-4)
    assert strategy.nbytes == 2 * 12 * (6 * 4 + 8)


@tensorflow_only
def test_gem_forgets_less_than_fine_tuning():
    tasks, found = scenario(), []
    for strategy in (None, GEM(samples=10)):
        # GEM sets aside that it is compiled by XLA, for as long as it lasts.
        model, _ = network(tasks, keras.optimizers.SGD(0.05), jit_compile=strategy is not None)
        found.append(run(tasks, model, strategy, epochs=6).summary())
        assert model.jit_compile == (strategy is not None)
    assert found[1]["average"] > found[0]["average"] + 0.1
    assert found[1]["forgetting"] < found[0]["forgetting"]


def test_gem_says_that_it_needs_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="Expected the backend of Keras to be 'tensorflow'"):
        GEM()


@pytest.mark.parametrize("around", [PathIntegral, ProjectedSteps, EpisodicGradients])
def test_an_optimiser_around_another_survives_its_configuration(around):
    optimizer = around(keras.optimizers.Adam(0.01))
    config = keras.optimizers.serialize(optimizer)
    revived = keras.optimizers.deserialize(config)
    assert keras.optimizers.serialize(revived) == config
    assert float(revived.learning_rate) == pytest.approx(0.01)
    revived.learning_rate = 0.1
    assert float(revived.inner_optimizer.learning_rate) == pytest.approx(0.1)


def test_losses_that_are_scaled_stay_scaled_outside():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    inner = keras.optimizers.SGD(0.1)
    model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    put_around(model, PathIntegral)
    assert isinstance(model.optimizer.inner_optimizer, PathIntegral)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    take_off(model)
    assert model.optimizer.inner_optimizer is inner

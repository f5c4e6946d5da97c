"""A model goes through tasks: what is fitted, measured and repeated."""

import keras
import numpy as np
import pytest
from continual.small import blobs, network, scenario

from tfdml.continual import (
    JointTraining,
    Replay,
    Result,
    Strategy,
    SynapticIntelligence,
    drift,
    run,
    split_classes,
)

pytestmark = pytest.mark.backend


class Noting(Strategy):
    """Notes what it hears of, and which samples it is asked for."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def start(self, model, scenario):
        super().start(model, scenario)
        self.heard.append("start")

    def begin_task(self, task):
        super().begin_task(task)
        self.heard.append(("begin", int(self.model.optimizer.iterations)))

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(("epoch", epoch))

    def end_task(self, task):
        self.heard.append(("end", task.number))

    def finish(self):
        self.heard.append("finish")


class Known(keras.Model):
    """Tells every class that it was fitted on, and the first of all for the others."""

    def __init__(self, classes):
        super().__init__()
        self.known = self.add_weight(shape=(classes,), initializer="zeros", trainable=False)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):  # a subclassed model is given all there is
        return self.scale * inputs["image"] * self.known


def test_every_task_is_tested_after_each():
    """Inputs are the classes themselves, so that accuracies are known."""
    labels = np.arange(60) % 6
    tasks = split_classes((np.eye(6, dtype="float32")[labels], labels), 3, validation=0.2)
    model = Known(6)
    model({"image": tasks.tasks[0].train.x})
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    class Learns(Strategy):
        def end_task(self, task):
            known = np.zeros(6, "float32")
            known[task.classes] = 1
            if task.number == 2:
                known[1] = 1  # half of the first task is known again
            model.known.assign(known)

    embed = keras.Sequential([keras.Input((6,)), keras.layers.Identity()])
    result = run(tasks, model, Learns(), embed=embed)
    # Where nothing is known all scores are 0, and class 0 is the first of them.
    assert result.before.tolist() == [0.5, 0, 0]
    assert result.accuracy.tolist() == [[1, 0, 0], [0.5, 1, 0], [1, 0, 1]]
    assert result.recall.tolist() == np.ones((3, 3)).tolist()
    assert result.validation == pytest.approx(4 / 6) and result.memory == 0
    assert result.model == 4 * 7 and [len(losses) for losses in result.losses] == [1, 1, 1]


def test_the_optimiser_is_new_with_each_task_and_the_strategy_hears_of_all():
    tasks, strategy = scenario(), Noting()
    model, _ = network(tasks)
    run(tasks, model, strategy, epochs=2, batch_size=100)
    assert strategy.heard == [
        "start", ("begin", 0), ("epoch", 0), ("epoch", 1), ("end", 0),
        ("begin", 0), ("epoch", 0), ("epoch", 1), ("end", 1), "finish",
    ]  # fmt: skip


def test_fit_is_traced_once():
    tasks, traces = scenario(tasks=4), []

    class Counting(keras.layers.Layer):
        def call(self, x, training=False):
            traces.append(training)
            return x

    image = keras.Input((6,), name="image")
    model = keras.Model(image, keras.layers.Dense(4)(Counting()(image)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    counts = []

    class Watch(Strategy):
        def end_task(self, task):
            counts.append(sum(map(bool, traces)))

    run(tasks, model, Watch(), batch_size=7)
    if keras.backend.backend() == "tensorflow":
        assert counts[0] == counts[-1]


@pytest.mark.parametrize("make", [lambda: Replay(10), lambda: SynapticIntelligence(0.1)])
def test_the_same_seed_is_the_same_run_also_by_a_strategy_that_had_another(make):
    tasks, strategy, found = scenario(), make(), []
    for seed in (0, 0, 1):
        model, embed = network(tasks)
        found.append(run(tasks, model, strategy, epochs=2, embed=embed, seed=seed))
    first, again, other = found
    assert first.losses == again.losses and (first.accuracy == again.accuracy).all()
    assert (first.recall == again.recall).all() and first.losses != other.losses


def test_a_known_task_is_told_from_its_classes_alone():
    tasks = scenario(mode="task")
    model, _ = network(tasks)
    result = run(tasks, model, epochs=8)
    assert result.summary()["average"] > 0.8
    # Without the mask in the model it is that of the answers.
    single, _ = network(scenario())
    single.set_weights(model.get_weights())
    assert run(tasks, single, Untrained()).before.mean() > 0.8


class Untrained(Strategy):
    trains = False


def test_replay_and_joint_training_forget_less():
    tasks, found = scenario(), {}
    for strategy in (None, Replay(20), JointTraining()):
        model, _ = network(tasks)
        found[strategy] = run(tasks, model, strategy, epochs=5)
    naive, *others = (result.summary()["average"] for result in found.values())
    assert all(average > naive + 0.1 for average in others)
    memories = [result.memory for result in found.values()]
    assert memories == [0, 20 * 32, sum(len(t.train) for t in tasks.tasks) * 32]


def test_old_samples_are_their_share_of_what_is_fitted():
    tasks, strategy = scenario(), Replay(6, share=0.75)
    model, _ = network(tasks)
    strategy.start(model, tasks)
    first, second = tasks.tasks
    assert strategy.training_part(first) is first.train
    strategy.end_task(first)
    part = strategy.training_part(second)
    old = np.isin(part.labels, first.classes)
    assert old.sum() == 3 * (~old).sum() and set(part.task[old]) == {0}
    counts = np.unique(part.index[old], return_counts=True)[1]
    assert len(counts) == 6 and counts.max() - counts.min() <= 1


def test_a_share_that_is_less_than_a_sample_is_none():
    tasks, strategy = scenario(), Replay(6, share=0.001)
    strategy.start(network(tasks)[0], tasks)
    strategy.end_task(tasks.tasks[0])
    assert len(strategy.training_part(tasks.tasks[1])) == len(tasks.tasks[1].train)


def test_a_run_that_is_interrupted_leaves_the_model_as_it_was():
    tasks = scenario()
    model, _ = network(tasks)
    optimizer = model.optimizer

    class Interrupting(SynapticIntelligence):
        def end_task(self, task):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tasks, model, Interrupting())
    assert model.optimizer is optimizer
    assert all(v.regularizer is None for v in model.trainable_variables)


def test_joint_training_has_each_sample_once():
    tasks, strategy = drift(blobs(), stages=3, share=0.5), JointTraining()
    strategy.start(network(tasks)[0], tasks)
    for task in tasks.tasks:
        part = strategy.training_part(task)
    seen = set().union(*(task.train.index.tolist() for task in tasks.tasks))
    assert sorted(part.index) == sorted(seen) and len(part) * 32 == strategy.nbytes


def test_bad_arguments_are_named():
    tasks = scenario()
    model, _ = network(tasks)
    with pytest.raises(ValueError, match="Expected strategy to be a Strategy"):
        run(tasks, model, "EWC")
    with pytest.raises(ValueError, match="Expected epochs to be"):
        run(tasks, model, epochs=0)
    with pytest.raises(ValueError, match="Expected model to be compiled"):
        run(tasks, keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)]))


def test_one_task_is_a_training_as_any_other():
    tasks = split_classes(blobs(), 1)
    result = run(tasks, network(tasks)[0], epochs=8)
    assert isinstance(result, Result) and result.accuracy[0, 0] > 0.7

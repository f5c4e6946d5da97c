"""One run through the tasks of a scenario: what is learned, what forgotten, and what is kept for it."""

import functools

import keras
import numpy as np

from benchmarks.effects import classifying, samples
from benchmarks.effects.plan import made
from benchmarks.effects.samples import Samples
from tfdml import continual, data
from tfdml.layers.classifier_parts import only_classifier

# `groups`: an array of an .npz file whose values are the tasks of its samples; or `None`: classes are shared
# out at random among `tasks`. `drift`: arguments of `continual.drift`, in place of tasks with classes of
# their own. `split`: whether test samples are those of held-out sources, or of the publisher's test part.
# `epochs` are those of each task.
SETTINGS = classifying.SETTINGS | {
    "mode": "class",
    "tasks": 5,
    "groups": None,
    "drift": None,
    "split": "sources",
    "strategy": {"class": "FineTuning"},
}
SHARED = ("mode", "tasks", "groups", "drift", "image_size", "dim", "epochs", "batch_size", "per_class")
# Of a publisher's split, whose sets are large: so many a class have features, and are drawn from.
POOL = {"train": 400, "test": 100}
VALIDATION = 50


def measured(run, path=None):
    """Fits task after task; measures on validation samples, and on test samples unless it is a trial."""
    settings = SETTINGS | run.settings
    scenario = scenario_of(run, settings, path)
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    strategy, fitted, classify, embed = models_of(settings, scenario)
    result = continual.run(
        scenario,
        fitted,
        strategy,
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        classify=classify,
        embed=None if run.trial is not None else embed,
        seed=run.seed,
    )
    found = {"validation": {"accuracy": round(result.validation, 5)}}
    if run.trial is None:
        found["test"] = figures_of(result, classify)
        found["accuracies"] = result.accuracy.round(4).tolist()
        found["recalls"] = result.recall.round(4).tolist()
    return found


def figures_of(result, classify):
    """The figures of a page."""
    figures, memory = result.summary(), result.memory + bytes_of(classify)
    found = {
        "accuracy": figures["average"],
        "learned": figures["learned"],
        "forgetting": figures["forgetting"],
        "backward transfer": figures["backward_transfer"],
        "forward transfer": figures["forward_transfer"],
        "recall@1": figures["retrieval_average"],
        "forgetting of recall@1": figures["retrieval_forgetting"],
        "kilobytes": memory / 1000,
    }
    return {name: round(float(value), 5) for name, value in found.items()}


def bytes_of(model):
    """Bytes of the variables of a model; of centers those of the slots in use."""
    total = sum(4 * int(np.prod(v.shape)) for v in model.variables)
    try:
        layer = only_classifier(model)
    except ValueError:
        return total
    by_slot = [v for v in layer.variables if tuple(v.shape)[:1] == (layer.capacity,)]
    used = layer.array("active").mean()
    return round(total - sum(4 * int(np.prod(v.shape)) for v in by_slot) * (1 - used))


def models_of(settings, scenario):
    """The strategy, the model to fit, that which classifies, and that which embeds."""
    train = continual.joined(task.train for task in scenario.tasks)
    fitted, model = classifying.models_of(settings, Samples(train.array(), train.labels))
    scores, embedding = model.output
    embed = keras.Model(model.input, embedding)
    if settings["strategy"]["class"] == "NearestClassMean":
        layer = continual.ClassMeans(scenario.num_classes)
        classify = keras.Model(model.input, layer(embedding))
        return continual.NearestClassMean(layer, embed), classify, classify, embed
    if scenario.mode == "task" and not classifying.by_neighbors(settings):
        task = keras.Input((), dtype="int32", name="task")
        of_task = continual.TaskSoftmax(scenario.task_classes, activation=None)(fitted.output, task)
        fitted = keras.Model({**fitted.input, "task": task}, of_task)
    fitted.compile(keras.optimizers.Adam(settings["learning_rate"]), classifying.loss_of(settings))
    return made(settings["strategy"], continual), fitted, keras.Model(model.input, scores), embed


def scenario_of(run, settings, path):
    """Features in tasks; a seed draws sources or samples, and the order of the tasks."""
    if settings["split"] == "sources":
        features, labels, sources = classifying.load(run.data, path, settings["image_size"])
        places = samples.of_held_out_sources(labels, sources, settings["per_class"], run.seed)
    else:
        features, labels, places = drawn(run, settings)
    parts = [(features[part], labels[part]) for part in places]
    held = {"validation": parts[1], "test": parts[2], "seed": run.seed}
    if settings["drift"]:
        return continual.drift(parts[0], **settings["drift"], **held)
    groups = None
    if settings["groups"]:
        with np.load(path, allow_pickle=False) as arrays:
            groups = arrays[settings["groups"]]
        first = [np.flatnonzero(labels == label)[0] for label in np.unique(parts[0][1])]
        groups = groups[first].tolist()
    options = {"groups": groups, "order": run.seed}
    return continual.split_classes(parts[0], settings["tasks"], settings["mode"], **options, **held)


@functools.cache
def pool(name, size):
    """Features, labels, and whether they are of the test part, of some samples of each class."""
    found = []
    for part, each in POOL.items():
        pictures = data.load(name, part, by="classification")
        places = [np.flatnonzero(pictures.labels == c) for c in np.unique(pictures.labels)]
        rng = np.random.default_rng(0)
        chosen = np.concatenate([rng.permutation(of_class)[:each] for of_class in places])
        found.append((samples.features(pictures.images(chosen), size), pictures.labels[chosen]))
    (train, train_labels), (test, test_labels) = found
    tested = np.repeat([False, True], [len(train), len(test)])
    return np.concatenate([train, test]), np.concatenate([train_labels, test_labels]), tested


def drawn(run, settings):
    """Of a pool: features, labels, and the places of training, validation and test samples."""
    features, labels, tested = pool(run.data, settings["image_size"])
    rng, train, held = np.random.default_rng(run.seed), [], []
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero((labels == label) & ~tested))
        held.append(order[:VALIDATION])
        train.append(order[VALIDATION : VALIDATION + settings["per_class"]])
    return features, labels, [np.concatenate(train), np.concatenate(held), np.flatnonzero(tested)]

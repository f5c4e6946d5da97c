"""The usual scenarios on sets of the catalogue."""

from tfdml import data
from tfdml.continual.splitting import split_classes

# Tasks and the mode that papers use most.
SPLITS = {
    "split_fashion_mnist": ("fashion_mnist", 5),
    "split_cifar10": ("cifar10", 5),
    "split_cifar100": ("cifar100", 10),
    "split_core50": ("core50", [10] + [5] * 8),
}


def load_scenario(name, mode="class", *, tasks=None, validation=0.0, order=None, seed=0, directory=None):
    """A published scenario, on an image set that was downloaded and ingested.

    | Name | Set | Tasks |
    |---|---|---|
    | `split_fashion_mnist` | Fashion-MNIST | 5 of 2 classes |
    | `split_cifar10` | CIFAR-10 | 5 of 2 classes |
    | `split_cifar100` | CIFAR-100 | 10 of 10 classes; `tasks=20` has 5 each (Lopez-Paz and Ranzato) |
    | `split_core50` | CORe50 | 9: of 10 objects, then of 5 each (Lomonaco and Maltoni, new classes) |

    Training and test samples are those of the split of the publisher that has every class in both parts.

    Args:
        name: One of the names above.
        mode: `"class"` or `"task"`, as in `tfdml.continual.split_classes`. Defaults to `"class"`.
        tasks: Other than the usual tasks, as in `tfdml.continual.split_classes`. Defaults to `None`.
        validation, order, seed: As in `tfdml.continual.split_classes`.
        directory: Folder of image sets, as in `tfdml.data.load`.

    Returns:
        A `Scenario`.

    References: Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017; Lomonaco
        and Maltoni, CORe50, CoRL 2017.
    """
    if name not in SPLITS:
        raise ValueError(f"Expected name to be one of {', '.join(map(repr, SPLITS))}, received: {name!r}")
    of, usual = SPLITS[name]
    train, test = (
        data.load(of, part, by="classification", directory=directory) for part in ("train", "test")
    )
    return split_classes(
        train,
        usual if tasks is None else tasks,
        mode,
        test=test,
        validation=validation,
        order=order,
        seed=seed,
    )

"""How fast pictures reach the model, against the barest loop that reads them, in one run.

    python benchmarks/data.py
    python benchmarks/data.py streams --images 20000
    python benchmarks/data.py waiting --steps 60 --out benchmarks/results/data.json

`streams`: balanced batches of 32 classes x 4 images as their consumer gets them (float32, `tf.data`), from
HDF5 in one piece, in chunks of one image, and of encoded pictures; nothing is cached but by the system. The
bare loop reads the same rows one by one into one array with `read_direct`, or decodes them one by one, in one
thread, and hands out bytes. The two take turns and the best of `--repeat` passes counts.

`waiting`: how long a training step of the default recipe waits for its batch, augmentation and all. The first
epoch, in which pictures are decoded, is among what is measured, and the start of the second. A second figure
is what no wait shows: how much longer a step takes because the pipeline works beside it, against steps on one
batch that is at hand.

`ingestion`: how fast JPEG files become an HDF5 file, against a bare loop of OpenCV on as many threads.

`memory`: how much memory that takes, of a tenth of the files and of all.

Results are merged into the JSON file that `--out` names, a part each.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
from ingestion import ingestion, memory

CLASSES, EACH = 32, 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--repeat", type=int, default=5, help="passes of each side")
    parser.add_argument("--steps", type=int, default=48, help="training steps that are measured")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    for name in options.parts or PARTS:
        print(f"{name}:")
        results = PARTS[name](options)
        if options.out:
            known = json.loads(options.out.read_text()) if options.out.is_file() else {}
            options.out.write_text(json.dumps(known | {name: results}, indent=2) + "\n")


def streams(options):
    """Images a second of each kind of file, and of the bare loop on it."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = smooth_pictures(options.images, options.side)
        results = {"images": options.images, "side": options.side, "batch": [CLASSES, EACH]}
        for kind in ("contiguous", "chunks of one image", "PNG"):
            path = Path(folder, f"{kind}.hdf5")
            store, bare = write(kind, path, pictures)
            results[kind] = race(store, bare, options.repeat)
            ours, floor = results[kind]["tfdml"], results[kind]["bare"]
            rates = f"{ours:9,.0f} images/s, bare loop {floor:9,.0f}"
            print(f"  {kind:20} {rates}: {ours / floor:.2f} times its rate")
    return results


def smooth_pictures(count, side):
    """Pictures that PNG can do something with."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), "uint8")
    return np.stack([cv2.resize(picture, (side, side)) for picture in coarse])


def write(kind, path, pictures):
    """Writes a file of a kind; the store that reads it, and the bare loop over its rows."""
    from tfdml.data.stores import EncodedStore, RawStore

    if kind == "PNG":
        encoded = [cv2.imencode(".png", picture)[1] for picture in pictures]
        offsets = np.cumsum([0, *map(len, encoded)])
        with h5py.File(path, "w") as file:
            file["images"] = np.concatenate(encoded)
        data = h5py.File(path, "r")["images"]

        def decode(batch, out):
            for place, row in enumerate(batch):
                found = data[offsets[row] : offsets[row + 1]]
                out[place] = cv2.imdecode(found, cv2.IMREAD_COLOR_RGB)

        return EncodedStore(path, offsets, pictures.shape[1:]), decode
    chunks = None if kind == "contiguous" else (1, *pictures.shape[1:])
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=pictures, chunks=chunks)
    data = h5py.File(path, "r")["images"]

    def read(batch, out):
        for place, row in enumerate(batch):
            data.read_direct(out, np.s_[row], np.s_[place])

    return RawStore(path, "images", pictures.shape), read


def race(store, bare, repeat):
    """Both sides over the same rows, by turns: the best rate of each, and of each pass of one the ratio."""
    from tfdml.data.image_set import ImageSet
    from tfdml.data.sampler import BalancedSampler

    count = store.shape[0]
    labels = np.arange(count) // (EACH + 1)
    names = [str(label) for label in range(labels[-1] + 1)]
    image_set = ImageSet(store, labels, names, "benchmark", names)
    batches = image_set.balanced_batches(CLASSES, EACH)
    rows = BalancedSampler(labels, CLASSES, EACH).epoch(0)
    out = np.empty((rows.shape[1], *store.shape[1:]), "uint8")
    seconds = {"tfdml": [], "bare": []}
    for _ in range(repeat + 1):
        start = time.perf_counter()
        for inputs, _labels in batches:
            last = inputs["image"]
        seconds["tfdml"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for batch in rows:
            bare(batch, out)
        seconds["bare"].append(time.perf_counter() - start)
    assert last.dtype == "float32" and last.shape == out.shape
    rates = {side: [rows.size / taken for taken in times[1:]] for side, times in seconds.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["tfdml"], rates["bare"], strict=True)]
    return {side: max(found) for side, found in rates.items()} | {"ratio of each pass": ratios}


def waiting(options):
    """Share of a step of the default recipe that waits for the batch."""
    from tfdml.experiment import building, load_recipe
    from tfdml.experiment.datasets import open_data

    recipe, _ = load_recipe()
    image_set = open_data(recipe)[1].train
    model = building.build_model(recipe)
    batches, steps = building.training_batches(recipe, image_set, 0)
    model.compile(building.scheduled(recipe.optimizer, recipe.schedule, steps), loss=recipe.loss)

    def endless():
        while True:
            yield from batches

    source = endless()
    for _ in range(4):  # traces the step
        at_hand = next(source)
        model.train_on_batch(*at_hand)
    waits, taken = [], []
    for _ in range(options.steps):
        start = time.perf_counter()
        batch = next(source)
        waits.append(time.perf_counter() - start)
        model.train_on_batch(*batch)
        taken.append(time.perf_counter() - start)
    source.close()
    alone = []
    for _ in range(options.steps):
        start = time.perf_counter()
        model.train_on_batch(*at_hand)
        alone.append(time.perf_counter() - start)
    results = {
        "steps": options.steps,
        "steps an epoch": steps,
        "seconds a step": sum(taken) / options.steps,
        "seconds a step on a batch at hand": sum(alone) / options.steps,
        "seconds of waiting a step": sum(waits) / options.steps,
        "longest wait": max(waits),
        "share": sum(waits) / sum(taken),
    }
    print(
        f"  {results['share']:.2%} of {options.steps} steps of {results['seconds a step']:.2f} s is waiting, "
        f"{results['longest wait'] * 1000:.0f} ms at the longest; "
        f"a step on a batch at hand takes {results['seconds a step on a batch at hand']:.2f} s"
    )
    return results


PARTS = {"streams": streams, "waiting": waiting, "ingestion": ingestion, "memory": memory}

if __name__ == "__main__":
    main()

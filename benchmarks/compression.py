"""What is lost by codes of a few bytes, on real embeddings, and what a search of them costs.

    python benchmarks/compression.py --out benchmarks/results/compression.json

The embeddings are those of the embedded emoji set (all 5,920 pictures) from EfficientNet-Lite0 as ImageNet
trained it, 1,280 numbers of length 1; the package `tfdml[pretrained]` has the weights. Every picture is a
query for all the others; queries are never coded. `recall@k` is the share of the `k` nearest by the
embeddings that are among the `k` nearest by the codes, `precision@1` the share of pictures whose nearest by
the codes is of their class. Training is timed once, searches as the best of `--repeat`.
"""

import argparse
import importlib.util
import json
import time
from pathlib import Path

import numpy as np

BYTES = 4, 8, 16, 32, 64
KS = 1, 10, 32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=96, help="height and width of the pictures")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--trainer", default="own", choices=("own", "faiss"))
    parser.add_argument(
        "--embeddings", type=Path, help=".npz that they are kept in, or read from if it is there"
    )
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    options = parser.parse_args()
    x, labels = embeddings(options)
    exact = neighbors_of(x)
    results = {
        "embeddings": list(x.shape),
        "exact": {"precision@1": precision(exact, labels), "bytes": int(x.nbytes)},
        "rows": [],
    }
    for number in BYTES:
        for name, arguments in methods(number, x.shape[1], options.trainer):
            results["rows"].append(row(name, arguments, x, labels, exact))
            print(results["rows"][-1], flush=True)
    results["search"] = search_times(x, options.repeat)
    print(results["exact"], results["search"])
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n")


def embeddings(options):
    """Embeddings of all pictures, and their classes."""
    if options.embeddings and options.embeddings.exists():
        with np.load(options.embeddings) as arrays:
            return arrays["x"], arrays["labels"]
    import keras

    import tfdml

    images = tfdml.data.load("emoji", split="all")
    pictures = np.asarray(keras.ops.image.resize(images.images(range(len(images))), [options.side] * 2))
    model = tfdml.models.embedding_model("efficientnet_lite0", dim=None, image_size=options.side)
    x = model.predict(pictures, batch_size=64, verbose=0)
    labels = np.asarray(images.labels)
    if options.embeddings:
        np.savez(options.embeddings, x=x, labels=labels)
    return x, labels


def methods(number, dim, trainer):
    """Names and arguments of what is compared at a number of bytes."""
    shared = {"bytes": number, "trainer": trainer}
    yield "PQ", shared | {"dim": dim, "iterations": 0, "start": "identity"}
    yield "OPQ", shared
    yield "OPQ, 4 directions a byte", shared | {"dim": 4 * number}
    if trainer == "own" and importlib.util.find_spec("faiss"):
        yield "OPQ, 4 directions a byte, by FAISS", shared | {"dim": 4 * number, "trainer": "faiss"}


def row(name, arguments, x, labels, exact):
    """What one way to code loses."""
    from tfdml.search import OPQ

    start = time.perf_counter()
    opq = OPQ(**arguments).fit(x)
    seconds = time.perf_counter() - start
    codes = opq.encode(x)
    found = coded_neighbors_of(x, codes, opq.state())
    return {
        "bytes": arguments["bytes"],
        "method": name,
        "directions": opq.rotation.shape[1],
        "distortion": round(opq.distortion(x), 4),
        **{f"recall@{k}": round(overlap(found[:, :k], exact[:, :k]), 4) for k in KS},
        "precision@1": precision(found, labels),
        "fit_seconds": round(seconds, 2),
        "bytes_of_codes": int(codes.nbytes),
        "bytes_of_arrays": int(opq.rotation.nbytes + opq.codebooks.nbytes),
    }


def neighbors_of(x):
    from tfdml.search import Exact

    return np.asarray(Exact().build(x).query(x, max(KS), exclude=np.arange(len(x))).indices)


def coded_neighbors_of(x, codes, state, tile=512):
    from tfdml.search import quantized_neighbors

    found = []
    for start in range(0, len(x), tile):
        own = np.arange(start, min(start + tile, len(x)))
        found.append(quantized_neighbors(x[own], codes, **state, k=max(KS), exclude=own).indices)
    return np.concatenate(found)


def overlap(found, exact):
    """The mean share of the rows of one that are in those of the other."""
    return float((found[:, :, None] == exact[:, None, :]).any(axis=2).mean())


def precision(found, labels):
    return round(float((labels[found[:, 0]] == labels).mean()), 4)


def search_times(x, repeat):
    """Milliseconds of a search for 32 neighbours in graph, of embeddings and of 16-byte codes."""
    import tensorflow as tf

    from tfdml.search import OPQ, nearest_neighbors, quantized_neighbors

    opq = OPQ(trainer="own").fit(x)
    codes, state = tf.constant(opq.encode(x)), {n: tf.constant(a) for n, a in opq.state().items()}
    gallery = tf.constant(x)
    sides = {
        "embeddings": tf.function(lambda z: nearest_neighbors(z, gallery, 32)),
        "codes": tf.function(lambda z: quantized_neighbors(z, codes, **state, k=32)),
    }
    times = {}
    for queries in (1, 64, 1024):
        z = tf.constant(x[:queries])
        for search in sides.values():
            search(z)
        best = dict.fromkeys(sides, float("inf"))
        for _ in range(repeat):
            for name, search in sides.items():
                start = time.perf_counter()
                search(z)[0].numpy()
                best[name] = min(best[name], time.perf_counter() - start)
        times[queries] = {name: round(1000 * seconds, 2) for name, seconds in best.items()}
    return times


if __name__ == "__main__":
    main()

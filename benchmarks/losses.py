"""Times losses, forward and backward, against pytorch-metric-learning; compares values and gradients.

Both sides run in one call, by turns, on the same batch, with the same number of threads; the best of several
rounds counts. The peer needs an environment of its own:

    python -m venv peer
    peer/bin/pip install torch==2.13.0 pytorch-metric-learning==2.9.0
    python benchmarks/losses.py --peer-python peer/bin/python

The peer's NT-Xent takes some 15 s and 7 GB at 512 embeddings, and more memory than most machines have at
1,024: `--peer-limit` names the largest batch that each loss is run at there. Ratios are to be trusted on an
idle machine only: the threads of the peer wait for one another, and suffer more from company.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

LOSSES = ("triplet", "triplet_semi_hard", "triplet_hard", "contrastive", "nt_xent", "n_pair")
# The largest batch the peer is run at. It has no N-pair over all samples and no semi-hard as FaceNet's.
PEER_LIMITS = {"triplet": 1024, "triplet_hard": 1024, "contrastive": 1024, "nt_xent": 512}
SLOW = 5.0  # seconds: what takes longer is run once
MARGIN, TEMPERATURE = 0.1, 0.07


def batch(size, per_class, dim=128):
    z = np.random.default_rng(size).normal(size=(size, dim)).astype("float32")
    return np.arange(size) // per_class, z / np.linalg.norm(z, axis=1, keepdims=True)


def our_step(name, size, per_class, threads, jit):
    """A function without arguments: one compiled step of tfdml, which gives value and gradient."""
    import tensorflow as tf

    import tfdml

    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    loss = {
        "triplet": lambda: tfdml.losses.TripletLoss(MARGIN),
        "triplet_semi_hard": lambda: tfdml.losses.TripletLoss(MARGIN, mining="semi_hard"),
        "triplet_hard": lambda: tfdml.losses.TripletLoss(MARGIN, mining="hard", average="nonzero"),
        "contrastive": lambda: tfdml.losses.ContrastiveLoss(0, 1),
        "nt_xent": lambda: tfdml.losses.NTXentLoss(TEMPERATURE),
        "n_pair": lambda: tfdml.losses.NPairLoss(),
    }[name]()
    labels, z = (tf.constant(x) for x in batch(size, per_class))

    @tf.function(jit_compile=jit)
    def step(labels, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(labels, z)
        return value, tape.gradient(value, z)

    return lambda: [x.numpy() for x in step(labels, z)]


def peer_step(name, size, per_class):
    """The same of pytorch-metric-learning."""
    import torch
    from pytorch_metric_learning import losses, miners
    from pytorch_metric_learning.distances import LpDistance

    miner = miners.BatchHardMiner() if name == "triplet_hard" else None
    euclidean = LpDistance(normalize_embeddings=False)  # they have norm 1; ours does not normalise either
    loss = {
        "triplet": lambda: losses.TripletMarginLoss(MARGIN, distance=euclidean),
        "triplet_hard": lambda: losses.TripletMarginLoss(MARGIN, distance=euclidean),
        "contrastive": lambda: losses.ContrastiveLoss(0, 1, distance=euclidean),
        "nt_xent": lambda: losses.NTXentLoss(TEMPERATURE),
    }[name]()
    labels, z = (torch.tensor(x) for x in batch(size, per_class))

    def step():
        x = z.clone().requires_grad_()
        value = loss(x, labels, miner(x, labels) if miner else None)
        value.backward()
        return value.detach().numpy(), x.grad.numpy()

    return step


def serve_peer(per_class, threads):
    """Answers requests, one a line: time of one step, and on the first of a kind its value and gradient."""
    import torch

    torch.set_num_threads(threads)
    steps = {}
    for line in sys.stdin:
        name, size = json.loads(line)
        known = (name, size) in steps
        if not known:
            steps = {(name, size): peer_step(name, size, per_class)}
        seconds, (value, gradient) = timed(steps[name, size])
        answer = {"seconds": seconds}
        if not known:
            answer |= {"value": float(value), "gradient": gradient.tolist()}
        print(json.dumps(answer), flush=True)


class Peer:
    """The peer in its own interpreter; idle while it is not asked."""

    def __init__(self, python, per_class, threads):
        command = [python, __file__, "--serve-peer"]
        command += ["--threads", str(threads), "--per-class", str(per_class)]
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def ask(self, name, size):
        self.process.stdin.write(json.dumps([name, size]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended at {name}, batch {size} (exit code {self.process.wait()})")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(step):
    start = time.perf_counter()
    result = step()
    return time.perf_counter() - start, result


def compare(name, size, peer, arguments):
    """One row of the table."""
    step = our_step(name, size, arguments.per_class, arguments.threads, arguments.jit)
    value, gradient = step()  # traces
    ours = [timed(step)[0]]
    row = {"loss": name, "batch": size, "value": float(value)}
    theirs = []
    if peer and size <= arguments.peer_limit.get(name, 0):
        first = peer.ask(name, size)
        theirs.append(first["seconds"])
        row["value_difference"] = abs(float(value) - first["value"])
        row["gradient_difference"] = float(np.abs(gradient - np.array(first["gradient"])).max())
    for _ in range(arguments.rounds - 1):
        ours.append(timed(step)[0])
        if theirs and theirs[0] < SLOW:
            theirs.append(peer.ask(name, size)["seconds"])
    row["seconds"] = min(ours)
    if theirs:
        row["peer_seconds"] = min(theirs)
        row["ratio"] = row["peer_seconds"] / row["seconds"]
    return row


def report(rows):
    head = f"{'loss':18} {'batch':>5} {'tfdml ms':>9} {'PML ms':>9} {'ratio':>7}"
    print(f"{head} {'value diff':>10} {'grad diff':>10}")
    for row in rows:
        cells = [f"{row['loss']:18} {row['batch']:5d} {1e3 * row['seconds']:9.1f}"]
        if "ratio" in row:
            cells += [f"{1e3 * row['peer_seconds']:9.1f} {row['ratio']:6.1f}x"]
            cells += [f"{row['value_difference']:10.1e} {row['gradient_difference']:10.1e}"]
        print(" ".join(cells))


def limits(text):
    pairs = (pair.split("=") for pair in text.split(","))
    return {**PEER_LIMITS, **{name: int(size) for name, size in pairs}}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", help="interpreter of the peer's environment; without it, ours alone")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--per-class", type=int, default=4)
    parser.add_argument("--loss", nargs="+", choices=LOSSES, default=LOSSES)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jit", action="store_true", help="compile our step with XLA")
    parser.add_argument("--peer-limit", type=limits, default=PEER_LIMITS, metavar="nt_xent=512,...")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--serve-peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_peer:
        serve_peer(arguments.per_class, arguments.threads)
        return

    peer = (
        Peer(arguments.peer_python, arguments.per_class, arguments.threads) if arguments.peer_python else None
    )
    rows = []
    for name in arguments.loss:
        for size in arguments.batch:
            rows.append(compare(name, size, peer, arguments))
            print(f"{name} {size}", file=sys.stderr)
    if peer:
        peer.close()
    report(rows)
    if arguments.json:
        unfinished = arguments.json.with_name(arguments.json.name + ".part")
        unfinished.write_text(json.dumps(rows, indent=2) + "\n")
        unfinished.replace(arguments.json)
    worst = max((row.get("value_difference", 0) for row in rows), default=0)
    if worst > 1e-5:
        sys.exit(f"values differ by {worst:.1e}, more than 1e-5")


if __name__ == "__main__":
    main()

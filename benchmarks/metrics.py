"""Time, memory and values of `tfdml.metrics` against pytorch-metric-learning, in one run.

    python benchmarks/metrics.py --peer-python PEER/bin/python
    python benchmarks/metrics.py --samples 60502 --classes 11316 --more

`PEER` is a virtual environment with torch, faiss-cpu and pytorch-metric-learning; without it ours is measured
alone. Each side is a process of its own, they take turns, and the best of `--repeat` rounds counts. The bare
matrix product of all similarities (NumPy, all cores, tile by tile) is the floor that both stand on. `--more`
adds the retrieval figures with intervals, verification over all pairs, and the signs of a collapse. Memory is
the peak of the resident set above what it was before the first call, inputs and libraries loaded. Seconds of
all cores together (`cpu_seconds`) are told too: on a machine with other work they are what a side costs.

The peer's mean reciprocal rank ends at its `k`: it counts what is found later as zero.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SHARED = "precision@1", "r_precision", "map@r"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--classes", type=int, default=1_090)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.5, help="of a sample around the center of its class")
    parser.add_argument("--more", action="store_true", help="measure the other metrics as well")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer-python", help="interpreter that has pytorch-metric-learning")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--worker", nargs=2, metavar=("SIDE", "DATA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options, Path(folder) / "data.npz")
    report(options, results)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n")
    return None


def measure(options, data):
    """The best round of each side: `{side: {seconds, megabytes, figures}}`."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, options.classes, options.samples)
    x = rng.normal(size=(options.classes, options.dim))[labels]
    x = x + options.noise * rng.normal(size=x.shape)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    np.savez(data, x=x.astype("float32"), labels=labels)
    sides = {"tfdml": sys.executable, "matmul": sys.executable}
    if options.more:
        sides.update(dict.fromkeys(MORE, sys.executable))
    if options.peer_python:
        sides["pml"] = options.peer_python
    workers = {
        side: subprocess.Popen(
            [python, __file__, "--worker", side, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for side, python in sides.items()
    }
    results = {}
    for _ in range(options.repeat):
        for side, worker in workers.items():
            print("go", file=worker.stdin, flush=True)
            line = worker.stdout.readline()
            if not line:
                raise RuntimeError(f"{side} ended with exit code {worker.wait()}")
            result = json.loads(line)
            best = results.setdefault(side, result)
            for name in ("seconds", "cpu_seconds"):
                best[name] = min(best[name], result[name])
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return results


def work(side, data):
    """Answers each line of standard input with one measurement."""
    with np.load(data) as arrays:
        x, labels = arrays["x"], arrays["labels"]
    run = {"tfdml": tfdml_side, "pml": pml_side, "matmul": matmul_side, **MORE}[side](x, labels)
    before = resident_peak()
    for _ in sys.stdin:
        start = time.perf_counter(), time.process_time()
        figures = run()
        seconds, cpu_seconds = time.perf_counter() - start[0], time.process_time() - start[1]
        megabytes = (resident_peak() - before) / 1e6
        result = {"seconds": seconds, "cpu_seconds": cpu_seconds, "megabytes": megabytes, "figures": figures}
        print(json.dumps(result), flush=True)


def tfdml_side(x, labels):
    from tfdml.metrics import retrieval

    return lambda: retrieval(x, labels)


def intervals_side(x, labels):
    from tfdml.metrics import retrieval

    return lambda: retrieval(x, labels, confidence=0.95)


def verification_side(x, labels):
    from tfdml.metrics import verification

    return lambda: verification(x, labels, far=(0.1, 0.01, 0.001, 0.0001))


def collapse_side(x, labels):
    from tfdml.metrics import collapse

    return lambda: collapse(x, labels)


MORE = {"intervals": intervals_side, "verification": verification_side, "collapse": collapse_side}


def pml_side(x, labels):
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    names = "precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_reciprocal_rank"
    calculator = AccuracyCalculator(include=names, k="max_bin_count", device=torch.device("cpu"))
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)

    def run():
        values = calculator.get_accuracy(x, labels)
        return dict(zip((*SHARED, "mrr"), (float(values[name]) for name in names), strict=True))

    return run


def matmul_side(x, labels, tile=1024):
    out = np.empty((tile, len(x)), "float32")

    def run():
        for start in range(0, len(x), tile):
            rows = x[start : start + tile]
            np.matmul(rows, x.T, out=out[: len(rows)])
        return {}

    return run


def resident_peak():
    """In bytes, of this process alone: what `getrusage` tells includes the parent's at the start."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def report(options, results):
    print(f"{options.samples:,} x {options.dim}, {options.classes:,} classes, best of {options.repeat}")
    for side, result in results.items():
        times = f"{result['seconds']:8.3f} s  {result['cpu_seconds']:8.3f} s of all cores"
        print(f"  {side:12} {times}  {result['megabytes']:8.0f} MB")
    seconds = {side: result["seconds"] for side, result in results.items()}
    for name in ("seconds", "cpu_seconds"):
        ratio = results["tfdml"][name] / results["matmul"][name]
        print(f"  tfdml takes {ratio:.2f} times the bare matrix product, by {name}")
    if "pml" in results:
        ours, theirs = results["tfdml"]["figures"], results["pml"]["figures"]
        difference = max(abs(ours[name] - theirs[name]) for name in SHARED)
        print(
            f"  tfdml takes {seconds['tfdml'] / seconds['pml']:.2f} times what pytorch-metric-learning takes"
        )
        print(f"  largest difference in {', '.join(SHARED)}: {difference:.1e}")
        print(f"  mean reciprocal rank {ours['mrr']:.6f}, the peer's to its k {theirs['mrr']:.6f}")


if __name__ == "__main__":
    main()

"""The parts of `benchmarks/data.py` that write files: rate and memory of an ingestion."""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

SIDE = 256  # what pictures are brought to
LARGE = (375, 500)  # height and width of the pictures


def ingestion(options):
    """Seconds to ingest JPEG files, and to decode and resize them in a bare loop on the same threads.

    The loop is `cv2.imread`, the crop and `cv2.resize`, in a pool of as many threads; it writes nothing. The
    two take turns. Seconds of the clock are the best round of each; seconds of the processor count all
    threads, and do not depend on what else the machine does.
    """
    import os

    from tfdml.data import ingest_folder

    workers = os.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        photos = write_photos(Path(folder, "photos"), options.images)
        sides = {
            "bare loop": lambda: bare_loop(photos, workers),
            "tfdml": lambda: ingest_folder(photos[0].parents[1], Path(folder, "out.hdf5"), size=SIDE),
        }
        results = {"images": len(photos), "threads": workers, "height and width": LARGE, "side": SIDE}
        for _ in range(options.repeat):
            for name, run in sides.items():
                for written in Path(folder).glob("out*"):
                    written.unlink()
                clock, processor = time.monotonic(), time.process_time()
                run()
                took = {"clock": time.monotonic() - clock, "processor": time.process_time() - processor}
                best = results.setdefault(name, took)
                results[name] = {unit: round(min(best[unit], took[unit]), 2) for unit in took}
    for unit in ("clock", "processor"):
        ratio = results["bare loop"][unit] / results["tfdml"][unit]
        results[f"rate against the bare loop, {unit}"] = round(ratio, 3)
        print(f"  {unit}: {ratio:.2f} of the rate of the bare loop")
    return results


def memory(options):
    """Peak memory of an ingestion of a tenth of the images, and of all, each in a process of its own."""
    program = (
        "import resource, sys; from tfdml.data import ingest_folder;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"ingest_folder(sys.argv[1], sys.argv[2], size={SIDE});"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    results = {}
    for images in (options.images // 10, options.images):
        with tempfile.TemporaryDirectory() as folder:
            write_photos(Path(folder, "photos"), images)
            command = [sys.executable, "-c", program, f"{folder}/photos", f"{folder}/out.hdf5"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        results[f"{images} images"] = megabytes = round(float(done.stdout), 1)
        print(f"  {images} images: {megabytes:.0f} MB above what the libraries take")
    return results


def write_photos(folder, count):
    """JPEG files of about 100 KB in 100 folders; their paths."""
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (40, 60, 3), "uint8")
    smooth = cv2.resize(rough, LARGE[::-1], interpolation=cv2.INTER_CUBIC)
    paths = [folder / f"{number % 100:03}" / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = cv2.add(np.roll(smooth, 7 * number, axis=1), rng.integers(0, 20, smooth.shape, "uint8"))
        cv2.imwrite(str(path), picture)
    return sorted(paths)


def bare_loop(paths, workers):
    """Decodes and resizes, and does nothing else."""

    def work(path):
        picture = cv2.imread(str(path))
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[top : top + side, left : left + side]
        return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, paths):  # results are dropped
            continue

"""The interpreters that measure, seen from the one that asks them."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREAD_VARIABLES = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"


class Side:
    """One side in an interpreter of its own; idle while it is not asked.

    Args:
        kind: `"plain"`, `"xla"`, `"tiled"`, `"pml"` or `"tfa"`.
        python: Interpreter that has the library.
        threads: Threads it may use.
        limit: Bytes that a computation may take.
    """

    def __init__(self, kind, python=sys.executable, threads=2, limit=8 * 2**30):
        self.kind = kind
        name = kind if kind in ("pml", "tfa") else "tfdml"
        environment = dict.fromkeys(THREAD_VARIABLES, str(threads))
        environment |= {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": "tensorflow",
            "PYTHONWARNINGS": "ignore",
        }
        # Threads that wait leave the processor to others. On a busy machine the peer is several times slower
        # without, and its processor time is that of waiting.
        environment["OMP_WAIT_POLICY"] = "passive"
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.losses.worker", name, str(threads), str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
        )
        self.versions = self._answer()["versions"]

    def open(self, case, batch, warm):
        """Builds the step of a case; `warm`: one of a small batch comes before."""
        self._ask(json.dumps({"name": case, "batch_size": batch, "kind": self.kind, "warm": warm}))

    def step(self):
        """Runs it once: `{seconds, cpu_seconds, bytes, value, gradient}`. Memory is that of the first alone:
        libraries keep it.
        """
        return self._ask("step")

    def close(self):
        """Ends what `open` has begun."""
        self._send("end")
        self._ended()

    def quit(self):
        """Ends the interpreter."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, line):
        self._send(line)
        answer = self._answer()
        if "failed" in answer:
            self._ended()
            raise FailedError(answer["failed"])
        if "ended" in answer:  # killed, or by a library that could not go on
            raise FailedError(f"ended with exit code {answer['ended']}")
        return answer

    def _ended(self):
        answer = self._answer()
        while "ended" not in answer:
            answer = self._answer()

    def _send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.kind} ended with exit code {self.process.wait()}")
        return json.loads(line)


class FailedError(Exception):
    """The computation came to no result; its side goes on."""

    @property
    def memory(self):
        """Whether for want of memory."""
        text = str(self).lower()
        return any(word in text for word in ("memory", "alloc", "exhausted", "oom", "exit code -"))

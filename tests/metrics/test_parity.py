"""Figures of pytorch-metric-learning, which `tests/fixtures/metrics/make_pml.py` recorded."""

from pathlib import Path

import numpy as np
import pytest

from tfdml.metrics import retrieval

pytestmark = pytest.mark.backend

RECORDED = Path(__file__).parents[1] / "fixtures" / "metrics" / "pml.npz"
NAMES = "precision@1", "r_precision", "map@r", "map", "mrr"


@pytest.mark.parametrize("case", ["pool", "gallery"])
def test_equals_pytorch_metric_learning(case):
    with np.load(RECORDED) as recorded:
        x, labels = recorded["embeddings"], recorded["labels"]
        given = (x, labels) if case == "pool" else (x[:30], labels[:30], x[30:], labels[30:])
        figures = retrieval(*given)
        assert figures["queries_dropped"] > 0
        for name in NAMES:
            assert figures[name] == pytest.approx(float(recorded[f"{case}/{name}"]), abs=1e-6), name

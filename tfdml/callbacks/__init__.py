"""Callbacks for `model.fit`."""

from tfdml.callbacks.backup import Backup
from tfdml.callbacks.collapse_monitor import CollapseMonitor
from tfdml.callbacks.retrieval_evaluation import RetrievalEvaluation

__all__ = ["Backup", "CollapseMonitor", "RetrievalEvaluation"]

"""Callbacks for `model.fit`."""

from tfdml.callbacks.backup import Backup
from tfdml.callbacks.retrieval_evaluation import RetrievalEvaluation

__all__ = ["Backup", "RetrievalEvaluation"]

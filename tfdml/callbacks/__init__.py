"""Callbacks for `model.fit`."""

from tfdml.callbacks.backup import Backup
from tfdml.callbacks.center_refresh import CenterRefresh
from tfdml.callbacks.collapse_monitor import CollapseMonitor
from tfdml.callbacks.continual_centers import ContinualCenters
from tfdml.callbacks.retrieval_evaluation import RetrievalEvaluation

__all__ = ["Backup", "CenterRefresh", "CollapseMonitor", "ContinualCenters", "RetrievalEvaluation"]

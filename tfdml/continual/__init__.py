"""Learning task after task: scenarios, strategies against forgetting, and what is measured of them."""

from tfdml.continual.buffers import ClassBalanced, Reservoir
from tfdml.continual.catalog import load_scenario
from tfdml.continual.centers import add_centers, drop_centers, influence
from tfdml.continual.class_means import ClassMeans, NearestClassMean
from tfdml.continual.conceptors import Conceptors, conceptor
from tfdml.continual.drifting import drift
from tfdml.continual.ewc import EWC
from tfdml.continual.fisher import diagonal_fisher
from tfdml.continual.gem import GEM
from tfdml.continual.gradient_projection import project_gradient
from tfdml.continual.growing import GrowingImpostors
from tfdml.continual.impostors import Impostors
from tfdml.continual.joint import JointTraining
from tfdml.continual.metrics import summary
from tfdml.continual.part import Part, joined
from tfdml.continual.plots import plot_accuracy, plot_matrix
from tfdml.continual.replay import Replay
from tfdml.continual.result import Result
from tfdml.continual.running import run
from tfdml.continual.scenario import Scenario, Task
from tfdml.continual.splitting import split_classes
from tfdml.continual.strategy import FineTuning, Strategy
from tfdml.continual.synaptic import SynapticIntelligence
from tfdml.continual.task_softmax import TaskSoftmax

__all__ = [
    "EWC",
    "GEM",
    "ClassBalanced",
    "ClassMeans",
    "Conceptors",
    "FineTuning",
    "GrowingImpostors",
    "Impostors",
    "JointTraining",
    "NearestClassMean",
    "Part",
    "Replay",
    "Reservoir",
    "Result",
    "Scenario",
    "Strategy",
    "SynapticIntelligence",
    "Task",
    "TaskSoftmax",
    "add_centers",
    "conceptor",
    "diagonal_fisher",
    "drift",
    "drop_centers",
    "influence",
    "joined",
    "load_scenario",
    "plot_accuracy",
    "plot_matrix",
    "project_gradient",
    "run",
    "split_classes",
    "summary",
]
